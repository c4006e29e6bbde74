"""Flow of a random walker on a network: visit rates of nodes and flow along links."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.compiling import kernel
from zoo.infomap.network import Network


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


def make_flow(network: Network, *, model: str = "undirected") -> Flow:
    """Return the flow of a random walker on a network.

    Args:
        network: the links.
        model: `undirected`: the walker takes links in proportion to their weights.
    """
    if model != "undirected":
        raise ValueError(f"no flow model {model!r}: expected undirected")
    return _undirected(network)


def _undirected(network: Network) -> Flow:
    """Visit rates are strengths; they need no iteration, for the walk is reversible."""
    node, link = np.empty(network.nodes), np.empty(len(network.targets))
    loops = _share(network.starts, network.targets, network.weights, node, link)
    starts, targets = network.starts, network.targets
    if loops:
        starts, targets = starts.copy(), targets.copy()
        links = _drop_loops(starts, targets, link)
        targets, link = targets[:links], link[:links]
    return Flow(node, starts, targets, link, physical=network.physical)


@kernel
def _share(
    starts: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    node_flow: np.ndarray,
    link_flow: np.ndarray,
) -> int:
    """Write each node's and each link's share of the weight; return the number of self-links."""
    loops = 0
    total = weights.sum()
    for node in range(len(starts) - 1):
        strength = 0.0
        for entry in range(starts[node], starts[node + 1]):
            strength += weights[entry]
            link_flow[entry] = weights[entry] / total
            loops += targets[entry] == node
        node_flow[node] = strength / total
    return loops


@kernel
def _drop_loops(starts: np.ndarray, targets: np.ndarray, flow: np.ndarray) -> int:
    """Drop self-links, in place; return the number of links left."""
    kept = entry = 0
    for node in range(len(starts) - 1):
        first, stop = kept, starts[node + 1]
        while entry < stop:
            if targets[entry] != node:
                targets[kept] = targets[entry]
                flow[kept] = flow[entry]
                kept += 1
            entry += 1
        starts[node] = first
    starts[-1] = kept
    return kept
