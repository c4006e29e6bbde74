"""Where a random walker with teleportation is found: the stationary distribution (PageRank)."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from zoo.compiling import kernel

TOLERANCE = 1e-13  # change of the visits in a sweep, summed over the nodes, at which they stand
SWEEPS = 2000


class Steps(NamedTuple):
    """Where a walker at a node may have come from; rows of links that enter.

    Attributes:
        starts: int64 (nodes + 1,).
        sources: int32 (links,), without the node itself.
        probability: float64 (links,), of the link among those that leave its source.
        stay: float64 (nodes,), probability of the link of a node to itself.
    """

    starts: np.ndarray
    sources: np.ndarray
    probability: np.ndarray
    stay: np.ndarray


def stationary(
    steps: Steps, landing: np.ndarray, leaves: np.ndarray, teleportation: float
) -> np.ndarray:
    """Return how often a walker visits each node, float64 (nodes,), sum 1.

    Of p = (1 - t) P'p + (t + (1 - t) d) v, where d is the share of visits to nodes without links
    that leave, the last factor is one number, so p is proportional to the solution y of
    y = (1 - t) P'y + v. It is found by Gauss-Seidel sweeps; after each, y is scaled so that what
    leaves the network by teleportation is what enters, 1. This takes about half as many sweeps
    as the power iteration.

    Args:
        steps: the links.
        landing: float64 (nodes,), v, the share of teleportation that lands on each node.
        leaves: bool (nodes,), whether any link leaves the node.
        teleportation: t, above 0.
    """
    visits = landing.copy()
    change = _sweep_to_rest(*steps, landing, leaves, 1 - teleportation, visits, TOLERANCE, SWEEPS)
    if change > TOLERANCE:
        warnings.warn(
            f"the visits still changed by {change:.1g} after {SWEEPS} sweeps: "
            "a larger teleportation brings them to rest",
            stacklevel=3,
        )
    return visits / visits.sum()


def arrivals(steps: Steps, rate: np.ndarray) -> np.ndarray:
    """Return the flow that enters each node by links, float64 (nodes,).

    Args:
        steps: the links.
        rate: float64 (nodes,), the flow that leaves each node by links.
    """
    return _arrivals(*steps, rate)


@kernel
def _arrivals(
    starts: np.ndarray,
    sources: np.ndarray,
    probability: np.ndarray,
    stay: np.ndarray,
    rate: np.ndarray,
) -> np.ndarray:
    arrived = stay * rate
    for node in range(len(rate)):
        for entry in range(starts[node], starts[node + 1]):
            arrived[node] += probability[entry] * rate[sources[entry]]
    return arrived


@kernel
def _sweep_to_rest(
    starts: np.ndarray,
    sources: np.ndarray,
    probability: np.ndarray,
    stay: np.ndarray,
    landing: np.ndarray,
    leaves: np.ndarray,
    follow: float,
    visits: np.ndarray,
    tolerance: float,
    limit: int,
) -> float:
    """Sweep until the visits change by the tolerance, or `limit` times; return the last change."""
    change = np.inf
    for _ in range(limit):
        change = total = teleported = 0.0
        for node in range(len(visits)):
            arrived = 0.0
            for entry in range(starts[node], starts[node + 1]):
                arrived += probability[entry] * visits[sources[entry]]
            found = (landing[node] + follow * arrived) / (1 - follow * stay[node])
            change += abs(found - visits[node])
            visits[node] = found
            total += found
            teleported += (1 - follow) * found if leaves[node] else found
        visits /= teleported
        change /= total
        if change <= tolerance:
            break
    return change
