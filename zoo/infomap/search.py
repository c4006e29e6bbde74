"""The two-level search: moves of nodes, moves of modules as wholes, and moves of nodes again."""

from __future__ import annotations

import numpy as np

from zoo.compiling import kernel
from zoo.infomap.level import Level, aggregate
from zoo.infomap.moving import (
    ENTER,
    GENERAL,
    LEAVE,
    SYMMETRIC,
    module_sums,
    move_nodes,
    shuffled,
)

ENOUGH = 1e-6  # bits a step: a round of tuning that saves less is the last


@kernel
def search(
    level: Level, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray, seed: int
) -> int:
    """Divides each group of nodes into modules so that the codelength inside it is small.

    Args:
        level: the nodes; a link joins nodes of one group only.
        labels: int32 (nodes,), where to start: 0, 1, ..., nested in the groups; changed.
        groups: int32 (nodes,), the parent that each node stays in.
        exits: float64 (groups,), the exit flow of each parent; 0 for the root.
        seed: of the order of visits.

    Returns:
        The number of modules.
    """
    count, saved = climb(level, labels, groups, exits, seed, True)
    while saved > ENOUGH:
        seed += 1
        count, saved = climb(level, labels, groups, exits, seed, False)
    return count


@kernel
def climb(
    level: Level,
    labels: np.ndarray,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
    rise: bool,
) -> tuple[int, float]:
    """Moves nodes, then their modules as wholes, and so on until nothing moves.

    Args:
        level: as for `search`, and so are the next four.
        labels: changed.
        groups: of the nodes.
        exits: of the groups.
        seed: of the order.
        rise: whether modules are tried as wholes even where no node has moved.

    Returns:
        The number of modules and the bits saved.
    """
    total, leaves = 0.0, True
    here, parents, modules = level, groups, labels
    while True:
        count = modules.max() + 1
        sums = module_sums(here, modules, count, SYMMETRIC if level.symmetric else GENERAL)
        owners = parents_of(modules, parents, count)
        index = exits.copy()
        for m in range(count):
            index[owners[m]] += sums[m, LEAVE if level.symmetric else ENTER]
        order = shuffled(modules.size, seed)
        saved = move_nodes(here, modules, sums, parents, index, order)
        total += saved
        count = renumber(modules, count)
        if not leaves:
            for x in range(labels.size):
                labels[x] = modules[labels[x]]
        if count == modules.size or (saved == 0.0 and not rise):
            return count, total
        rise = leaves = False
        parents = parents_of(modules, parents, count)
        here = aggregate(here, modules, count)
        modules = np.arange(count).astype(np.int32)


@kernel
def parents_of(labels: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Returns the group of each module, int32 (count,)."""
    parents = np.empty(count, np.int32)
    for x in range(labels.size):
        parents[labels[x]] = groups[x]
    return parents


@kernel
def renumber(labels: np.ndarray, bound: int) -> int:
    """Numbers modules 0, 1, ... in order of their first node, in place; returns their number."""
    new = np.full(bound, -1, np.int32)
    count = 0
    for x in range(labels.size):
        old = labels[x]
        if new[old] < 0:
            new[old] = count
            count += 1
        labels[x] = new[old]
    return count
