"""The two-level search: moves of nodes, moves of modules as wholes, and moves of nodes again."""

from __future__ import annotations

import numpy as np

from zoo.compiling import kernel
from zoo.infomap.level import Level, aggregate
from zoo.infomap.moving import modules_of, move_nodes, shuffled

ENOUGH = 1e-6  # bits a step: a round of tuning that saves less is the last


@kernel
def search(
    level: Level, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray, seed: int
) -> Level:
    """Divides each group of nodes into modules so that the codelength inside it is small.

    Args:
        level: the nodes; a link joins nodes of one group only.
        labels: uint32 (nodes,), where to start: 0, 1, ..., nested in the groups; changed.
        groups: uint32 (nodes,), the parent that each node stays in.
        exits: float64 (groups,), the exit flow of each parent; 0 for the root.
        seed: of the order of visits.

    Returns:
        The modules, as a level.
    """
    count = labels.max() + 1
    top = level if count == labels.size else aggregate(level, labels, count)
    top, saved = climb(level, labels, top, groups, exits, seed)
    while saved > ENOUGH:
        seed += 1
        top, saved = climb(level, labels, top, groups, exits, seed)
    return top


@kernel
def climb(
    level: Level,
    labels: np.ndarray,
    top: Level,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
) -> tuple[Level, float]:
    """Moves nodes, then their modules as wholes, and so on until nothing moves.

    Args:
        level: as for `search`, and so are the others.
        labels: changed.
        top: the level of the modules that `labels` name.
        groups: of the nodes.
        exits: of the groups.
        seed: of the order.

    Returns:
        The level of the new modules and the bits saved.
    """
    here, modules, total, leaves = level, labels, 0.0, True
    while True:
        count = top.flow.size
        parents = parents_of(modules, groups, count)
        index = exits.copy()
        for m in range(count):
            index[parents[m]] += top.enter[m]
        order = shuffled(modules.size, seed)
        saved = move_nodes(here, modules, modules_of(top), groups, index, order)
        if saved == 0.0:
            return top, total
        total += saved
        count = renumber(modules, count)
        if not leaves:
            for x in range(labels.size):
                labels[x] = modules[labels[x]]
        groups = parents_of(modules, groups, count)
        top = aggregate(here, modules, count)
        here, modules, leaves = top, np.arange(count).astype(np.uint32), False


@kernel
def parents_of(labels: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Returns the group of each module, uint32 (count,)."""
    parents = np.empty(count, np.uint32)
    for x in range(labels.size):
        parents[labels[x]] = groups[x]
    return parents


@kernel
def renumber(labels: np.ndarray, bound: int) -> int:
    """Numbers modules 0, 1, ... in order of their first node, in place; returns their number."""
    new = np.zeros(bound, np.uint32)  # one more than the number; 0 for none yet
    count = 0
    for x in range(labels.size):
        old = labels[x]
        if new[old] == 0:
            count += 1
            new[old] = count
        labels[x] = new[old] - 1
    return count
