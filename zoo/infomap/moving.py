"""Moves single nodes between modules as long as the codelength falls.

With the exit flow q_m, the enter flow q'_m and the visit rate p_m of each module, the codelength
inside a parent that is left at rate Q is, but for the nodes' own terms,

    plogp(Q + sum_m q'_m) + sum_m [plogp(q_m + p_m) - plogp(q_m) - plogp(q'_m)],

plogp(x) = x log2 x (Rosvall, Axelsson, Bergstrom 2009, eq. 4; for the root Q = 0). Each module's
term in the brackets is kept, so that a candidate costs the logarithms of its *new* term only.
A node is visited again when a neighbour has moved: nodes wait in a queue, each at most once.
"""

from __future__ import annotations

import numpy as np

from zoo.compiling import kernel
from zoo.infomap.level import Level
from zoo.infomap.logarithm import log2, plogp

# Columns of the modules' array: one row is half a cache line, or a whole one for directed flows.
FLOW, LEAVE, TERM, LINK, ENTER, TELEPORT, LANDING = range(7)
SYMMETRIC, GENERAL = 4, 8  # numbers of columns; a symmetric flow enters as much as it exits
GAIN = 1e-11  # bits that a move must save: above what rounding makes up
LOG2_E = 1 / np.log(2)


@kernel
def module_sums(level: Level, labels: np.ndarray, count: int, columns: int) -> np.ndarray:
    """Returns the rates and the term of each module, float64 (count, columns)."""
    sums = np.zeros((count, columns))
    symmetric = columns == SYMMETRIC
    teleports = level.teleport.size > 0
    for x in range(labels.size):
        m = labels[x]
        inner = 0.0
        for j in range(level.starts[x], level.starts[x + 1]):
            if labels[level.targets[j]] == m:
                inner += level.half[j]
        if teleports:  # between this node and the module's earlier ones, both ways
            inner += level.teleport[x] * sums[m, LANDING] + level.landing[x] * sums[m, TELEPORT]
            sums[m, TELEPORT] += level.teleport[x]
            sums[m, LANDING] += level.landing[x]
        sums[m, FLOW] += level.flow[x]
        sums[m, LEAVE] += level.leave[x] - inner
        if not symmetric:
            sums[m, ENTER] += level.enter[x] - inner
    for m in range(count):
        enter = sums[m, LEAVE] if symmetric else sums[m, ENTER]
        sums[m, TERM] = module_term(sums[m, FLOW], sums[m, LEAVE], enter, symmetric)
    return sums


@kernel
def module_term(flow: float, leave: float, enter: float, symmetric: bool) -> float:
    """Returns plogp(q + p) - plogp(q) - plogp(q')."""
    if symmetric:
        return plogp(leave + flow) - 2.0 * plogp(leave)
    return plogp(leave + flow) - plogp(leave) - plogp(enter)


@kernel
def index_change(index: float, log_index: float, change: float) -> float:
    """Returns plogp(index + change) - plogp(index), by the series where that is exact enough."""
    if abs(change) < 1e-3 * index:
        r = change / index
        return change * (log_index + LOG2_E * (1.0 + r * (1 / 2 - r * (1 / 6 - r / 12))))
    return plogp(index + change) - index * log_index


