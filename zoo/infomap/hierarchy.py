"""Modules within modules: the two-level search again, above the modules it found and inside them.

A parent that is left at rate Q and whose children are entered at rates q'_c has an index codebook
of its own. Seen from it, a child is what a node is to a module, with q'_c for its visit rate. So
the search over the children finds modules *between* them and their parent, and the search over a
module's nodes, with Q its exit flow, finds modules *inside* (Rosvall and Bergstrom 2011). All
parents of one depth are searched in one call.
"""

from __future__ import annotations

import numpy as np

from zoo.compiling import kernel
from zoo.infomap.level import Level, aggregate, induced
from zoo.infomap.logarithm import plogp
from zoo.infomap.moving import ENTER, FLOW, GENERAL, LEAVE, TERM, module_sums
from zoo.infomap.search import parents_of, renumber, search

GAIN = 1e-10  # bits that a level must save


def hierarchy(level: Level, labels: np.ndarray, seed: int) -> tuple[list[np.ndarray], float]:
    """Finds levels above and inside the modules of a two-level partition.

    Args:
        level: the nodes.
        labels: int32 (nodes,), the partition, numbered 0, 1, ...
        seed: of the order of visits.

    Returns:
        Labels from the top level to the lowest, int32 (nodes,) each, none if one module is best;
        and the bits saved against one module.
    """
    levels, last, saved = [], np.zeros_like(labels), 0.0
    nodes, groups, exits = (
        np.arange(labels.size, dtype=np.int32),
        np.zeros_like(labels),
        np.zeros(1),
    )
    while nodes.size:
        gain = gains(level, labels, groups, exits)
        divides = gain > GAIN
        if not divides.any():
            break
        count = joined_modules(level, labels, groups, exits, seed)
        saved += gains(level, labels, groups, exits)[divides].sum()
        exits = module_sums(level, labels, count, GENERAL)[:, LEAVE]
        divided = divides[groups]
        last = last.copy()
        last[nodes[divided]] = 1 + last.max() + labels[divided]
        renumber(last, 1 + last.max())
        levels.append(last)
        several = np.bincount(labels, minlength=count) > 1
        kept = np.flatnonzero(divided & several[labels]).astype(np.int32)
        kept = kept[np.argsort(labels[kept], kind="stable")]
        level, nodes = induced(level, labels, kept), nodes[kept]
        old, groups = np.unique(labels[kept], return_inverse=True)
        groups, exits = groups.astype(np.int32), exits[old]
        if nodes.size:
            labels = np.arange(nodes.size, dtype=np.int32)
            search(level, labels, groups, exits, seed)
    return levels, saved


@kernel
def joined_modules(
    level: Level, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray, seed: int
) -> int:
    """Joins the modules of each group in larger ones, and those, as often as this saves bits.

    Args:
        level: the nodes; a link joins nodes of one group only.
        labels: int32 (nodes,), the modules; changed to the uppermost ones below the group.
        groups: int32 (nodes,), the parent of each node.
        exits: float64 (groups,), the exit flow of each parent.
        seed: of the order of visits.

    Returns:
        The number of modules.
    """
    count = labels.max() + 1
    parents = parents_of(labels, groups, count)
    upper = _entered(aggregate(level, labels, count))
    while True:
        joined = np.arange(count).astype(np.int32)
        search(upper, joined, parents, exits, seed)
        gain = gains(upper, joined, parents, exits)
        for m in range(count):
            if gain[parents[m]] <= GAIN:
                joined[m] = count + m
        fewer = renumber(joined, 2 * count)
        if fewer == count:
            return count
        for x in range(labels.size):
            labels[x] = joined[labels[x]]
        parents = parents_of(joined, parents, fewer)
        upper = _entered(aggregate(upper, joined, fewer))
        count = fewer


@kernel
def _entered(level: Level) -> Level:
    """Returns the level with enter flow in place of visit rates: what an index codebook names."""
    return Level(
        level.starts,
        level.targets,
        level.half,
        level.enter,
        level.leave,
        level.enter,
        level.teleport,
        level.landing,
        level.symmetric,
    )


@kernel
def gains(level: Level, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray) -> np.ndarray:
    """Returns the bits that the modules save in each group, float64 (groups,)."""
    count = labels.max() + 1
    sums = module_sums(level, labels, count, GENERAL)
    parents = parents_of(labels, groups, count)
    whole, index = exits.copy(), exits.copy()
    gain = np.zeros(exits.size)
    for m in range(count):
        whole[parents[m]] += sums[m, FLOW]
        index[parents[m]] += sums[m, ENTER]
        gain[parents[m]] -= sums[m, TERM]
    for g in range(exits.size):
        gain[g] += plogp(whole[g]) - plogp(index[g])
    return gain
