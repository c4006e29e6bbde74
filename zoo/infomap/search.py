"""The two-level search: moves of nodes, moves of modules as wholes, and moves of nodes again."""

from __future__ import annotations

import numpy as np

from zoo.compiling import kernel
from zoo.infomap.level import Level, aggregate, induced, members_of
from zoo.infomap.logarithm import Scalar
from zoo.infomap.moving import modules_of, move_nodes, shuffled

ENOUGH = 1e-8  # bits a step and node: a round that saves less is the last of its kind
SMALL = 1000  # nodes: up to here modules are divided even where moves of nodes save nothing


@kernel
def search(
    level: Level,
    labels: np.ndarray,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
    preferred: Scalar,
) -> Level:
    """Divides each group of nodes into modules so that the codelength inside it is small.

    After the first climb two kinds of round take turns as long as they save enough: nodes move
    from where they are, and parts of modules do.

    Args:
        level: the nodes; a link joins nodes of one group only.
        labels: uint32 (nodes,), where to start: 0, 1, ..., nested in the groups; changed.
        groups: uint32 (nodes,), the parent that each node stays in.
        exits: float64 (groups,), the exit flow of each parent; 0 for the root.
        seed: of the order of visits.
        preferred: number of modules to prefer; 0 for none.

    Returns:
        The modules, as a level.
    """
    count = labels.max() + 1
    enough = ENOUGH * labels.size
    top = level if count == labels.size else aggregate(level, labels, count)
    top, _ = climb(level, labels, top, groups, exits, seed, preferred)
    while True:
        total = 0.0
        while True:
            seed += 1
            top, saved = climb(level, labels, top, groups, exits, seed, preferred)
            total += saved
            if saved <= enough:
                break
        if total <= enough and labels.size > SMALL:
            return top
        top, saved = move_parts(level, labels, top, groups, exits, seed, preferred)
        if saved <= enough:
            return top


@kernel
def move_parts(
    level: Level,
    labels: np.ndarray,
    top: Level,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
    preferred: Scalar,
) -> tuple[Level, float]:
    """Divides each module as if it were alone, then moves the parts between the modules.

    Args:
        level: as for `climb`, and so are the others.
        labels: changed.
        top: the level of the modules that `labels` name.
        groups: of the nodes.
        exits: of the groups.
        seed: of the order.
        preferred: number of modules.

    Returns:
        The level of the new modules and the bits saved.
    """
    members = members_of(labels, top.flow.size)[1]
    inside, modules = induced(level, labels, members), labels[members]
    parts = np.arange(labels.size).astype(np.uint32)
    count = climb(inside, parts, inside, modules, top.leave, seed, np.int64(0))[0].flow.size
    places = np.empty(labels.size, np.uint32)
    for i in range(labels.size):
        places[members[i]] = parts[i]
    moved = parents_of(parts, modules, count)
    parents = parents_of(places, groups, count)
    top, saved = climb(aggregate(level, places, count), moved, top, parents, exits, seed, preferred)
    for x in range(labels.size):
        labels[x] = moved[places[x]]
    return top, saved


@kernel
def climb(
    level: Level,
    labels: np.ndarray,
    top: Level,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
    preferred: Scalar,
) -> tuple[Level, float]:
    """Moves nodes, then their modules as wholes, and so on until nothing moves.

    Args:
        level: as for `search`, and so are the others.
        labels: changed.
        top: the level of the modules that `labels` name.
        groups: of the nodes.
        exits: of the groups.
        seed: of the order.
        preferred: number of modules.

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
        spare = 1 + min(count, modules.size - count)
        saved = move_nodes(here, modules, modules_of(top, spare), groups, index, order, preferred)
        if saved == 0.0:
            return top, total
        total += saved
        count = renumber(modules, count + spare)
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
