"""The two-level search: climbs, and moves of parts of modules, as long as they save bits."""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import LEAVE, Level, aggregate, members_of
from zoo.infomap.kernels.logarithm import Scalar
from zoo.infomap.kernels.multilevel import climb, divide, parents_of
from zoo.kernels import inline, kernel

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
) -> np.ndarray:
    """Divide each group of nodes into modules so that the codelength inside it is small.

    After the first climb two kinds of round take turns as long as they save enough: nodes move
    from where they are, and parts of modules do.

    Args:
        level: the nodes; a link joins nodes of one group only.
        labels: uint32 (nodes,), where to start: 0, 1, ..., nested in the groups; changed.
        groups: uint32 (nodes,), the parent that each node stays in.
        exits: float64 (groups,), the exit flow of each parent; 0 for the root.
        seed: chooses the order of visits.
        preferred: number of modules to prefer; 0 for none.

    Returns:
        The rates of the modules, float64 (modules, columns), see `Level`.
    """
    count = labels.max() + 1
    enough = ENOUGH * labels.size
    rates = level.rates if count == labels.size else aggregate(level, labels, count).rates
    total, climbs = 0.0, 0
    before = np.arange(labels.size).astype(np.uint32)  # a node alone is not divided
    while True:
        rates, saved, wholes = climb(level, labels, rates, groups, exits, seed + climbs, preferred)
        climbs += 1
        if climbs == 1:  # makes most of the modules, says nothing of what is left to save
            continue
        total += saved
        if wholes > enough:
            continue
        if total <= enough and labels.size > SMALL:
            return rates
        last = seed + climbs - 1
        as_now = labels.copy()
        rates, saved = move_parts(level, labels, before, rates, groups, exits, last, preferred)
        before = as_now
        if saved <= enough:
            return rates
        total = 0.0


@inline
def move_parts(
    level: Level,
    labels: np.ndarray,
    before: np.ndarray,
    rates: np.ndarray,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
    preferred: Scalar,
) -> tuple[np.ndarray, float]:
    """Divide each module as if it were alone, then move the parts between the modules.

    Args:
        level: the nodes, see `search` for this and the following.
        labels: the module of each node; changed.
        before: uint32 (nodes,), the modules that were divided last.
        rates: those of the modules that `labels` name, see `Level`.
        groups: the parent of each node.
        exits: the exit flow of each parent.
        seed: chooses the order of visits.
        preferred: number of modules to prefer; 0 for none.

    Returns:
        The rates of the new modules and the bits saved.
    """
    # Divide each module as if it were alone, but for those that were divided as they are before.
    first, members = members_of(labels, rates.shape[0])
    anew = changed(labels, before, rates.shape[0])
    order, modules = np.empty_like(labels), np.empty_like(labels)
    inner = np.empty(rates.shape[0])  # their exit flow
    end = divided = 0
    for m in range(rates.shape[0]):
        if anew[m]:
            for x in members[first[m] : first[m + 1]]:
                order[end], modules[end] = x, divided
                end += 1
            inner[divided] = rates[m, LEAVE]
            divided += 1
    if end == 0:
        return rates, 0.0
    parts, inside = divide(level, labels, order[:end], modules[:end], inner[:divided], seed)
    # The others are a part each.
    count = inside.rates.shape[0]
    places = np.empty_like(labels)
    for i in range(end):
        places[order[i]] = parts[i]
    for m in range(rates.shape[0]):
        if not anew[m]:
            for x in members[first[m] : first[m + 1]]:
                places[x] = count
            count += 1
    # Move the parts, which start in the modules that they are of.
    moved, parents = parents_of(places, labels, count), parents_of(places, groups, count)
    units = aggregate(level, places, count)
    rates, saved, _ = climb(units, moved, rates, parents, exits, seed, preferred)
    for x in range(labels.size):
        labels[x] = moved[places[x]]
    return rates, saved


@kernel
def changed(labels: np.ndarray, before: np.ndarray, count: int) -> np.ndarray:
    """Return which modules are not one of those before, bool (count,).

    Args:
        labels: uint32 (nodes,), the modules.
        before: uint32 (nodes,), the modules before, numbered below the number of nodes.
        count: number of modules.
    """
    sizes, old_sizes = np.zeros(count, np.int64), np.zeros(labels.size, np.int64)
    old = np.zeros(count, np.uint32)
    for x in range(labels.size):
        sizes[labels[x]] += 1
        old_sizes[before[x]] += 1
        old[labels[x]] = before[x]
    found = np.zeros(count, np.bool_)
    for x in range(labels.size):
        m = labels[x]
        found[m] |= before[x] != old[m] or sizes[m] != old_sizes[old[m]]
    return found
