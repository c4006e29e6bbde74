"""Trials of the search from several seeds, of which the best is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from zoo.infomap.flow import Flow
from zoo.infomap.kernels.aggregation import Level, aggregate, both_ways
from zoo.infomap.kernels.crossover import take_over
from zoo.infomap.kernels.csr import row_sums
from zoo.infomap.kernels.hierarchy import gains
from zoo.infomap.kernels.multilevel import parents_of
from zoo.infomap.kernels.physical import Physical, no_physical
from zoo.infomap.kernels.two_level import search
from zoo.infomap.map_equation import Labels, codelength, nested_levels, one_level
from zoo.infomap.networks.csr import Rows, transposed
from zoo.infomap.search.hierarchy import count_of, hierarchy, numbered
from zoo.infomap.search.refinement import leaves_moved, refined
from zoo.infomap.tree import Tree

# Searches of one trial: in a small network each is a lottery and takes no time.
MOST_SEARCHES, NODES_SEARCHED = 6, 2000
PATIENCE = 3  # searches of a trial in a row that find nothing better: no more are made
SAME = 1e-9  # bits: two searches that differ by less have found the same


def partition(
    flow: Flow,
    *,
    two_level: bool = False,
    trials: int = 1,
    stop_after: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    start: Labels | None = None,
    preferred_modules: int | None = None,
) -> Tree:
    """Divide the nodes into modules so that the codelength is small.

    Args:
        flow: the random walk.
        two_level: whether modules hold nodes only, and no modules.
        trials: number of trials; the best is kept, of equals the first.
        stop_after: number of trials in a row without a better codelength after which no more are
            made; default all are.
        seed: of the first trial, from which those of the others follow; 0 or more.
        threads: trials at a time; default the number of processors. The result is the same.
        start: labels to start from, see `map_equation.codelength`; default each node by itself.
        preferred_modules: number of top modules, from which each one more or less counts as one
            bit; default none is preferred.

    Returns:
        The modules. The codelength is that of the map equation, whatever was preferred; if nothing
        was, it is not above that of `start`, with `two_level` of its lowest level.
    """
    first = None
    if start is not None:
        first = [level.astype(np.uint32) for level in nested_levels(start, flow.nodes)]
    task = _Trials(flow, level_of(flow), one_level(flow), first, two_level, preferred_modules or 0)
    searches = max(1, min(MOST_SEARCHES, NODES_SEARCHED // flow.nodes))
    states = np.random.SeedSequence(seed).generate_state(trials * searches, np.uint32)
    seeds = states.reshape(trials, searches).tolist()
    batch = trials if stop_after is None else threads or os.cpu_count() or 1
    best = task.best_of(_in_order(task.trial, seeds, threads, batch), stop_after)
    levels = [by_flow(labels, flow.node) for labels in best.levels]
    # The bits saved on the way were added up in the order of the search.
    return replace(best, levels=levels, codelength=codelength(flow, levels))


def _in_order(
    trial: Callable[[list[int]], Tree], seeds: list[list[int]], threads: int | None, batch: int
) -> Iterator[Tree]:
    """Give what the trials find, in order; so many are begun at a time."""
    if len(seeds) == 1 or threads == 1:
        yield from map(trial, seeds)
        return
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for begin in range(0, len(seeds), batch):
            yield from pool.map(trial, seeds[begin : begin + batch])


@dataclass(frozen=True)
class Modules:
    """A partition of two levels.

    Attributes:
        labels: uint32 (nodes,), the modules 0, 1, ...
        level: the modules as a level.
        codelength: bits a step.
    """

    labels: np.ndarray
    level: Level
    codelength: float

    @property
    def modules(self) -> int:
        """Number of modules."""
        return len(self.level.rates)


@dataclass(frozen=True)
class _Trials:
    """What all trials share."""

    flow: Flow
    level: Level
    one_level: float
    start: list[np.ndarray] | None
    two_level: bool
    preferred: int

    def best_of(self, trees: Iterator[Tree], stop_after: int | None) -> Tree:
        """Return the best of some trees, the first of equals; see `partition`."""
        best, without = next(trees), 0
        while without != stop_after and (tree := next(trees, None)) is not None:
            better = self.cost(tree) < self.cost(best) - SAME
            best, without = (tree, 0) if better else (best, without + 1)
        return best

    def trial(self, seeds: list[int]) -> Tree:
        """Return the best modules of some searches, with the levels above and inside them."""
        start = np.arange(self.flow.nodes, dtype=np.uint32)
        if self.start is not None:
            start = min(self.start, key=lambda level: codelength(self.flow, level))
        first = self.search(start, seeds[0])
        found = self.modules(first, start, seeds[1:])
        trees = [] if self.preferred else [self.undivided()]
        if found.modules > 1 or self.preferred:
            trees.append(Tree([found.labels], found.codelength, self.one_level))
        levels = [] if self.two_level else self.levels(found, seeds[0], eager=True)
        if levels and len(seeds) > 1:  # the best modules are not always those of the best tree
            levels += self.levels(first, seeds[0], eager=False)
        if levels:
            trees.append(self.refined(min(levels, key=self.cost), seeds[0]))
        if self.start is not None:
            given = self.start[-1:] if self.two_level else self.start
            tree = Tree(given, codelength(self.flow, given), self.one_level)
            trees.append(self.refined(tree, seeds[0]))
        return min(trees, key=self.cost)

    def levels(self, found: Modules, seed: int, *, eager: bool) -> list[Tree]:
        """Return the tree of levels above modules, and inside them, if there are any."""
        options = {"join": not self.preferred, "eager": eager}
        levels, saved = hierarchy(self.level, found.labels, found.level, seed, **options)
        return [Tree(levels, self.one_level - saved, self.one_level)] if len(levels) > 1 else []

    def modules(self, best: Modules, start: np.ndarray, seeds: list[int]) -> Modules:
        """Return the best modules of more searches; each is recombined with the best before.

        No more are made when enough of them in a row have found nothing better.
        """
        without, mixed = 0, False
        for seed in seeds:
            first, second = sorted((best, self.search(start, seed)), key=self.cost)
            both = self.recombined(first, second, seed)
            if self.cost(both) < self.cost(first) - SAME:
                first, mixed = both, True
            without = 0 if self.cost(first) < self.cost(best) - SAME else without + 1
            best = first
            if without == PATIENCE:
                break
        return min(best, self.search(best.labels, seeds[0]), key=self.cost) if mixed else best

    def undivided(self) -> Tree:
        """Return the tree of one module with all nodes."""
        return Tree([np.zeros(self.flow.nodes, np.uint32)], self.one_level, self.one_level)

    def search(self, start: np.ndarray, seed: int) -> Modules:
        """Search for two levels from uint32 (nodes,) labels; modules are numbered as they come."""
        labels = start.copy()
        count = len(search(self.level, labels, *self.root(labels), seed, self.preferred))
        return self.found(labels, aggregate(self.level, labels, count))

    def recombined(self, first: Modules, second: Modules, seed: int) -> Modules:
        """Take modules of the second partition over to the first.

        Then search with the nodes that the two have together as units.
        """
        cells = together(first.labels, second.labels)
        count = count_of(cells)
        if count == first.modules == second.modules:
            return first
        units = aggregate(self.level, cells, count)
        labels = parents_of(cells, first.labels, count)
        if self.flow.physical is None and not self.preferred:
            take_over(units, labels, parents_of(cells, second.labels, count), seed)
            labels = numbered(labels)
        count = len(search(units, labels, *self.root(labels), seed, self.preferred))
        return self.found(labels[cells], aggregate(units, labels, count))

    def found(self, labels: np.ndarray, level: Level) -> Modules:
        """Return modules with their codelength."""
        parents, exits = self.root(level.rates)
        return Modules(labels, level, self.one_level - float(gains(level, parents, exits)[0]))

    def root(self, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the one group that all parts are in, and its exit flow: none."""
        return np.zeros(len(parts), np.uint32), np.zeros(1)

    def refined(self, tree: Tree, seed: int) -> Tree:
        """Return a tree whose levels were searched again, one by one; never a worse one."""
        if len(tree.levels) < 2 or self.preferred:
            return tree
        levels, saved = refined(self.level, tree.levels, seed)
        if saved == 0.0:
            return tree
        levels, more = leaves_moved(self.level, levels, seed)
        return Tree(levels, tree.codelength - saved - more, self.one_level)

    def cost(self, tree: Tree | Modules) -> float:
        """Return the codelength and a bit for each module that was not wanted or is missing."""
        return tree.codelength + (abs(tree.modules - self.preferred) if self.preferred else 0)