@kernel
def move_nodes(
    level: Level,
    labels: np.ndarray,
    sums: np.ndarray,
    groups: np.ndarray,
    index: np.ndarray,
    queue: np.ndarray,
) -> float:
    """Moves nodes to the best module among their neighbours', until none gains.

    Args:
        level: the nodes; a link joins nodes of one group only.
        labels: int32 (nodes,), the module of each node; changed.
        sums: float64 (modules, columns), from `module_sums`; changed.
        groups: int32 (nodes,), the parent that each node stays in.
        index: float64 (groups,), per parent: its exit flow and the enter flow of its modules;
            changed.
        queue: int32 (nodes,), all nodes in the order of the first visit; changed.

    Returns:
        The bits saved.
    """
    starts, targets, half = level.starts, level.targets, level.half
    symmetric = sums.shape[1] == SYMMETRIC
    teleports = level.teleport.size > 0
    nodes = labels.size
    waits = np.ones(nodes, np.uint8)
    found = np.empty(sums.shape[0] + 1, np.int32)
    head, waiting = 0, nodes
    saved = 0.0
    while waiting:
        x = queue[head]
        head = head + 1 if head + 1 < nodes else 0
        waiting -= 1
        waits[x] = 0
        old = labels[x]
        candidates = 0
        for j in range(starts[x], starts[x + 1]):
            m = labels[targets[j]]
            link = sums[m, LINK]
            found[candidates] = m
            candidates += (link == 0.0) & (half[j] > 0.0)  # else `found` might overflow
            sums[m, LINK] = link + half[j]
        inside = 2.0 * sums[old, LINK]
        sums[old, LINK] = 0.0
        if candidates == 0 or (candidates == 1 and found[0] == old):
            continue
        flow, leave, enter = level.flow[x], level.leave[x], level.enter[x]
        teleport = landing = 0.0
        if teleports:
            teleport, landing = level.teleport[x], level.landing[x]
            inside += teleport * (sums[old, LANDING] - landing)
            inside += landing * (sums[old, TELEPORT] - teleport)
        group = groups[x]
        from_index = float(index[group])
        log_index = log2(from_index)
        old_enter = 0.0 if symmetric else sums[old, ENTER] - enter + inside
        old_term = module_term(
            sums[old, FLOW] - flow, sums[old, LEAVE] - leave + inside, old_enter, symmetric
        )
        removal = old_term - sums[old, TERM]
        best, new, new_term, new_link = -GAIN, old, 0.0, 0.0
        for i in range(candidates):
            m = found[i]
            if m == old:
                continue
            link = 2.0 * sums[m, LINK]
            sums[m, LINK] = 0.0
            if teleports:
                link += teleport * sums[m, LANDING] + landing * sums[m, TELEPORT]
            m_enter = 0.0 if symmetric else sums[m, ENTER] + enter - link
            term = module_term(
                sums[m, FLOW] + flow, sums[m, LEAVE] + leave - link, m_enter, symmetric
            )
            change = removal + term - sums[m, TERM]
            change += index_change(from_index, log_index, inside - link)
            if change < best:
                best, new, new_term, new_link = change, m, term, link
        if new == old:
            continue
        saved -= best
        index[group] += inside - new_link
        labels[x] = new
        sums[old, FLOW] -= flow
        sums[old, LEAVE] += inside - leave
        sums[old, TERM] = old_term
        sums[new, FLOW] += flow
        sums[new, LEAVE] += leave - new_link
        sums[new, TERM] = new_term
        if not symmetric:
            sums[old, ENTER] += inside - enter
            sums[new, ENTER] += enter - new_link
        if teleports:
            sums[old, TELEPORT] -= teleport
            sums[old, LANDING] -= landing
            sums[new, TELEPORT] += teleport
            sums[new, LANDING] += landing
        tail = head + waiting
        tail -= nodes if tail >= nodes else 0
        for j in range(starts[x], starts[x + 1]):
            y = targets[j]
            if not waits[y] and labels[y] != new:
                waits[y] = 1
                queue[tail] = y
                tail = tail + 1 if tail + 1 < nodes else 0
                waiting += 1
    return saved


@kernel
def shuffled(count: int, seed: int) -> np.ndarray:
    """Returns 0, ..., count - 1 in an order that depends on the seed alone (splitmix64)."""
    order = np.arange(count).astype(np.int32)
    state = np.uint64(seed)
    for i in range(count - 1, 0, -1):
        state += np.uint64(0x9E3779B97F4A7C15)
        z = state
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        j = np.int64(z % np.uint64(i + 1))
        order[i], order[j] = order[j], order[i]
    return order
