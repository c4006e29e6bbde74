"""A level of the search: what moves between modules, be it nodes or whole modules.

The search looks at a flow in one form only. When node x moves, the exit and the enter flow of its
old and its new module change by the flow between x and the module *both ways*, so that the
directions of the links matter no more once each node's own exit and enter flow are known. A level
therefore keeps symmetric rows, each link with half of the flow both ways, which for an undirected
flow are the rows at hand, not copied. Numbers of nodes and links are unsigned, for Numba looks at
the sign of each signed index.

A level is the largest array of a search, and a caller holds its arguments until the kernel that it
called returns. Functions that hand a level on are therefore compiled into their callers
(`inline`), which let go of it after its last use.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zoo.infomap.kernels.physical import Physical, kept_physical, merged_physical
from zoo.kernels import inline, kernel

FLOW, LEAVE, ENTER, TELEPORT, LANDING = range(5)  # columns of the rates of a level
WITHOUT, WITH_TELEPORT = 3, 5  # numbers of columns


class Level(NamedTuple):
    """Nodes, or modules of nodes, and the flow between them.

    Attributes:
        starts: uint64 (nodes + 1,), rows of the links.
        targets: uint32 (links,).
        half: float64 (links,), half of the flow of each link both ways.
        rates: float64 (nodes, columns): the visits of each node (FLOW), the flow that leaves it by
            links and by teleportation (LEAVE), the flow that enters it (ENTER); where teleportation
            is recorded also the flow that leaves it so (TELEPORT), and the share of all such flow
            that lands on it (LANDING).
        alone: float64 (nodes,), bits saved where the node is a module of its own, which then needs
            no codebook: so it is of modules between modules; (0,) where the nodes are leaves.
        physical: the physical nodes of states; nothing if each node is its own.
        symmetric: whether every node is entered as often as it is left.
    """

    starts: np.ndarray
    targets: np.ndarray
    half: np.ndarray
    rates: np.ndarray
    alone: np.ndarray
    physical: Physical
    symmetric: bool


@kernel
def both_ways(
    starts: np.ndarray,
    targets: np.ndarray,
    link: np.ndarray,
    in_starts: np.ndarray,
    in_sources: np.ndarray,
    in_link: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge the sorted rows of the links that leave and that enter, but for links without flow."""
    rows = np.zeros(starts.size, np.int64)
    others = np.empty(targets.size + in_sources.size, np.int32)
    half = np.empty(others.size)
    p = 0
    for x in range(starts.size - 1):
        # Both rows rise: take the smaller end, or both where they are the same.
        i, j = starts[x], in_starts[x]
        while i < starts[x + 1] or j < in_starts[x + 1]:
            goes = i < starts[x + 1] and (j == in_starts[x + 1] or targets[i] <= in_sources[j])
            comes = j < in_starts[x + 1] and (i == starts[x + 1] or in_sources[j] <= targets[i])
            half[p] = 0.0
            if goes:
                others[p] = targets[i]
                half[p] += 0.5 * link[i]
                i += 1
            if comes:
                others[p] = in_sources[j]
                half[p] += 0.5 * in_link[j]
                j += 1
            p += half[p] > 0
        rows[x + 1] = p
    return rows, others[:p], half[:p]


