"""Modules within modules: the two-level search again, above the modules it found and inside them.

A parent that is left at rate Q and whose children are entered at rates q'_c has an index codebook
of its own. Seen from it, a child is what a node is to a module, with q'_c for its visit rate. So
the search over the children finds modules *between* them and their parent, and the search over a
module's nodes, with Q its exit flow, finds modules *inside* (Rosvall and Bergstrom 2011). All
parents of one depth are searched in one call.
"""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import Level, aggregate, induced, members_of
from zoo.infomap.kernels.logarithm import Scalar, plogp
from zoo.infomap.kernels.multilevel import divide, parents_of, renumber
from zoo.infomap.kernels.physical import name_costs, no_physical
from zoo.infomap.kernels.two_level import search
from zoo.kernels import inline, kernel

GAIN = 1e-10  # bits that a level must save


@kernel
def hierarchy(
    level: Level, labels: np.ndarray, seed: int, preferred: int, eager: bool
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Search for modules, and then for levels above and inside them.

    Args:
        level: the nodes.
        labels: uint32 (nodes,), where to start: 0, 1, ...; becomes the two-level partition.
        seed: chooses the order of visits.
        preferred: number of top modules to prefer; 0 for none. Modules are joined in larger ones
            only if none is preferred.
        eager: see `super_modules`.

    Returns:
        Labels from the top level to the lowest, uint32 (nodes,) each, none if one module is best;
        and for each level, float64 (divided,), the bits it saves in each module that it divides.
    """
    levels, saved, last = [], [], np.zeros_like(labels)
    nodes = np.arange(labels.size).astype(np.uint32)
    groups, exits = np.zeros_like(labels), np.zeros(1)
    top = search(level, labels, groups, exits, seed, preferred)
    labels = labels.copy()
    while True:
        # Which parents are worth dividing into the modules found; then levels between them.
        parents = parents_of(labels, groups, top.flow.size)
        divides = gains(top, parents, exits) > GAIN
        if not divides.any():
            return levels, saved
        lower = labels.copy()
        below = top.flow.size
        if levels or not preferred:
            top = joined_modules(labels, top, parents, exits, seed, eager)
        # Note the level.
        parents = parents_of(labels, groups, top.flow.size)
        saved.append(gains(top, parents, exits)[divides])
        last = _divided(last, nodes, labels, divides[groups])
        levels.append(last)
        # The modules are the parents of the next round, if they have nodes to divide.
        first, members = members_of(labels, parents.size)
        kept = divides[parents] & (np.diff(first) > 1)
        if not kept.any():
            return levels, saved
        exits = top.leave[kept]
        order, groups = _members_kept(first, members, kept)
        parts, top = divide(level, labels, order, groups, exits, seed)
        gained = gains(top, parents_of(parts, groups, top.flow.size), exits)
        joined = below > parents.size
        if not (joined or (gained > GAIN).any()):
            return levels, saved
        # Search inside all of them in one call; some begin with the modules that were joined.
        level, nodes, labels = induced(level, labels, order), nodes[order], parts
        if joined:
            restore_better(level, labels, lower[order], gained, groups, exits)
        top = search(level, labels, groups, exits, seed, np.int64(0))


@kernel
def restore_better(
    level: Level,
    labels: np.ndarray,
    others: np.ndarray,
    gained: np.ndarray,
    groups: np.ndarray,
    exits: np.ndarray,
) -> None:
    """Take other modules in those groups where they save more.

    Args:
        level: the nodes; a link joins nodes of one group only.
        labels: uint32 (nodes,), their modules; changed.
        others: uint32 (nodes,), the other modules; changed.
        gained: float64 (groups,), the bits that the modules save in each group.
        groups: uint32 (nodes,), the group of each node.
        exits: float64 (groups,), the exit flow of each group.
    """
    count, bound = renumber(others, np.int64(others.max()) + 1), np.int64(labels.max()) + 1
    better = gains(aggregate(level, others, count), parents_of(others, groups, count), exits)
    for x in range(labels.size):
        if better[groups[x]] > gained[groups[x]]:
            labels[x] = bound + others[x]
    renumber(labels, bound + count)


@kernel
def _divided(
    last: np.ndarray, nodes: np.ndarray, labels: np.ndarray, divided: np.ndarray
) -> np.ndarray:
    """Return labels of all nodes with those of some replaced by the modules they are divided in.

    Args:
        last: uint32 (all,), the labels to begin with.
        nodes: uint32 (nodes,), numbers of nodes among all.
        labels: uint32 (nodes,), their modules.
        divided: bool (nodes,), whether these count.
    """
    new, bound = last.copy(), np.int64(last.max()) + 1
    for i in range(nodes.size):
        if divided[i]:
            new[nodes[i]] = bound + labels[i]
    renumber(new, new.max() + 1)
    return new


@kernel
def _members_kept(
    first: np.ndarray, members: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes of some modules, sorted by module, and a number for the module of each.

    Args:
        first: see `members_of`.
        members: see `members_of`.
        kept: bool (modules,), the modules that count.
    """
    order, groups = np.empty_like(members), np.empty_like(members)
    end = 0
    for group, m in enumerate(np.flatnonzero(kept)):
        for x in members[first[m] : first[m + 1]]:
            order[end], groups[end] = x, group
            end += 1
    return order[:end], groups[:end]


@inline
def joined_modules(
    labels: np.ndarray,
    top: Level,
    parents: np.ndarray,
    exits: np.ndarray,
    seed: int,
    eager: bool,
) -> Level:
    """Join the modules of each group in larger ones, and those, as often as this saves bits.

    Args:
        labels: uint32 (nodes,), the modules; changed to the uppermost ones below the group.
        top: the modules; a link joins modules of one group only.
        parents: uint32 (modules,), the group of each.
        exits: float64 (groups,), the exit flow of each group.
        seed: chooses the order of visits.
        eager: see `super_modules`.

    Returns:
        The uppermost modules.
    """
    while True:
        count = top.flow.size
        own = np.arange(count).astype(np.uint32)
        joined = super_modules(top, own, parents, exits, seed, eager)
        fewer = np.int64(joined.max()) + 1
        if fewer == count:
            return top
        for x in range(labels.size):
            labels[x] = joined[labels[x]]
        parents = parents_of(joined, parents, fewer)
        top = aggregate(top, joined, fewer)


@kernel
def super_modules(
    units: Level,
    start: np.ndarray,
    groups: np.ndarray,
    exits: np.ndarray,
    seed: int,
    eager: bool,
) -> np.ndarray:
    """Search for the modules between modules and the groups that hold these.

    Args:
        units: the modules below; a link joins units of one group only.
        start: uint32 (units,), modules 0, 1, ... to start from.
        groups: uint32 (units,), the group of each.
        exits: float64 (groups,), the exit flow of each group.
        seed: chooses the order of visits.
        eager: whether to search twice, once as if a unit alone needed a codebook, too; since two
            seldom pay for one that more of them share, this joins more. The better result counts.

    Returns:
        uint32 (units,), the module of each, 0, 1, ...; a unit alone in one stands for itself.
    """
    labels = start.copy()
    searched_exactly(units, labels, groups, exits, seed)
    if not eager:
        return labels
    others = start.copy()
    search(entered(units, np.empty(0)), others, groups, exits, seed, np.int64(0))
    searched_exactly(units, others, groups, exits, seed)
    costs = super_cost(units, labels, groups, exits), super_cost(units, others, groups, exits)
    return labels if costs[0] <= costs[1] else others


@kernel
def searched_exactly(
    units: Level, labels: np.ndarray, groups: np.ndarray, exits: np.ndarray, seed: int
) -> None:
    """Search from labels, which change; modules that cost more than they save are dissolved."""
    count = units.flow.size
    above = search(entered(units, savings_alone(units)), labels, groups, exits, seed, np.int64(0))
    kept = kept_modules(above, parents_of(labels, groups, above.flow.size), exits)
    for x in range(count):
        if not kept[labels[x]]:
            labels[x] = count + x
    renumber(labels, 2 * count)


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
def entered(level: Level, alone: np.ndarray) -> Level:
    """Return the level with enter flow in place of visit rates: what an index codebook names.

    Args:
        level: the modules that are named.
        alone: see `Level`.
    """
    return Level(
        level.starts,
        level.targets,
        level.half,
        level.enter,
        level.leave,
        level.enter,
        level.teleport,
        level.landing,
        alone,
        no_physical(),
        level.symmetric,
    )


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
