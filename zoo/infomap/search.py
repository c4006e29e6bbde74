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
from zoo.infomap.kernels.hierarchy import hierarchy
from zoo.infomap.kernels.multilevel import parents_of
from zoo.infomap.kernels.physical import held, no_physical
from zoo.infomap.kernels.two_level import search
from zoo.infomap.map_equation import Labels, codelength, nested_levels, one_level
from zoo.infomap.networks.csr import Rows, transposed
from zoo.infomap.refinement import count_of, leaves_moved, numbered, refined
from zoo.infomap.tree import Tree

# Searches of one trial: in a small network each is a lottery and takes no time.
MOST_SEARCHES, NODES_SEARCHED = 6, 2000
ENOUGH = 3  # searches of a trial that find the best: no more are made
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
        The modules. The codelength is that of the map equation, whatever was preferred; it is not
        above that of `start`.
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
    return replace(best, levels=[by_flow(labels, flow.node) for labels in best.levels])


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
        """Return the best of some searches; each is recombined with the best before.

        A trial ends when enough of them have come to the best codelength by themselves.
        """
        start = np.arange(self.flow.nodes, dtype=np.uint32)
        if self.start is not None:
            start = min(self.start, key=lambda level: codelength(self.flow, level))
        best, agreed = self.search(start, seeds[0]), 1
        for turn, seed in enumerate(seeds[1:]):
            tree = self.search(start, seed, eager=turn % 2 == 1)
            if abs(self.cost(tree) - self.cost(best)) < SAME:
                agreed += tree.modules > 1  # that a search finds nothing says little
                if agreed == ENOUGH:
                    break
                continue
            first, second = sorted((best, tree), key=self.cost)
            mixed = self.recombined(first, second, seed)
            if mixed is not None:
                first = min(first, self.search(mixed, seed), key=self.cost)
            agreed = 1 if first is not best else agreed
            best = first
        if len(best.levels) > 1:
            best = min(best, self.refined(best.levels, seeds[0]), key=self.cost)
        if self.start is not None:
            best = min(best, self.refined(self.start, seeds[0]), key=self.cost)
        return best

    def search(self, start: np.ndarray, seed: int, *, eager: bool = True) -> Tree:
        """Search from uint32 (nodes,) labels; modules are numbered as they come.

        Args:
            start: the labels.
            seed: chooses the order of visits.
            eager: how modules are joined, see `super_modules`.
        """
        labels = start.copy()
        if self.two_level:
            root = np.zeros_like(labels), np.zeros(1)
            search(self.level, labels, *root, seed, self.preferred)
            return self.best_levels([labels])
        levels, saved = hierarchy(self.level, labels, seed, self.preferred, eager)
        if self.preferred or len(levels) > 1:
            found = [self.best_levels([labels])]
        else:  # then these labels are the only level, or worth nothing
            found = [self.undivided()]
        if levels:
            length = self.one_level - sum(map(np.sum, saved))
            found.append(Tree(levels, float(length), self.one_level))
        return min(found, key=lambda tree: tree.codelength)

    def best_levels(self, levels: list[np.ndarray]) -> Tree:
        """Return the tree of some levels, or one module of all nodes if that costs less."""
        tree = self.tree(levels)
        return tree if self.preferred or tree.codelength < self.one_level else self.undivided()

    def undivided(self) -> Tree:
        """Return the tree of one module with all nodes."""
        return Tree([np.zeros(self.flow.nodes, np.uint32)], self.one_level, self.one_level)

    def refined(self, levels: list[np.ndarray], seed: int) -> Tree:
        """Return a tree whose levels were searched again, one by one; never a worse one."""
        flat = self.tree(levels[-1:])
        if self.two_level or len(levels) == 1:
            return flat
        trees = [self.tree(levels), flat]
        if not self.preferred:
            better, saved = refined(self.level, levels, seed)
            if saved > 0.0:
                trees.append(self.tree(leaves_moved(self.level, better, seed)))
        return min(trees, key=self.cost)

    def recombined(self, first: Tree, second: Tree, seed: int) -> np.ndarray | None:
        """Take modules of the second tree over to the first, the lowest ones of both.

        Then search with the nodes that the two have together as units.

        Returns:
            uint32 (nodes,), modules to start from; None if the first tree's are not changed.
        """
        ours, theirs = first.levels[-1], second.levels[-1]
        cells = numbered(ours.astype(np.int64) * (int(theirs.max()) + 1) + theirs)
        count = count_of(cells)
        units = aggregate(self.level, cells, count)
        before = parents_of(cells, numbered(ours), count)
        labels = before.copy()
        if self.flow.physical is None and not self.preferred:
            take_over(units, labels, parents_of(cells, numbered(theirs), count), seed)
            labels = numbered(labels)
        search(units, labels, np.zeros(count, np.uint32), np.zeros(1), seed, self.preferred)
        same = count_of(numbered(labels * np.int64(count) + before)) == count_of(before)
        return None if same and count_of(labels) == count_of(before) else labels[cells]

    def tree(self, levels: list[np.ndarray]) -> Tree:
        """Return the tree of some levels."""
        return Tree(levels, codelength(self.flow, levels), self.one_level)

    def cost(self, tree: Tree) -> float:
        """Return the codelength and a bit for each module that was not wanted or is missing."""
        return tree.codelength + (abs(tree.modules - self.preferred) if self.preferred else 0)


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
    teleport = landing = np.zeros(0)
    if flow.teleport is not None and flow.landing is not None:
        teleport, landing = flow.teleport, flow.landing
        leave = leave + teleport * (1 - landing)
        enter = enter + landing * (teleport.sum() - teleport)
        symmetric = False
    starts, targets, half = rows
    signless = starts.view(np.uint64), targets.view(np.uint32)
    rates = flow.node, leave, enter, teleport, landing
    nodes = Level(*signless, half, *rates, np.zeros(0), no_physical(), symmetric)
    if flow.physical is None:
        return nodes
    names = flow.physical.astype(np.uint32)
    rows = np.arange(flow.nodes + 1, dtype=np.uint64)
    return nodes._replace(physical=held(rows, names, flow.node, int(names.max()) + 1))
