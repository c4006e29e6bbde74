"""Physical nodes of state networks: the states of one physical node share a name in a module.

With P_mu the visit rate of the states of physical node u in module m, the nodes' names cost
-sum_mu plogp(P_mu) instead of -sum_a plogp(p_a) (Edler, Bohlin, Rosvall, Algorithms 10 (2017) 112),
so that a module gains by holding more states of one physical node, linked or not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zoo.infomap.kernels.logarithm import Scalar, plogp
from zoo.kernels import kernel

TINY = 1e-300


class Physical(NamedTuple):
    """Which physical nodes the nodes of a level hold, by node and by physical node.

    Attributes:
        starts: uint64 (nodes + 1,), rows of `names` and `flow`; (0,) if every node is its own.
        names: uint32 (holdings,), physical nodes.
        flow: float64 (holdings,), visit rates.
    """

    starts: np.ndarray
    names: np.ndarray
    flow: np.ndarray


class Holders(NamedTuple):
    """Which nodes of a level hold each physical node.

    Attributes:
        starts: uint64 (physical nodes + 1,), rows of `nodes` and `flow`.
        nodes: uint32 (holdings,), nodes of the level.
        flow: float64 (holdings,), visit rates.
    """

    starts: np.ndarray
    nodes: np.ndarray
    flow: np.ndarray


@kernel
def no_physical() -> Physical:
    """Return what an ordinary network has: nothing."""
    return Physical(np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0))


@kernel
def count_names(physical: Physical) -> Scalar:
    """Return a number that all physical nodes are below."""
    count = np.int64(0)
    for name in physical.names:
        count = max(count, np.int64(name) + 1)
    return count


@kernel
def holders_of(physical: Physical) -> Holders:
    """Return the nodes that hold each physical node."""
    count = count_names(physical)
    rows = np.zeros(count + 2, np.uint64)
    for name in physical.names:
        rows[name + 2] += np.uint64(1)
    for u in range(count):
        rows[u + 2] += rows[u + 1]
    nodes, flow = np.empty(physical.names.size, np.uint32), np.empty(physical.names.size)
    for x in range(physical.starts.size - 1):
        for j in range(physical.starts[x], physical.starts[x + 1]):
            u = physical.names[j] + 1
            nodes[rows[u]] = x
            flow[rows[u]] = physical.flow[j]
            rows[u] += np.uint64(1)
    return Holders(rows[:-1], nodes, flow)


@kernel
def merged_physical(physical: Physical, first: np.ndarray, members: np.ndarray) -> Physical:
    """Return the holdings of modules; `members[first[m]:first[m + 1]]` are the nodes of m."""
    if physical.starts.size == 0:
        return physical
    count = count_names(physical)
    starts = np.zeros(first.size, np.uint64)
    names, flow = np.empty(physical.names.size, np.uint32), np.empty(physical.names.size)
    found = np.zeros(count)
    p = 0
    for m in range(first.size - 1):
        begin = p
        for i in range(first[m], first[m + 1]):
            x = members[i]
            for j in range(physical.starts[x], physical.starts[x + 1]):
                if physical.flow[j] > 0:
                    name = physical.names[j]
                    names[p] = name
                    p += found[name] == 0
                    found[name] += physical.flow[j]
        for i in range(begin, p):
            flow[i] = found[names[i]]
            found[names[i]] = 0.0
        starts[m + 1] = p
    return Physical(starts, names[:p].copy(), flow[:p].copy())


@kernel
def kept_physical(physical: Physical, labels: np.ndarray, kept: np.ndarray) -> Physical:
    """Return the holdings of some nodes, with a name of its own in each module.

    Args:
        physical: the holdings.
        labels: uint32 (nodes,), the module of each node.
        kept: uint32 (kept,), the nodes to keep, sorted by module.
    """
    if physical.starts.size == 0:
        return physical
    last = np.full(count_names(physical), -1)  # the module that named it last
    new = np.empty(last.size, np.uint32)
    starts = np.zeros(kept.size + 1, np.uint64)
    names, flow = np.empty(physical.names.size, np.uint32), np.empty(physical.names.size)
    count = p = 0
    for i in range(kept.size):
        x = kept[i]
        for j in range(physical.starts[x], physical.starts[x + 1]):
            name = physical.names[j]
            if last[name] != labels[x]:
                last[name] = labels[x]
                new[name] = count
                count += 1
            names[p] = new[name]
            flow[p] = physical.flow[j]
            p += 1
        starts[i + 1] = p
    return Physical(starts, names[:p].copy(), flow[:p].copy())


@kernel
def add_bonuses(
    physical: Physical,
    holders: Holders,
    x: int,
    labels: np.ndarray,
    links: np.ndarray,
    shares: np.ndarray,
    bonuses: np.ndarray,
    found: np.ndarray,
    candidates: Scalar,
) -> Scalar:
    """Note what a node saves in each module that holds other states of its physical nodes.

    Args:
        physical: the holdings.
        holders: the same by physical node.
        x: the node.
        labels: uint32 (nodes,), the modules of the nodes.
        links: float64 (modules,), not 0 for modules found already.
        shares: float64 (modules,), scratch: all 0 before and after.
        bonuses: float64 (modules,), 0 before; after, the bits that names in the module cost less,
            negative, than in a module without such states.
        found: uint32 (candidates + ...,), the modules found; more are added.
        candidates: their number.

    Returns:
        The new number.
    """
    for j in range(physical.starts[x], physical.starts[x + 1]):
        u, flow = physical.names[j], physical.flow[j]
        if flow <= 0:
            continue
        # The flow of other states of this physical node in each module, then what it saves there.
        rows = range(holders.starts[u], holders.starts[u + 1])
        for i in rows:
            if holders.nodes[i] != x:
                shares[labels[holders.nodes[i]]] += holders.flow[i]
        for i in rows:
            m = labels[holders.nodes[i]]
            share = shares[m]
            if share > 0:
                if links[m] == 0 and bonuses[m] == 0:
                    found[candidates] = m
                    candidates += 1
                bonuses[m] -= max(plogp(share + flow) - plogp(share) - plogp(flow), TINY)
                shares[m] = 0.0
    return candidates


@kernel
def name_costs(physical: Physical) -> np.ndarray:
    """Return -sum_u plogp(P_mu) of each module m, float64 (modules,); 0 without states."""
    costs = np.zeros(max(physical.starts.size - 1, 0))
    for m in range(costs.size):
        for j in range(physical.starts[m], physical.starts[m + 1]):
            costs[m] -= plogp(physical.flow[j])
    return costs
