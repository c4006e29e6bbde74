"""Modules between modules and their parents: the search for them, what they cost and save."""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import ENTER, FLOW, LEAVE, Level, aggregate
from zoo.infomap.kernels.logarithm import Scalar, plogp
from zoo.infomap.kernels.multilevel import parents_of, renumber
from zoo.infomap.kernels.physical import name_costs, no_physical
from zoo.infomap.kernels.two_level import search
from zoo.kernels import kernel

GAIN = 1e-10  # bits that a level must save


@kernel
def super_modules(
    units: Level,
    start: np.ndarray,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
    eager: bool,
) -> tuple[np.ndarray, float]:
    """Search for the modules between modules and the groups that hold these.

    Args:
        units: the modules below; a link joins units of one group only.
        start: uint32 (units,), modules 0, 1, ... to start from, nested in the groups.
        groups: uint32 (units,), the group of each.
        exits: float64 (groups,), the exit flow of each group.
        seed: chooses the order of visits.
        eager: whether to search twice, once as if a unit alone needed a codebook, too; since two
            seldom pay for one that more of them share, this joins more. The better result counts.

    Returns:
        The module of each unit, uint32 (units,), 0, 1, ...; a unit alone in one stands for itself.
        And the bits saved; `start` if none are.
    """
    before = super_cost(units, start, groups, exits)
    found, least, saved = start, before - GAIN, 0.0
    exact, joining = entered(units, savings_alone(units)), entered(units, np.empty(0))
    for turn in range(1 + eager):
        labels = start.copy()
        if turn == 1:
            search(joining, labels, groups, exits, seed, np.int64(0))
        rates = search(exact, labels, groups, exits, seed, np.int64(0))
        dissolve(rates, labels, groups, exits)
        cost = super_cost(units, labels, groups, exits)
        if cost < least:
            found, least, saved = labels, cost, before - cost
    return found, saved


@kernel
def entered(units: Level, alone: np.ndarray) -> Level:
    """Return the level with enter flow in place of visit rates: what an index codebook names.

    Args:
        units: the modules that are named.
        alone: see `Level`.
    """
    rates = units.rates.copy()
    for x in range(rates.shape[0]):
        rates[x, FLOW] = rates[x, ENTER]
    rows = units.starts, units.targets, units.half
    return Level(*rows, rates, alone, no_physical(), units.symmetric)


@kernel
def super_cost(units: Level, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray) -> Scalar:
    """Return the bits of the codebooks between units and the groups that hold them.

    Args:
        units: see `super_modules` for this and the following.
        labels: the module of each unit, 0, 1, ...
        groups: the group of each unit.
        exits: the exit flow of each group.
    """
    count = np.int64(labels.max()) + 1
    above, parents = aggregate(units, labels, count), parents_of(labels, groups, count)
    named = np.zeros(count)
    for x in range(labels.size):
        named[labels[x]] += units.rates[x, ENTER]
    sizes, children = np.bincount(labels), np.bincount(parents, minlength=exits.size)
    index, cost = exits.copy(), 0.0
    for m in range(count):
        flow, leave, enter, g = named[m], above.rates[m, LEAVE], above.rates[m, ENTER], parents[m]
        whole = sizes[m] == 1 or children[g] == 1  # the unit, or the group, stands for it
        index[g] += flow if whole else enter
        cost += 0.0 if whole else plogp(leave + flow) - plogp(leave) - plogp(enter)
    for g in range(exits.size):
        cost += plogp(index[g])
    return cost


@kernel
def dissolve(rates: np.ndarray, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray) -> None:
    """Dissolve the modules above others that are not worth their codebook.

    Args:
        rates: see `kept_modules`.
        labels: uint32 (units,), their modules; changed, and numbered 0, 1, ... again.
        groups: uint32 (units,), the group of each unit.
        exits: float64 (groups,), the exit flow of each group.
    """
    kept = kept_modules(rates, parents_of(labels, groups, rates.shape[0]), exits)
    for x in range(labels.size):
        if not kept[labels[x]]:
            labels[x] = labels.size + x
    renumber(labels, 2 * labels.size)


@kernel
def kept_modules(rates: np.ndarray, parents: np.ndarray, exits: np.ndarray) -> np.ndarray:
    """Return which of the modules above others are worth their codebook, bool (modules,).

    A module that goes leaves its children to its parent; the search took each child that stayed
    alone for a module of its own, which costs nothing in truth.

    Args:
        rates: float64 (modules, columns), see `Level`; FLOW is the enter flow of children.
        parents: uint32 (modules,), the group of each.
        exits: float64 (groups,), the exit flow of each group.
    """
    kept = np.ones(parents.size, np.bool_)
    none, index, gain = exits.copy(), exits.copy(), np.zeros(exits.size)
    for m in range(parents.size):
        none[parents[m]] += rates[m, FLOW]
        index[parents[m]] += rates[m, ENTER]
    # Drop modules whose codebook costs more than naming their children in the parent.
    changed = True
    while changed:
        changed = False
        for m in range(parents.size):
            flow, leave, enter = rates[m, FLOW], rates[m, LEAVE], rates[m, ENTER]
            g = parents[m]
            longer = index[g] - enter + flow
            codebook = plogp(leave + flow) - plogp(leave) - plogp(enter)
            if kept[m] and plogp(longer) - plogp(index[g]) < codebook - GAIN:
                kept[m], index[g], changed = False, longer, True
    # Keep none of a group if all together save nothing.
    for m in range(parents.size):
        if kept[m]:
            flow, leave, enter = rates[m, FLOW], rates[m, LEAVE], rates[m, ENTER]
            gain[parents[m]] += plogp(leave) + plogp(enter) - plogp(leave + flow)
    for m in range(parents.size):
        g = parents[m]
        kept[m] = kept[m] and gain[g] + plogp(none[g]) - plogp(index[g]) > GAIN
    return kept


@kernel
def savings_alone(units: Level) -> np.ndarray:
    """Return what a codebook for each unit alone would cost, float64 (units,)."""
    alone = np.empty(units.rates.shape[0])
    for x in range(alone.size):
        leave, enter = units.rates[x, LEAVE], units.rates[x, ENTER]
        alone[x] = plogp(leave + enter) - plogp(leave) - plogp(enter)
    return alone


@kernel
def gains(modules: Level, parents: np.ndarray, exits: np.ndarray) -> np.ndarray:
    """Return the bits that the modules save in each group, float64 (groups,)."""
    whole, index = exits.copy(), exits.copy()
    gain = np.zeros(exits.size)
    for m in range(parents.size):
        flow, leave = modules.rates[m, FLOW], modules.rates[m, LEAVE]
        enter = modules.rates[m, ENTER]
        whole[parents[m]] += flow
        index[parents[m]] += enter
        gain[parents[m]] += plogp(leave) + plogp(enter) - plogp(leave + flow)
    for g in range(exits.size):
        gain[g] += plogp(whole[g]) - plogp(index[g])
    if modules.physical.starts.size > 0:
        gain += name_costs(aggregate(modules, parents, exits.size).physical)
        costs = name_costs(modules.physical)
        for m in range(parents.size):
            gain[parents[m]] -= costs[m]
    return gain
