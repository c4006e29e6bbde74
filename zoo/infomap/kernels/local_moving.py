"""Moves single nodes between modules as long as the codelength falls.

Candidates are the modules of a node's neighbours; where teleportation is described, every node is
linked to every other, and some modules that no link leads to are candidates, too. A node is visited
again when a neighbour has moved: nodes wait in a queue, each at most once.
"""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import (
    ENTER,
    FLOW,
    LANDING,
    LEAVE,
    TELEPORT,
    WITH_TELEPORT,
    Level,
)
from zoo.infomap.kernels.logarithm import Scalar, log2
from zoo.infomap.kernels.module_rates import (
    MODULE_LANDING,
    MODULE_TELEPORT,
    add_to_module,
    index_change,
    term_bound,
    term_change,
)
from zoo.infomap.kernels.physical import add_bonuses, holders_of
from zoo.kernels import kernel

GAIN = 1e-11  # bits that a move must save: above what rounding makes up


@kernel
def move_nodes(
    level: Level,
    labels: np.ndarray,
    modules: np.ndarray,
    groups: np.ndarray,
    index: np.ndarray,
    queue: np.ndarray,
    preferred: Scalar,
    reach: Scalar,
) -> Scalar:
    """Move nodes to the best module among their neighbours', until none gains.

    Args:
        level: the nodes; a link joins nodes of one group only.
        labels: uint32 (nodes,), the module of each node; changed.
        modules: float64 (modules, columns), see `modules_of`; changed.
        groups: uint32 (nodes,), the parent that each node stays in.
        index: float64 (groups,), per parent: its exit flow and the enter flow of its modules;
            changed.
        queue: uint32 (nodes,), all nodes in the order of the first visit; changed.
        preferred: number of modules, from which each one more or less costs one bit; 0 for none.
        reach: number of modules, those next in number to a node's own, that are candidates without
            a link: for recorded teleportation.

    Returns:
        The bits saved.
    """
    # Scratch: the flow to each module that a node is linked to, and the names of empty modules.
    starts, targets, half = level.starts, level.targets, level.half
    rates, states = level.rates, level.physical.starts.size > 0
    teleports = rates.shape[1] == WITH_TELEPORT
    free = level.alone.size > 0
    nodes = labels.size
    waits = np.ones(nodes, np.uint8)
    links = np.zeros(modules.shape[0])  # half of the flow between the node and each module
    found = np.empty(modules.shape[0] + 1, np.uint32)
    holders = holders_of(level.physical)
    shares = np.zeros(modules.shape[0] if states else 0)
    bonuses = np.zeros(shares.size)  # see `add_bonuses`
    members = np.bincount(labels, minlength=modules.shape[0])
    empty = np.empty(members.size, np.uint32)
    owner = owners(labels, groups, modules.shape[0] if reach > 0 else 0)
    sums = member_sums(labels, modules.shape[0] if free else 0)  # of one member: the member
    spare = 0
    for m in range(members.size):
        if members[m] == 0:
            empty[spare] = m
            spare += 1
    # Visit the nodes that wait, in the order of the queue, a ring.
    head, waiting = 0, nodes
    saved = teleport = landing = 0.0
    while waiting:
        x = queue[head]
        head = head + 1 if head + 1 < nodes else 0
        waiting -= 1
        waits[x] = 0

        # Candidates: the modules of its neighbours, and the flow between it and each.
        old = labels[x]
        candidates = np.int64(0)
        for j in range(starts[x], starts[x + 1]):
            m = labels[targets[j]]
            link = links[m]
            found[candidates] = m
            candidates += (link == 0.0) & (half[j] > 0.0)  # without flow `found` might overflow
            links[m] = link + half[j]
        # States: also the modules that hold states of its physical nodes, and what these save.
        bonus = 0.0
        if states:
            candidates = add_bonuses(
                level.physical, holders, x, labels, links, shares, bonuses, found, candidates
            )
            bonus = bonuses[old]
            bonuses[old] = 0.0
        inside = 2.0 * links[old]
        links[old] = 0.0
        # Recorded teleportation: also modules without a link.
        for step in range(1, min(reach + 1, members.size)):
            m = old + step if old + step < members.size else old + step - members.size
            linked = links[m] > 0.0 or (states and bonuses[m] != 0.0)
            if members[m] > 0 and owner[m] == groups[x] and not linked:
                found[candidates] = m
                candidates += 1
        if candidates == 0 or (candidates == 1 and found[0] == old):
            continue
        # What leaving the old module changes; recorded teleportation is a link to each node.
        flow, leave, enter = rates[x, FLOW], rates[x, LEAVE], rates[x, ENTER]
        if teleports:
            teleport, landing = rates[x, TELEPORT], rates[x, LANDING]
            inside += teleport * (modules[old, MODULE_LANDING] - landing)
            inside += landing * (modules[old, MODULE_TELEPORT] - teleport)
        total = float(index[groups[x]])
        log_total = log2(total)
        removal = term_change(modules, old, -flow, inside - leave, inside - enter) - bonus
        if free and members[old] == 1:
            removal += level.alone[x]
        elif free and members[old] == 2:
            removal -= level.alone[sums[old] - x]

        # A module of its own, if it is not alone already.
        best, new, best_link = -GAIN, old, 0.0
        if members[old] == 1:
            removal += preference(members.size - spare - 1, preferred) - preference(
                members.size - spare, preferred
            )
        elif spare > 0:
            m = empty[spare - 1]
            change = removal + index_change(total, log_total, inside)
            change += preference(members.size - spare + 1, preferred) - preference(
                members.size - spare, preferred
            )
            change += term_change(modules, m, flow, leave, enter)
            if free:
                change -= level.alone[x]
            if change < best:
                best, new = change, m

        # Each candidate; logarithms are taken only where the bound is better than the best so far.
        for i in range(candidates):
            m = found[i]
            if m == old:
                continue
            link = 2.0 * links[m]
            links[m] = 0.0
            if teleports:
                link += teleport * modules[m, MODULE_LANDING]
                link += landing * modules[m, MODULE_TELEPORT]
            change = removal + index_change(total, log_total, inside - link)
            if states:
                change += bonuses[m]
                bonuses[m] = 0.0
            if free and members[m] == 1:
                change += level.alone[sums[m]]
            if change + term_bound(modules, m, flow, leave - link, enter - link) < best:
                change += term_change(modules, m, flow, leave - link, enter - link)
                if change < best:
                    best, new, best_link = change, m, link
        if new == old:
            continue

        # Move, and bring both modules up to date.
        saved -= best
        index[groups[x]] += inside - best_link
        labels[x] = new
        if members[new] == 0:
            spare -= 1
        members[old] -= 1
        members[new] += 1
        if reach > 0:
            owner[new] = groups[x]
        if free:
            sums[old] -= x
            sums[new] += x
        add_to_module(modules, old, -flow, inside - leave, inside - enter, -teleport, -landing)
        add_to_module(modules, new, flow, leave - best_link, enter - best_link, teleport, landing)
        if members[old] == 0:
            modules[old] = 0.0
            empty[spare] = old
            spare += 1

        # Neighbours in other modules are visited again, and so are other states of its nodes.
        waiting = enqueue(
            targets[starts[x] : starts[x + 1]], labels, new, waits, queue, head, waiting
        )
        if states:
            for j in range(level.physical.starts[x], level.physical.starts[x + 1]):
                u = level.physical.names[j]
                others = holders.nodes[holders.starts[u] : holders.starts[u + 1]]
                waiting = enqueue(others, labels, new, waits, queue, head, waiting)
    return saved


