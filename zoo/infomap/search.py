"""Trials of the search from several seeds, of which the best is kept."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from zoo.infomap.flow import Flow
from zoo.infomap.kernels.aggregation import Level, level_of
from zoo.infomap.kernels.hierarchy import hierarchy
from zoo.infomap.kernels.two_level import search
from zoo.infomap.map_equation import codelength, one_level
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
        seed: of all trials, 0 or more.
        threads: trials at a time; default the number of processors. The result is the same.
        start: int (nodes,), labels to start from; default each node by itself.
        preferred_modules: number of top modules, from which each one more or less counts as one
            bit; default none is preferred.

    Returns:
        The modules. The codelength is that of the map equation, whatever was preferred.

    Raises:
        ValueError: if `trials`, `seed` or `preferred_modules` is out of range, or `start` does not
            hold a label a node.
    """
    if trials < 1 or seed < 0 or (preferred_modules is not None and preferred_modules < 1):
        raise ValueError(
            f"trials {trials}, seed {seed} and preferred_modules {preferred_modules}: "
            "expected at least 1, 0 and 1"
        )
    labels = np.arange(flow.nodes, dtype=np.uint32)
    if start is not None:
        if np.shape(start) != (flow.nodes,):
            raise ValueError(f"start has shape {np.shape(start)}: expected ({flow.nodes},)")
        labels = np.unique(start, return_inverse=True)[1].astype(np.uint32)
    level = level_of(flow)
    task = _Task(flow, level, one_level(flow), labels, two_level, preferred_modules or 0)
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
class _Task:
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
