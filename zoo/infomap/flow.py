"""Flow of a random walker on a network: visit rates of nodes and flow along links."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Flow:
    """Visit rates and link flow, in fractions of all steps; what the map equation reads.

    Links of a node to itself are left out: they never leave a module.

    Attributes:
        node: float64 (nodes,), visit rates; their sum is 1.
        starts: int64 (nodes + 1,), rows of the links that leave each node.
        targets: int32 (links,).
        link: float64 (links,), flow along each link. For an undirected flow each link stands in
            the rows of both its ends, with its flow in one direction in each.
        in_starts: int64 (nodes + 1,), rows of the links that enter; None where the flow is
            symmetric, so that the leaving rows serve.
        in_sources: int32 (links,), or None.
        in_link: float64 (links,), or None.
        teleport: float64 (nodes,), flow that leaves each node by recorded teleportation;
            None without it.
        landing: float64 (nodes,), the share of teleporting flow that lands on each node, sum 1;
            None without recorded teleportation.
        physical: int32 (nodes,), the physical node of each state node; None if each is its own.
    """

    node: np.ndarray
    starts: np.ndarray
    targets: np.ndarray
    link: np.ndarray
    in_starts: np.ndarray | None = None
    in_sources: np.ndarray | None = None
    in_link: np.ndarray | None = None
    teleport: np.ndarray | None = None
    landing: np.ndarray | None = None
    physical: np.ndarray | None = None

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.node)