@kernel
def preference(count: Scalar, preferred: Scalar) -> Scalar:
    """Return what a number of modules costs: a bit for each that is missing or too many."""
    return abs(count - preferred) if preferred > 0 else 0


@kernel
def enqueue(
    nodes: np.ndarray,
    labels: np.ndarray,
    new: Scalar,
    waits: np.ndarray,
    queue: np.ndarray,
    head: Scalar,
    waiting: Scalar,
) -> Scalar:
    """Let nodes that are not in module `new` wait for a visit; return how many wait."""
    tail = head + waiting
    tail -= queue.size if tail >= queue.size else 0
    for x in nodes:
        if not waits[x] and labels[x] != new:
            waits[x] = 1
            queue[tail] = x
            tail = tail + 1 if tail + 1 < queue.size else 0
            waiting += 1
    return waiting


@kernel
def owners(labels: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Return the group of each of the first modules, uint32 (count,); 0 for those without nodes."""
    found = np.zeros(count, np.uint32)
    if count:
        for x in range(labels.size):
            found[labels[x]] = groups[x]
    return found


@kernel
def member_sums(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the sum of the numbers of the nodes of each of the first modules, int64 (count,)."""
    sums = np.zeros(count, np.int64)
    if count:
        for x in range(labels.size):
            sums[labels[x]] += x
    return sums
