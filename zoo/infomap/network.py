"""Networks as sorted sparse rows: what readers make and flow models read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """A network; the links of node `a` are `targets[starts[a]:starts[a + 1]]`.

    In an undirected network a link between two nodes stands in the rows of both, a self-link once
    in its row. Rows are sorted by target and hold each target once: parallel links are added.

    Attributes:
        starts: int64 (nodes + 1,).
        targets: int32 (links,).
        weights: float64 (links,), positive.
        directed: whether links have a direction.
        node_weights: float64 (nodes,), where teleportation lands and how a node without links
            counts; None for one each.
        names: a name for each node; None if there are none.
        ids: int64 (nodes,), the numbers that the source gave the nodes; None for 0, 1, 2, ...
        physical: int32 (nodes,), the physical node of each state node; None if each is its own.
        layers: int32 (nodes,), the layer of each state node of a multilayer network, or None.
        first_feature: in a bipartite network, the first node of the second kind, or None.
    """

    starts: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    directed: bool = False
    node_weights: np.ndarray | None = None
    names: list[str] | None = None
    ids: np.ndarray | None = None
    physical: np.ndarray | None = None
    layers: np.ndarray | None = None
    first_feature: int | None = None

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.starts) - 1
