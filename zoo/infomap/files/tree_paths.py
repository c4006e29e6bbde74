"""Where each node stands in a tree of modules: the paths that tree files are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zoo.infomap.flow import Flow
from zoo.infomap.map_equation import boundary
from zoo.infomap.tree import Tree

Ranks = tuple[int, ...]


@dataclass(frozen=True)
class Leaves:
    """The leaves of a tree in its order: nodes, or the state nodes of one physical node together.

    Attributes:
        ranks: int64 (nodes, levels + 1), for each node and level, from the top, the place of its
            module among those of the module above, counted from 1; last the place of its leaf.
            0 where a module is the only part of the one above, so that the level is skipped.
        first: int64 (leaves,), the first node of each leaf.
        flow: float64 (leaves,).
    """

    ranks: np.ndarray
    first: np.ndarray
    flow: np.ndarray

    @property
    def depth(self) -> int:
        """Length of the longest path."""
        return int((self.ranks > 0).sum(axis=1).max())

    def path(self, node: int, levels: int | None = None) -> tuple[int, ...]:
        """Return the path of a node, or of its module `levels` levels down."""
        return tuple(rank for rank in self.ranks[node, :levels].tolist() if rank)

    def paths(self) -> list[tuple[int, ...]]:
        """Return the path of each leaf."""
        return [tuple(filter(None, ranks)) for ranks in self.ranks[self.first].tolist()]


def leaves_of(tree: Tree, flow: np.ndarray, units: np.ndarray | None = None) -> Leaves:
    """Put the nodes of a tree in order: modules by their numbers, leaves by decreasing flow.

    Args:
        tree: the modules.
        flow: float64 (nodes,), visit rates.
        units: int (nodes,), nodes of one number that share a module are one leaf; default each
            node is a leaf.
    """
    above = np.zeros(len(flow), np.int64)
    ranks = []
    for level in tree.levels:
        parent = np.zeros(int(level.max()) + 1, np.int64)
        parent[level] = above
        rank = _ranks_within(parent, np.arange(len(parent)))
        if ranks:
            rank[np.bincount(parent)[parent] == 1] = 0
        ranks.append(rank[level])
        above = level
    units = np.arange(len(flow)) if units is None else units
    keys = above * (int(units.max()) + 1) + units
    _, first, leaf = np.unique(keys, return_index=True, return_inverse=True)
    leaf_flow = np.bincount(leaf, flow)
    falling = -np.round(leaf_flow, 12)  # so that rounding errors do not order equals
    ranks.append(_ranks_within(above[first], falling, units[first])[leaf])
    table = np.stack(ranks, axis=1)
    order = np.lexsort(table[first].T[::-1])
    return Leaves(table, first[order], leaf_flow[order])


def _ranks_within(parent: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """Return the places, from 1, of children among those of the same parent, sorted by keys."""
    order = np.lexsort((*keys[::-1], parent))
    sizes = np.bincount(parent)
    starts = np.cumsum(sizes) - sizes
    ranks = np.empty(len(parent), np.int64)
    ranks[order] = np.arange(len(parent)) - np.repeat(starts, sizes) + 1
    return ranks


def module_flows(leaves: Leaves, tree: Tree, walk: Flow) -> dict[Ranks, tuple[float, float]]:
    """Return the flow that enters and that leaves each module, by its path; the root's is ()."""
    flows: dict[Ranks, tuple[float, float]] = {(): (0.0, 0.0)}
    for depth, level in enumerate(tree.levels, 1):
        first = np.unique(level, return_index=True)[1]
        entered, left = boundary(walk, level)
        for node, enter, leave in zip(first.tolist(), entered.tolist(), left.tolist(), strict=True):
            flows[leaves.path(node, depth)] = enter, leave
    return flows


def part_flows(leaves: Leaves, tree: Tree, walk: Flow) -> dict[Ranks, list[tuple[int, int, float]]]:
    """Return the flow from part to part of each module, by the module's path.

    Of an undirected walk the flow between two parts is that in both directions, and stands once.

    Returns:
        For each module (source, target, flow), parts counted from 1.
    """
    sources = np.repeat(np.arange(walk.nodes, dtype=np.int32), np.diff(walk.starts))
    targets, flow = walk.targets, walk.link
    undirected = not walk.directed
    if undirected:
        once = sources < targets
        sources, targets, flow = sources[once], targets[once], 2 * flow[once]
    found: dict[Ranks, list[tuple[int, int, float]]] = {}
    modules = [np.zeros(walk.nodes, np.int64), *tree.levels]
    for depth, (module, rank) in enumerate(zip(modules, leaves.ranks.T, strict=True)):
        inside = (module[sources] == module[targets]) & (rank[sources] != rank[targets])
        ends = np.stack([rank[sources[inside]], rank[targets[inside]]])
        if undirected:
            ends.sort(axis=0)
        first = np.unique(module, return_index=True)[1]
        for here, source, target, amount in _summed(module[sources[inside]], ends, flow[inside]):
            path = leaves.path(int(first[here]), depth)
            found.setdefault(path, []).append((source, target, amount))
    return found


def _summed(
    modules: np.ndarray, ends: np.ndarray, flow: np.ndarray
) -> Iterator[tuple[int, int, int, float]]:
    """Give module, two ends and the sum of the flow of the links that share them, in order."""
    keys = np.stack([modules, *ends])
    order = np.lexsort(keys[::-1])
    keys, flow = keys[:, order], flow[order]
    new = np.flatnonzero(np.any(keys[:, 1:] != keys[:, :-1], axis=0)) + 1
    starts = np.concatenate([[0], new])[: len(flow)]
    return zip(*keys[:, starts].tolist(), np.add.reduceat(flow, starts).tolist(), strict=True)
