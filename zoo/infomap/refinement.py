"""Changes of a tree that hold its lowest modules: levels are searched again, added, dropped.

Between a module and the modules two levels down stand those one level down, which may be anything:
with all the rest as it is, the codelength depends on them just as that of two levels depends on
the modules of nodes, and the same search finds better ones.
"""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import Level, aggregate, induced
from zoo.infomap.kernels.hierarchy import GAIN, super_cost, super_modules
from zoo.infomap.kernels.multilevel import parents_of
from zoo.infomap.kernels.two_level import search

Labels = list[np.ndarray]
ROUNDS = 10


def refined(nodes: Level, levels: Labels, seed: int) -> tuple[Labels, float]:
    """Search the levels of a tree again, one by one, until nothing is saved.

    Args:
        nodes: the level of the nodes.
        levels: uint32 (nodes,) each, from the top, numbered 0, 1, ..., nested.
        seed: chooses the order of visits.

    Returns:
        The new levels, and the bits saved.
    """
    atoms = aggregate(nodes, levels[-1], count_of(levels[-1]))
    own = np.arange(atoms.flow.size, dtype=np.uint32)
    tree = [parents_of(levels[-1], level, own.size) for level in levels[:-1]] + [own]
    total = 0.0
    for turn in range(ROUNDS):
        tree, saved = _refined_once(atoms, tree, seed + turn)
        if saved <= GAIN:
            break
        total += saved
    return [level[levels[-1]] for level in tree], total


def _refined_once(atoms: Level, tree: Labels, seed: int) -> tuple[Labels, float]:
    """Search each level above the lowest again, then for levels to put above each."""
    total = 0.0
    for place in range(len(tree) - 1):
        tree[place], saved = between(atoms, tree[:place], tree[place + 1], tree[place], seed)
        total += saved
    grown: Labels = []
    for level in tree:
        new, saved = between(atoms, grown, level, level, seed)
        total += saved
        grown += [new, level]
    return different(grown), total


def different(levels: Labels) -> Labels:
    """Return nested levels without those that divide nothing, and without the root."""
    kept: Labels = []
    for level in levels:
        if count_of(level) > (count_of(kept[-1]) if kept else 1):
            kept.append(level)
    return kept or levels[-1:]


def between(
    atoms: Level, above: Labels, below: np.ndarray, start: np.ndarray, seed: int
) -> tuple[np.ndarray, float]:
    """Search for a level of modules between two levels.

    Args:
        atoms: the lowest modules.
        above: the levels above, from the top, uint32 (atoms,) each; of none it is the root.
        below: uint32 (atoms,), the level below.
        start: uint32 (atoms,), the modules to start from.
        seed: chooses the order of visits.

    Returns:
        The modules, uint32 (atoms,), and the bits saved; those of `start` if none are.
    """
    count = count_of(below)
    units, groups, exits = aggregate(atoms, below, count), np.zeros(count, np.uint32), np.zeros(1)
    first = parents_of(below, start, count)
    if above:
        groups = parents_of(below, above[-1], count)
        exits = aggregate(atoms, above[-1], count_of(above[-1])).leave
        order = np.argsort(groups, kind="stable").astype(np.uint32)
        units, first = induced(units, groups, order), numbered(first[order])
    else:
        order = np.arange(count, dtype=np.uint32)
    groups = groups[order]
    found = super_modules(units, first, groups, exits, seed, True)
    saved = super_cost(units, first, groups, exits) - super_cost(units, found, groups, exits)
    if saved <= GAIN:
        return start, 0.0
    labels = np.empty_like(found)
    labels[order] = found
    return labels[below], saved


def leaves_moved(nodes: Level, levels: Labels, seed: int) -> Labels:
    """Search the lowest modules again, within those above them; see `refined`."""
    if len(levels) < 2:
        groups, exits = np.zeros_like(levels[-1]), np.zeros(1)
    else:
        groups = levels[-2]
        exits = aggregate(nodes, groups, count_of(groups)).leave
    order = np.argsort(groups, kind="stable").astype(np.uint32)
    inside, labels = induced(nodes, groups, order), numbered(levels[-1][order])
    search(inside, labels, groups[order], exits, seed, np.int64(0))
    found = np.empty_like(labels)
    found[order] = labels
    return [*levels[:-1], found]


def numbered(labels: np.ndarray) -> np.ndarray:
    """Number modules 0, 1, ..., uint32 (nodes,)."""
    return np.unique(labels, return_inverse=True)[1].astype(np.uint32)


def count_of(labels: np.ndarray) -> int:
    """Return the number of modules."""
    return int(labels.max()) + 1