def together(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Number the pairs of modules that nodes are in, in two partitions: uint32 (nodes,)."""
    pairs = first.astype(np.int64) * count_of(second) + second
    return np.unique(pairs, return_inverse=True)[1].astype(np.uint32)


def by_flow(labels: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Number modules by decreasing flow, int64 (nodes,)."""
    order = np.argsort(-np.bincount(labels, flow), kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks[labels]


def level_of(flow: Flow) -> Level:
    """Return the level of the nodes themselves."""
    leaving = Rows(flow.starts, flow.targets, flow.link)
    rows, symmetric = leaving, not flow.directed
    leave = enter = row_sums(leaving.starts, leaving.values)
    if flow.directed:
        entering = transposed(leaving)
        rows = both_ways(*leaving, *entering)
        enter = row_sums(entering.starts, entering.values)
        del entering  # of use no more, and 12 bytes a link
    rates = [flow.node, leave, enter]
    if flow.teleport is not None and flow.landing is not None:
        teleport, landing = flow.teleport, flow.landing
        leave = leave + teleport * (1 - landing)
        enter = enter + landing * (teleport.sum() - teleport)
        rates = [flow.node, leave, enter, teleport, landing]
        symmetric = False
    starts, targets, half = rows
    signless = starts.view(np.uint64), targets.view(np.uint32)
    physical = no_physical()
    if flow.physical is not None:
        rows = np.arange(flow.nodes + 1, dtype=np.uint64)
        physical = Physical(rows, flow.physical.astype(np.uint32), flow.node)
    return Level(*signless, half, np.stack(rates, axis=1), np.zeros(0), physical, symmetric)