@kernel
def aggregate(level: Level, labels: np.ndarray, count: int) -> Level:
    """Return the level whose nodes are the modules.

    Args:
        level: the nodes.
        labels: uint32 (nodes,), the module of each.
        count: number of modules.
    """
    first, members = members_of(labels, count)
    starts = np.zeros(count + 1, np.uint64)
    targets = np.empty(level.targets.size, np.uint32)
    half = np.empty(level.half.size)
    columns = level.rates.shape[1]
    rates = np.zeros((count, columns))
    alone = np.zeros(count if level.alone.size else 0)
    found = np.zeros(count)  # flow between the module at hand and each other, half both ways
    p = 0
    for m in range(count):
        # Add up what the members have, and their links by the module at the other end.
        begin, inner, stays = p, 0.0, 0.0
        for i in range(first[m], first[m + 1]):
            x = members[i]
            for c in range(columns):
                rates[m, c] += level.rates[x, c]
            if columns == WITH_TELEPORT:
                stays += level.rates[x, TELEPORT] * level.rates[x, LANDING]
            for j in range(level.starts[x], level.starts[x + 1]):
                other = labels[level.targets[j]]
                if other == m:
                    inner += level.half[j]
                else:
                    targets[p] = other
                    p += found[other] == 0
                    found[other] += level.half[j]
        # What stays inside neither leaves nor enters; teleportation to itself never left.
        if columns == WITH_TELEPORT:
            inner += rates[m, TELEPORT] * rates[m, LANDING] - stays
        rates[m, LEAVE] -= inner
        rates[m, ENTER] -= inner
        if alone.size and first[m + 1] - first[m] == 1:
            alone[m] = level.alone[members[first[m]]]
        # Write the row, and clear the sums for the next module.
        for i in range(begin, p):
            half[i] = found[targets[i]]
            found[targets[i]] = 0.0
        starts[m + 1] = p
    # What was not written to takes no memory if it is new, but does where it is used again.
    if 2 * p < targets.size:
        targets, half = targets[:p].copy(), half[:p].copy()
    rows = starts, targets[:p], half[:p]
    physical = merged_physical(level.physical, first, members)
    return Level(*rows, rates, alone, physical, level.symmetric)


@inline
def stacked(levels: list[Level]) -> Level:
    """Return levels without physical nodes, and without links between them, as one level."""
    if len(levels) == 1:
        return levels[0]
    nodes = links = 0
    for level in levels:
        nodes += level.rates.shape[0]
        links += level.targets.size
    starts, targets = np.zeros(nodes + 1, np.uint64), np.empty(links, np.uint32)
    half, rates = np.empty(links), np.empty((nodes, levels[0].rates.shape[1]))
    alone = np.empty(nodes if levels[0].alone.size else 0)
    x = p = 0
    for level in levels:
        y, q = x + level.rates.shape[0], p + level.targets.size
        starts[x + 1 : y + 1] = level.starts[1:] + np.uint64(p)
        targets[p:q] = level.targets + np.uint32(x)
        half[p:q] = level.half
        for c in range(rates.shape[1]):
            rates[x:y, c] = level.rates[:, c]
        if alone.size:
            alone[x:y] = level.alone
        x, p = y, q
    first = levels[0]
    return Level(starts, targets, half, rates, alone, first.physical, first.symmetric)


@kernel
def members_of(labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort nodes by module: module m has `members[first[m]:first[m + 1]]`."""
    first = np.zeros(count + 2, np.uint32)
    for label in labels:
        first[label + 2] += 1
    for m in range(count):
        first[m + 2] += first[m + 1]
    members = np.empty(labels.size, np.uint32)
    for x in range(labels.size):
        place = labels[x] + 1
        members[first[place]] = x
        first[place] += 1
    return first[:-1], members


@kernel
def induced(level: Level, labels: np.ndarray, kept: np.ndarray) -> Level:
    """Return the level of some nodes, with the links between nodes of one module only.

    Args:
        level: the nodes.
        labels: uint32 (nodes,), the module of each.
        kept: uint32 (kept,), the nodes to keep, whole modules, in their new order.
    """
    # New numbers of the nodes, and room for all of their links.
    place = np.zeros(labels.size, np.uint32)
    links = 0
    for i in range(kept.size):
        place[kept[i]] = i
        links += np.int64(level.starts[kept[i] + 1] - level.starts[kept[i]])
    starts = np.zeros(kept.size + 1, np.uint64)
    targets, half = np.empty(links, np.uint32), np.empty(links)
    # Links to other modules are dropped.
    p = 0
    for i in range(kept.size):
        x = kept[i]
        for j in range(level.starts[x], level.starts[x + 1]):
            y = level.targets[j]
            if labels[y] == labels[x]:
                targets[p] = place[y]
                half[p] = level.half[j]
                p += 1
        starts[i + 1] = p
    rates = np.empty((kept.size, level.rates.shape[1]))
    for i in range(kept.size):
        for c in range(rates.shape[1]):
            rates[i, c] = level.rates[kept[i], c]
    return Level(
        starts,
        targets[:p],
        half[:p],
        rates,
        level.alone[kept] if level.alone.size else level.alone,
        kept_physical(level.physical, labels, kept),
        level.symmetric,
    )
