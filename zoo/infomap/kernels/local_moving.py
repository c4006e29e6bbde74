"""Moves single nodes between modules as long as the codelength falls.

With the exit flow q_m, the enter flow q'_m and the visit rate p_m of each module, the codelength
inside a parent that is left at rate Q is, but for the nodes' own terms,

    plogp(Q + sum_m q'_m) + sum_m [plogp(q_m + p_m) - plogp(q_m) - plogp(q'_m)],

plogp(x) = x log2 x (Rosvall, Axelsson, Bergstrom 2009, eq. 4; for the root Q = 0). The modules'
logarithms are kept, and since

    plogp(x) + d (log2 x + 1/ln 2) <= plogp(x + d) <= plogp(x) + d (log2 x + (1 + d / x) / ln 2),

they bound what a move may save; only where the bound promises more than the best candidate so far
are the new logarithms taken. A node is visited again when a neighbour has moved: nodes wait in a
queue, each at most once.
"""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import Level
from zoo.infomap.kernels.logarithm import Scalar, log2, plogp
from zoo.infomap.kernels.physical import add_bonuses
from zoo.kernels import kernel

# Columns of the modules' array: a row is half a cache line, or a whole one for directed flows.
FLOW, LEAVE, LOG_ALL, LOG_LEAVE, ENTER, LOG_ENTER, TELEPORT, LANDING = range(8)
SYMMETRIC, GENERAL = 4, 8  # numbers of columns; a symmetric flow enters as much as it leaves
GAIN = 1e-11  # bits that a move must save: above what rounding makes up
LOG2_E = 1 / np.log(2)
TINY = 1e-300
BLOCKS = 4096  # of an order of visits


@kernel
def modules_of(level: Level, spare: Scalar) -> np.ndarray:
    """Return the modules' array, float64 (nodes + spare, columns), each node being a module."""
    nodes = level.flow.size
    modules = np.zeros((nodes + spare, SYMMETRIC if level.symmetric else GENERAL))
    for m in range(nodes):
        modules[m, FLOW] = level.flow[m]
        modules[m, LEAVE] = level.leave[m]
        if not level.symmetric:
            modules[m, ENTER] = level.enter[m]
            modules[m, TELEPORT] = level.teleport[m] if level.teleport.size else 0.0
            modules[m, LANDING] = level.landing[m] if level.teleport.size else 0.0
        set_logarithms(modules, m)
    return modules


@kernel
def set_logarithms(modules: np.ndarray, m: Scalar) -> None:
    """Bring the logarithms of a module up to date with its rates."""
    modules[m, LOG_ALL] = log2(modules[m, LEAVE] + modules[m, FLOW])
    modules[m, LOG_LEAVE] = log2(modules[m, LEAVE])
    if modules.shape[1] == GENERAL:
        modules[m, LOG_ENTER] = log2(modules[m, ENTER])


@kernel
def term_change(
    modules: np.ndarray, m: Scalar, flow: Scalar, leave: Scalar, enter: Scalar
) -> Scalar:
    """Return the change of plogp(q + p) - plogp(q) - plogp(q') as a module's rates change."""
    q = modules[m, LEAVE]
    p = q + modules[m, FLOW]
    change = plogp(p + flow + leave) - p * modules[m, LOG_ALL]
    left = plogp(q + leave) - q * modules[m, LOG_LEAVE]
    if modules.shape[1] == SYMMETRIC:
        return change - 2.0 * left
    q = modules[m, ENTER]
    return change - left - (plogp(q + enter) - q * modules[m, LOG_ENTER])


@kernel
def term_bound(
    modules: np.ndarray, m: Scalar, flow: Scalar, leave: Scalar, enter: Scalar
) -> Scalar:
    """Return a number that `term_change` is not below, without a logarithm."""
    change = (flow + leave) * (modules[m, LOG_ALL] + LOG2_E)
    r = leave / (modules[m, LEAVE] + TINY)
    left = leave * (modules[m, LOG_LEAVE] + LOG2_E * (1.0 + r))
    if modules.shape[1] == SYMMETRIC:
        return change - 2.0 * left
    r = enter / (modules[m, ENTER] + TINY)
    return change - left - enter * (modules[m, LOG_ENTER] + LOG2_E * (1.0 + r))


