"""Changes of a tree that hold its lowest modules: levels are searched again, added, dropped.

Between a module and the modules two levels down stand those one level down, which may be anything:
with all the rest as it is, the codelength depends on them just as that of two levels depends on
the modules of nodes, and the same search finds better ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zoo.infomap.kernels.aggregation import LEAVE, Level, aggregate, induced
from zoo.infomap.kernels.hierarchy import GAIN, gains, super_modules
from zoo.infomap.kernels.multilevel import parents_of
from zoo.infomap.kernels.two_level import search
from zoo.infomap.search.hierarchy import Labels, count_of, numbered


def refined(nodes: Level, levels: Labels, seed: int) -> tuple[Labels, float]:
    """Search the levels of a tree again, one by one, until nothing is saved.

    Args:
        nodes: the level of the nodes.
        levels: uint32 (nodes,) each, from the top, numbered 0, 1, ..., nested.
        seed: chooses the order of visits.

    Returns:
        The new levels, and the bits saved.
    """
    tree, saved, total = _Refined(nodes, levels, seed), np.inf, 0.0
    while saved > GAIN:
        saved = tree.search_levels() + tree.add_levels()
        total += saved
        tree.seed += 1
    return [level.labels[levels[-1]] for level in tree.levels], total


@dataclass(frozen=True, eq=False)
class _Depth:
    """A level of a tree.

    Attributes:
        labels: uint32 (atoms,), the module of each atom.
        modules: the modules as a level.
    """

    labels: np.ndarray
    modules: Level


class _Refined:
    """The levels of a tree over its lowest modules, the atoms.

    Args:
        nodes: see `refined` for all.
        levels: from the top.
        seed: chooses the order of visits.
    """

    def __init__(self, nodes: Level, levels: Labels, seed: int) -> None:
        self.atoms, self.seed = aggregate(nodes, levels[-1], count_of(levels[-1])), seed
        own = np.arange(len(self.atoms.rates), dtype=np.uint32)
        self.root = self._depth(np.zeros_like(own))
        self.levels = [
            *(self._depth(parents_of(levels[-1], level, own.size)) for level in levels[:-1]),
            _Depth(own, self.atoms),
        ]
        # Places that were searched to no avail: what is above, below, and between.
        self.settled: set[tuple[_Depth, _Depth, _Depth]] = set()

    def search_levels(self) -> float:
        """Search each level above the lowest again; return the bits saved."""
        total, above = 0.0, self.root
        for place, (here, below) in enumerate(pairwise(self.levels)):
            above, saved = self._between(above, below, here)
            self.levels[place] = above
            total += saved
        return total

    def add_levels(self) -> float:
        """Search for a level to put above each; return the bits saved."""
        total, grown = 0.0, [self.root]
        for level in self.levels:
            new, saved = self._between(grown[-1], level, level)
            total += saved
            grown += [new, level]
        self.levels = _different(grown)
        return total

    def _between(self, above: _Depth, below: _Depth, start: _Depth) -> tuple[_Depth, float]:
        """Search for a level between two, from `start`; return it and the bits saved."""
        if (above, below, start) in self.settled:
            return start, 0.0
        units = below.modules
        count = len(units.rates)
        first, groups = (parents_of(below.labels, x.labels, count) for x in (start, above))
        exits = np.zeros(1) if above is self.root else above.modules.rates[:, LEAVE].copy()
        found, saved = between(units, first, groups, exits, self.seed)
        if saved > 0.0:
            return self._depth(found[below.labels]), saved
        self.settled.add((above, below, start))
        return start, 0.0

    def _depth(self, labels: np.ndarray) -> _Depth:
        """Return the level of these modules."""
        return _Depth(labels, aggregate(self.atoms, labels, count_of(labels)))


def between(
    units: Level, start: np.ndarray, groups: np.ndarray, exits: np.ndarray, seed: int
) -> tuple[np.ndarray, float]:
    """Search for modules between some modules and the groups that hold these.

    Args:
        units: the modules below.
        start: uint32 (units,), modules 0, 1, ... to start from, nested in the groups.
        groups: uint32 (units,), the group of each.
        exits: float64 (groups,), the exit flow of each group.
        seed: chooses the order of visits.

    Returns:
        The module of each unit, uint32 (units,), and the bits saved.
    """
    order, inside, first = np.arange(start.size, dtype=np.uint32), units, start
    if exits.size > 1:
        order = np.argsort(groups, kind="stable").astype(np.uint32)
        inside, first = induced(units, groups, order), numbered(start[order])
        groups = groups[order]
    found, saved = super_modules(inside, first, groups, exits, seed, True)
    labels = np.empty_like(found)
    labels[order] = found
    return labels, saved


def leaves_moved(nodes: Level, levels: Labels, seed: int) -> tuple[Labels, float]:
    """Search the lowest modules again, within those above them; see `refined`."""
    groups, exits = np.zeros_like(levels[-1]), np.zeros(1)
    if len(levels) > 1:
        groups = levels[-2]
        exits = aggregate(nodes, groups, count_of(groups)).rates[:, LEAVE].copy()
    order = np.argsort(groups, kind="stable").astype(np.uint32)
    inside, labels, groups = (
        induced(nodes, groups, order),
        numbered(levels[-1][order]),
        groups[order],
    )
    before = _saved(inside, labels, groups, exits)
    search(inside, labels, groups, exits, seed, 0)
    saved = _saved(inside, labels, groups, exits) - before
    found = np.empty_like(labels)
    found[order] = labels
    return ([*levels[:-1], found], saved) if saved > GAIN else (levels, 0.0)


def _saved(level: Level, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray) -> float:
    """Return the bits that modules save in the groups that hold them."""
    count = count_of(labels)
    modules, parents = aggregate(level, labels, count), parents_of(labels, groups, count)
    return float(gains(modules, parents, exits).sum())


def _different(levels: list[_Depth]) -> list[_Depth]:
    """Return nested levels without those that divide nothing, and without the root."""
    kept = levels[:1]
    for level in levels[1:]:
        if len(level.modules.rates) > len(kept[-1].modules.rates):
            kept.append(level)
    return kept[1:] or levels[-1:]
