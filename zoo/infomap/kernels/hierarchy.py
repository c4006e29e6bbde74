"""What levels of modules between modules and their parents cost and save."""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import Level, aggregate
from zoo.infomap.kernels.logarithm import Scalar, plogp
from zoo.infomap.kernels.multilevel import parents_of, renumber
from zoo.infomap.kernels.physical import name_costs
from zoo.kernels import kernel

GAIN = 1e-10  # bits that a level must save


@kernel
def super_cost(units: Level, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray) -> Scalar:
    """Return the bits of the codebooks between units and the groups that hold them.

    Args:
        units: the modules below; a link joins units of one group only.
        labels: uint32 (units,), the module of each unit, 0, 1, ...; alone, it is the unit itself.
        groups: uint32 (units,), the group of each unit.
        exits: float64 (groups,), the exit flow of each group.
    """
    count = np.int64(labels.max()) + 1
    above, parents = aggregate(units, labels, count), parents_of(labels, groups, count)
    named = np.bincount(labels, units.enter)
    sizes, children = np.bincount(labels), np.bincount(parents, minlength=exits.size)
    index, cost = exits.copy(), 0.0
    for m in range(count):
        flow, leave, enter, g = named[m], above.leave[m], above.enter[m], parents[m]
        whole = sizes[m] == 1 or children[g] == 1  # the unit, or the group, stands for it
        index[g] += flow if whole else enter
        cost += 0.0 if whole else plogp(leave + flow) - plogp(leave) - plogp(enter)
    for g in range(exits.size):
        cost += plogp(index[g])
    return cost


@kernel
def dissolve(above: Level, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray) -> None:
    """Dissolve the modules above others that are not worth their codebook.

    Args:
        above: see `kept_modules`.
        labels: uint32 (units,), their modules; changed, and numbered 0, 1, ... again.
        groups: uint32 (units,), the group of each unit.
        exits: float64 (groups,), the exit flow of each group.
    """
    kept = kept_modules(above, parents_of(labels, groups, above.flow.size), exits)
    for x in range(labels.size):
        if not kept[labels[x]]:
            labels[x] = labels.size + x
    renumber(labels, 2 * labels.size)


@kernel
def kept_modules(above: Level, parents: np.ndarray, exits: np.ndarray) -> np.ndarray:
    """Return which of the modules above others are worth their codebook, bool (modules,).

    A module that goes leaves its children to its parent; the search took each child that stayed
    alone for a module of its own, which costs nothing in truth.

    Args:
        above: the modules; their flow is the enter flow of their children.
        parents: uint32 (modules,), the group of each.
        exits: float64 (groups,), the exit flow of each group.
    """
    kept = np.ones(parents.size, np.bool_)
    none, index, gain = exits.copy(), exits.copy(), np.zeros(exits.size)
    for m in range(parents.size):
        none[parents[m]] += above.flow[m]
        index[parents[m]] += above.enter[m]
    # Drop modules whose codebook costs more than naming their children in the parent.
    changed = True
    while changed:
        changed = False
        for m in range(parents.size):
            flow, leave, enter, g = above.flow[m], above.leave[m], above.enter[m], parents[m]
            longer = index[g] - enter + flow
            codebook = plogp(leave + flow) - plogp(leave) - plogp(enter)
            if kept[m] and plogp(longer) - plogp(index[g]) < codebook - GAIN:
                kept[m], index[g], changed = False, longer, True
    # Keep none of a group if all together save nothing.
    for m in range(parents.size):
        if kept[m]:
            flow, leave, enter = above.flow[m], above.leave[m], above.enter[m]
            gain[parents[m]] += plogp(leave) + plogp(enter) - plogp(leave + flow)
    for m in range(parents.size):
        g = parents[m]
        kept[m] = kept[m] and gain[g] + plogp(none[g]) - plogp(index[g]) > GAIN
    return kept


@kernel
def savings_alone(units: Level) -> np.ndarray:
    """Return what a codebook for each unit alone would cost, float64 (units,)."""
    alone = np.empty(units.enter.size)
    for x in range(alone.size):
        leave, enter = units.leave[x], units.enter[x]
        alone[x] = plogp(leave + enter) - plogp(leave) - plogp(enter)
    return alone


@kernel
def gains(modules: Level, parents: np.ndarray, exits: np.ndarray) -> np.ndarray:
    """Return the bits that the modules save in each group, float64 (groups,)."""
    whole, index = exits.copy(), exits.copy()
    gain = np.zeros(exits.size)
    for m in range(parents.size):
        flow, leave, enter = modules.flow[m], modules.leave[m], modules.enter[m]
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