@kernel
def index_change(index: Scalar, log_index: Scalar, change: Scalar) -> Scalar:
    """Return plogp(index + change) - plogp(index), by the series where that is exact enough."""
    if abs(change) < 1e-3 * index:
        r = change / index
        return change * (log_index + LOG2_E * (1.0 + r * (1 / 2 - r * (1 / 6 - r / 12))))
    return plogp(index + change) - index * log_index


@kernel
def add_to_module(
    modules: np.ndarray,
    m: Scalar,
    flow: Scalar,
    leave: Scalar,
    enter: Scalar,
    teleport: Scalar,
    landing: Scalar,
) -> None:
    """Change a module's rates and, by them, its logarithms."""
    modules[m, FLOW] += flow
    modules[m, LEAVE] += leave
    if modules.shape[1] == GENERAL:
        modules[m, ENTER] += enter
        modules[m, TELEPORT] += teleport
        modules[m, LANDING] += landing
    set_logarithms(modules, m)


@kernel
def move_nodes(
    level: Level,
    labels: np.ndarray,
    modules: np.ndarray,
    groups: np.ndarray,
    index: np.ndarray,
    queue: np.ndarray,
    preferred: Scalar,
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

    Returns:
        The bits saved.
    """
    # Scratch: the flow to each module that a node is linked to, and the names of empty modules.
    starts, targets, half = level.starts, level.targets, level.half
    teleports, states = level.teleport.size > 0, level.physical.starts.size > 0
    nodes = labels.size
    waits = np.ones(nodes, np.uint8)
    links = np.zeros(modules.shape[0])  # half of the flow between the node and each module
    found = np.empty(modules.shape[0] + 1, np.uint32)
    shares = np.zeros(modules.shape[0] if states else 0)
    bonuses = np.zeros(shares.size)  # see `add_bonuses`
    members = np.bincount(labels, minlength=modules.shape[0])
    empty = np.empty(members.size, np.uint32)
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
        candidates = 0
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
                level.physical, x, labels, links, shares, bonuses, found, candidates
            )
            bonus = bonuses[old]
            bonuses[old] = 0.0
        inside = 2.0 * links[old]
        links[old] = 0.0
        if candidates == 0 or (candidates == 1 and found[0] == old):
            continue
        # What leaving the old module changes; recorded teleportation is a link to each node.
        flow, leave, enter = level.flow[x], level.leave[x], level.enter[x]
        if teleports:
            teleport, landing = level.teleport[x], level.landing[x]
            inside += teleport * (modules[old, LANDING] - landing)
            inside += landing * (modules[old, TELEPORT] - teleport)
        total = float(index[groups[x]])
        log_total = log2(total)
        removal = term_change(modules, old, -flow, inside - leave, inside - enter) - bonus

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
                link += teleport * modules[m, LANDING] + landing * modules[m, TELEPORT]
            change = removal + index_change(total, log_total, inside - link)
            if states:
                change += bonuses[m]
                bonuses[m] = 0.0
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
                begin, end = level.physical.holder_starts[u], level.physical.holder_starts[u + 1]
                others = level.physical.holders[begin:end]
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
def shuffled(count: int, seed: int) -> np.ndarray:
    """Return 0, ..., count - 1 in an order that depends on the seed alone, uint32 (count,).

    Large networks are shuffled in blocks and within blocks: rows that lie together in memory are
    visited together, which is several times faster than one by one from anywhere.
    """
    size = 1 + count // BLOCKS
    blocks = np.arange(-(-count // size)).astype(np.uint32)
    state = _shuffle(blocks, np.uint64(seed))
    order = np.empty(count, np.uint32)
    end = 0
    for block in blocks:
        begin = end
        for x in range(block * size, min(count, (block + 1) * size)):
            order[end] = x
            end += 1
        state = _shuffle(order[begin:end], state)
    return order


@kernel
def _shuffle(order: np.ndarray, state: Scalar) -> Scalar:
    """Shuffle in place by the generator splitmix64; return its new state."""
    for i in range(order.size - 1, 0, -1):
        state += np.uint64(0x9E3779B97F4A7C15)
        z = state
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        j = np.int64(z % np.uint64(i + 1))
        order[i], order[j] = order[j], order[i]
    return state
