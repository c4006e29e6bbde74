"""Trials of the search from several seeds, of which the best is kept."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from zoo.infomap.flow import Flow
from zoo.infomap.hierarchy import hierarchy
from zoo.infomap.level import Level, level_of
from zoo.infomap.map_equation import codelength, one_level
from zoo.infomap.search import search
from zoo.infomap.tree import Tree


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
    """Divides the nodes into modules so that the codelength is small.

    Args:
        flow: the random walk.
        two_level: whether modules have no modules within them.
        trials: number of searches; the best is kept, of equals the first.
        seed: of the first trial; the others take the numbers that follow.
        threads: trials at a time; default the number of processors. The result is the same.
        start: int (nodes,), labels to start from; default each node by itself.
        preferred_modules: number of top modules to prefer.
    """
    level = level_of(flow)
    labels = np.arange(flow.nodes) if start is None else np.unique(start, return_inverse=True)[1]

    def trial(number: int) -> Tree:
        return _trial(flow, level, labels.astype(np.uint32), two_level, seed + number)

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        return min(pool.map(trial, range(trials)), key=lambda tree: tree.codelength)


def _trial(flow: Flow, level: Level, labels: np.ndarray, two_level: bool, seed: int) -> Tree:
    """Runs one search; `labels` are changed."""
    top = search(level, labels, np.zeros_like(labels), np.zeros(1), seed)
    flat = one_level(flow)
    length = codelength(flow, labels)
    if length >= flat:
        levels, length = [np.zeros_like(labels)], flat
    else:
        levels = [labels]
    if not two_level:
        deeper, saved = hierarchy(level, labels.copy(), top, seed)
        if flat - saved < length:
            levels, length = deeper, flat - saved
    return Tree([by_flow(labels, flow.node) for labels in levels], length, flat)


def by_flow(labels: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Numbers modules by decreasing flow, int64 (nodes,)."""
    order = np.argsort(-np.bincount(labels, flow), kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks[labels]
