"""Trials of the search from several seeds, of which the best is kept."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from zoo.infomap.flow import Flow
from zoo.infomap.kernels.aggregation import Level, both_ways
from zoo.infomap.kernels.csr import row_sums
from zoo.infomap.kernels.hierarchy import hierarchy
from zoo.infomap.kernels.physical import held, no_physical
from zoo.infomap.kernels.two_level import search
from zoo.infomap.map_equation import codelength, one_level
from zoo.infomap.networks.csr import Rows, transposed
from zoo.infomap.tree import Tree

# Searches of one trial: in a small network each is a lottery and takes no time.
MOST_SEARCHES, NODES_SEARCHED = 6, 2000


def partition(
    flow: Flow,
    *,
    two_level: bool = False,
    trials: int = 1,
    seed: int = 0,
    threads: int | None = None,
    start: np.ndarray | None = None,
    preferred_modules: int | None = None,
) -> Tree:
    """Divide the nodes into modules so that the codelength is small.

    Args:
        flow: the random walk.
        two_level: whether modules hold nodes only, and no modules.
        trials: number of searches; the best is kept, of equals the first.
        seed: of the first trial, from which those of the others follow; 0 or more.
        threads: trials at a time; default the number of processors. The result is the same.
        start: int (nodes,), labels to start from; default each node by itself.
        preferred_modules: number of top modules, from which each one more or less counts as one
            bit; default none is preferred.

    Returns:
        The modules. The codelength is that of the map equation, whatever was preferred.
    """
    labels = np.arange(flow.nodes, dtype=np.uint32)
    if start is not None:
        labels = np.unique(start, return_inverse=True)[1].astype(np.uint32)
    level = level_of(flow)
    task = _Searches(flow, level, one_level(flow), labels, two_level, preferred_modules or 0)
    searches = max(1, min(MOST_SEARCHES, NODES_SEARCHED // flow.nodes))
    states = np.random.SeedSequence(seed).generate_state(trials * searches, np.uint32).tolist()
    if trials == 1 or threads == 1:
        trees = [task.search(state) for state in states]
    else:
        with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            trees = list(pool.map(task.search, states))
    best = min(trees, key=task.cost)
    return replace(best, levels=[by_flow(labels, flow.node) for labels in best.levels])


@dataclass(frozen=True)
class _Searches:
    """What all searches share."""

    flow: Flow
    level: Level
    one_level: float
    start: np.ndarray
    two_level: bool
    preferred: int

    def search(self, seed: int) -> Tree:
        """Run one search; modules are numbered as they come."""
        labels = self.start.copy()
        levels, saved = [], []
        if self.two_level:
            root = np.zeros_like(labels), np.zeros(1)
            search(self.level, labels, *root, seed, self.preferred)
        else:
            levels, saved = hierarchy(self.level, labels, seed, self.preferred)
        found = [(codelength(self.flow, labels), [labels])]
        if not self.preferred:
            found.append((self.one_level, [np.zeros_like(labels)]))
        if levels:
            found.append((self.one_level - sum(map(np.sum, saved)), levels))
        if not self.preferred and len(levels) > 1:
            found.append((codelength(self.flow, levels[-1]), levels[-1:]))
        length, levels = min(found, key=lambda pair: pair[0])
        return Tree(levels, float(length), self.one_level)

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
    nodes = Level(
        *signless, half, flow.node, leave, enter, teleport, landing, no_physical(), symmetric
    )
    if flow.physical is None:
        return nodes
    names = flow.physical.astype(np.uint32)
    rows = np.arange(flow.nodes + 1, dtype=np.uint64)
    return nodes._replace(physical=held(rows, names, flow.node, int(names.max()) + 1))
