"""Modules within modules: the two-level search again, above the modules it found and inside them.

A parent that is left at rate Q and whose children are entered at rates q'_c has an index codebook
of its own. Seen from it, a child is what a node is to a module, with q'_c for its visit rate. So
the search over the children finds modules *between* them and their parent, and the search over a
module's nodes, with Q its exit flow, finds modules *inside* (Rosvall and Bergstrom 2011). All
parents of one depth are searched in one call.
"""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import LEAVE, Level, aggregate, induced
from zoo.infomap.kernels.hierarchy import GAIN, gains, super_modules
from zoo.infomap.kernels.multilevel import divide, parents_of, renumber
from zoo.infomap.kernels.two_level import search

Labels = list[np.ndarray]


def hierarchy(
    level: Level,
    labels: np.ndarray,
    top: Level,
    seed: int,
    *,
    join: bool = True,
    eager: bool = True,
) -> tuple[Labels, float]:
    """Search for levels above the modules of a two-level partition, and inside them.

    Args:
        level: the nodes.
        labels: uint32 (nodes,), the modules 0, 1, ...
        top: the modules as a level.
        seed: chooses the order of visits.
        join: whether these modules may be joined in larger ones.
        eager: how they are joined, see `super_modules`.

    Returns:
        Labels from the top level to the lowest, uint32 (nodes,) each, none if one module is best;
        and the bits that they save.
    """
    levels, saved, last = [], 0.0, np.zeros_like(labels)
    places = np.arange(labels.size, dtype=np.uint32)
    groups, exits = np.zeros_like(labels), np.zeros(1)
    while True:
        # Which parents are worth dividing into the modules found; then levels between them.
        parents = parents_of(labels, groups, len(top.rates))
        divides = gains(top, parents, exits) > GAIN
        if not divides.any():
            return levels, saved
        lower = labels
        if levels or join:
            labels, top, parents = _joined(labels, top, parents, exits, seed, eager)
        # Note the level.
        saved += float(gains(top, parents, exits)[divides].sum())
        last = _divided(last, places, labels, divides[groups])
        levels.append(last)
        # The modules are the parents of the next round, if they have nodes to divide.
        kept = divides[parents] & (np.bincount(labels) > 1)
        if not kept.any():
            return levels, saved
        exits = top.rates[kept, LEAVE]
        order, groups = _members(labels, kept)
        parts, inside = divide(level, labels, order, groups, exits, seed)
        gained = gains(inside, parents_of(parts, groups, len(inside.rates)), exits)
        del top, inside  # of use no more, and large
        joined = lower is not labels
        if not joined and not (gained > GAIN).any():
            return levels, saved
        # Search inside all of them in one call; some begin with the modules that were joined.
        level, places, labels = induced(level, labels, order), places[order], parts
        if joined:
            labels = _better(level, labels, numbered(lower[order]), groups, exits)
        rates = search(level, labels, groups, exits, seed, 0)
        top = aggregate(level, labels, len(rates))


def _joined(
    labels: np.ndarray,
    top: Level,
    parents: np.ndarray,
    exits: np.ndarray,
    seed: int,
    eager: bool,
) -> tuple[np.ndarray, Level, np.ndarray]:
    """Join the modules of each group in larger ones, and those, as often as this saves bits.

    Args:
        labels: uint32 (nodes,), the modules.
        top: the modules; a link joins modules of one group only.
        parents: uint32 (modules,), the group of each.
        exits: float64 (groups,), the exit flow of each group.
        seed: chooses the order of visits.
        eager: see `super_modules`.

    Returns:
        The uppermost modules below the group, in the same three forms.
    """
    while True:
        own = np.arange(len(top.rates), dtype=np.uint32)
        joined, _ = super_modules(top, own, parents, exits, seed, eager)
        count = count_of(joined)
        if count == own.size:
            return labels, top, parents
        labels, parents = joined[labels], parents_of(joined, parents, count)
        top = aggregate(top, joined, count)


def _better(
    level: Level, labels: np.ndarray, others: np.ndarray, groups: np.ndarray, exits: np.ndarray
) -> np.ndarray:
    """Return the modules of one or the other partition, those that save more in each group."""
    saved = []
    for found in (labels, others):
        count = count_of(found)
        parents = parents_of(found, groups, count)
        saved.append(gains(aggregate(level, found, count), parents, exits))
    return numbered(np.where((saved[1] > saved[0])[groups], count_of(labels) + others, labels))


def _divided(
    last: np.ndarray, places: np.ndarray, labels: np.ndarray, divided: np.ndarray
) -> np.ndarray:
    """Return labels of all nodes with those of some replaced by the modules they are divided in.

    Args:
        last: uint32 (all,), the labels to begin with.
        places: uint32 (nodes,), numbers of nodes among all.
        labels: uint32 (nodes,), their modules.
        divided: bool (nodes,), whether these count.
    """
    new = last.copy()
    new[places[divided]] = count_of(last) + labels[divided]
    return numbered(new)


def _members(labels: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes of some modules, sorted by module, and a number for the module of each.

    Args:
        labels: uint32 (nodes,), the modules.
        kept: bool (modules,), the modules that count.
    """
    order = np.argsort(labels, kind="stable").astype(np.uint32)
    order = order[kept[labels[order]]]
    return order, (np.cumsum(kept) - 1).astype(np.uint32)[labels[order]]


def numbered(labels: np.ndarray) -> np.ndarray:
    """Number modules 0, 1, ... in order of their first node, uint32 (nodes,)."""
    new = labels.astype(np.uint32)
    renumber(new, count_of(new))
    return new


def count_of(labels: np.ndarray) -> int:
    """Return the number of modules."""
    return int(labels.max()) + 1
