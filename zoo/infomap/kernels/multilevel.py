"""Climbs: nodes move, then the modules they make as wholes, and so on until nothing moves."""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import (
    ENTER,
    WITHOUT,
    Level,
    aggregate,
    induced,
    stacked,
)
from zoo.infomap.kernels.local_moving import move_nodes
from zoo.infomap.kernels.logarithm import Scalar
from zoo.infomap.kernels.module_rates import modules_of
from zoo.infomap.kernels.visits import shuffled
from zoo.kernels import inline, kernel

PIECES, LEAST = 16, 1 << 13  # a level is divided in so many pieces of so many nodes, or fewer
# Modules without a link that a node tries where teleportation links all: so many for all nodes
# together, and no fewer for each.
TRIES, LEAST_TRIES = 1 << 14, 8


@kernel
def climb(
    level: Level,
    labels: np.ndarray,
    rates: np.ndarray,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
    preferred: Scalar,
) -> tuple[np.ndarray, float, float]:
    """Move nodes, then their modules as wholes, and so on until nothing moves.

    Args:
        level: the nodes, see `two_level.search` for this and the following.
        labels: the module of each node; changed.
        rates: float64 (modules, columns), those of the modules that `labels` name, see `Level`.
        groups: the parent of each node.
        exits: the exit flow of each parent.
        seed: chooses the order of visits.
        preferred: number of modules to prefer; 0 for none.

    Returns:
        The rates of the new modules, the bits saved, and those of them that wholes saved: where
        these moved, nodes may gain again.
    """
    here, modules, total, wholes, leaves = level, labels, 0.0, 0.0, True
    reach = np.int64(0)  # first along links
    while True:
        # What each parent's index codebook is used: its exit and the enter flow of its modules.
        count = rates.shape[0]
        parents = parents_of(modules, groups, count)
        index = exits.copy()
        for m in range(count):
            index[parents[m]] += rates[m, ENTER]
        # Move nodes of this level; there is room for modules that are made on the way.
        order = shuffled(modules.size, seed)
        spare = 1 + min(count, modules.size - count)
        sums = modules_of(rates, level.symmetric, spare)
        saved = move_nodes(here, modules, sums, groups, index, order, preferred, reach)
        if saved == 0.0:
            if reach > 0 or level.rates.shape[1] == WITHOUT:
                return rates, total, wholes
            reach = reach_of(modules.size)
            continue
        # Label the leaves, and go on with the modules as nodes.
        total += saved
        wholes += 0.0 if leaves else saved
        count = renumber(modules, count + spare)
        if not leaves:
            for x in range(labels.size):
                labels[x] = modules[labels[x]]
        groups = parents_of(modules, groups, count)
        here, leaves = aggregate(here, modules, count), False
        rates, modules = here.rates, np.arange(count).astype(np.uint32)
        reach = reach_of(count) if level.rates.shape[1] > WITHOUT else np.int64(0)


@kernel
def reach_of(nodes: Scalar) -> Scalar:
    """Return how many modules without a link each of some nodes tries."""
    return np.int64(max(LEAST_TRIES, TRIES // nodes))


@kernel
def divide(
    level: Level,
    labels: np.ndarray,
    order: np.ndarray,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, Level]:
    """Climb inside each module as if it were alone, from each node by itself.

    Args:
        level: the nodes.
        labels: uint32 (nodes,), the module of each.
        order: uint32 (kept,), the nodes of the modules to divide, sorted by module.
        groups: uint32 (kept,), their modules, numbered 0, 1, ...
        exits: float64 (modules,), the exit flow of each.
        seed: chooses the order of visits.

    Returns:
        The part that each node of `order` is in, uint32 (kept,), and the parts as a level.
    """
    parts, top = _first_parts(level, labels, order, groups, exits, seed)
    joined = np.arange(top.rates.shape[0]).astype(np.uint32)
    parents = parents_of(parts, groups, joined.size)
    rates, _, _ = climb(top, joined, top.rates, parents, exits, seed, np.int64(0))
    for x in range(parts.size):
        parts[x] = joined[parts[x]]
    return parts, aggregate(top, joined, rates.shape[0])


@inline
def _first_parts(
    level: Level,
    labels: np.ndarray,
    order: np.ndarray,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, Level]:
    """Move the nodes in each module, the first step of the climb in `divide`.

    Modules know nothing of each other here. So the links inside them, copied for this, and what
    moving needs for each node are in memory for some modules at a time only.
    """
    visits, parts = shuffled(order.size, seed), np.empty_like(order)
    states = level.physical.starts.size > 0  # their names are not told apart by piece
    size = order.size if states else max(LEAST, order.size // PIECES)
    pieces = []
    begin = count = 0
    while begin < order.size:
        end = min(begin + size, order.size)
        while end < order.size and groups[end] == groups[end - 1]:
            end += 1
        inside, modules = induced(level, labels, order[begin:end]), groups[begin:end]
        index = exits.copy()
        for x in range(modules.size):
            index[modules[x]] += inside.rates[x, ENTER]
        here = visits[(visits >= begin) & (visits < end)] - np.uint32(begin)
        own = np.arange(modules.size).astype(np.uint32)
        move_nodes(
            inside,
            own,
            modules_of(inside.rates, inside.symmetric, np.int64(1)),
            modules,
            index,
            here,
            np.int64(0),
            np.int64(0),
        )
        fewer = renumber(own, own.size + 1)
        pieces.append(aggregate(inside, own, fewer))
        for x in range(own.size):
            parts[begin + x] = count + own[x]
        begin, count = end, count + fewer
    return parts, stacked(pieces)


@kernel
def parents_of(labels: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Return the group of each module, uint32 (count,)."""
    parents = np.empty(count, np.uint32)
    for x in range(labels.size):
        parents[labels[x]] = groups[x]
    return parents


@kernel
def renumber(labels: np.ndarray, bound: int) -> int:
    """Number modules 0, 1, ... in order of their first node, in place; return their number."""
    new = np.zeros(bound, np.uint32)  # one more than the number; 0 for none yet
    count = 0
    for x in range(labels.size):
        old = labels[x]
        if new[old] == 0:
            count += 1
            new[old] = count
        labels[x] = new[old] - 1
    return count
