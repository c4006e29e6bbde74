"""Sweeps over the links that enter each node: visit rates of a random walker."""

from __future__ import annotations

import numpy as np

from zoo.kernels import kernel


@kernel
def arrivals(
    starts: np.ndarray,
    sources: np.ndarray,
    probability: np.ndarray,
    stay: np.ndarray,
    rate: np.ndarray,
) -> np.ndarray:
    """Return the flow that enters each node by links; `rate` leaves each node by links."""
    arrived = stay * rate
    for node in range(len(rate)):
        for entry in range(starts[node], starts[node + 1]):
            arrived[node] += probability[entry] * rate[sources[entry]]
    return arrived


@kernel
def sweep_to_rest(
    starts: np.ndarray,
    sources: np.ndarray,
    probability: np.ndarray,
    stay: np.ndarray,
    landing: np.ndarray,
    jump: np.ndarray,
    visits: np.ndarray,
    tolerance: float,
    limit: int,
) -> float:
    """Sweep until the visits change by the tolerance, or `limit` times; return the last change."""
    leaving = (1 - jump) * visits
    change = np.inf
    for _ in range(limit):
        change = total = teleported = 0.0
        for node in range(len(visits)):
            arrived = landing[node]
            for entry in range(starts[node], starts[node + 1]):
                arrived += probability[entry] * leaving[sources[entry]]
            found = arrived / (1 - (1 - jump[node]) * stay[node])
            change += abs(found - visits[node])
            visits[node] = found
            leaving[node] = (1 - jump[node]) * found
            total += found
            teleported += jump[node] * found
        visits /= teleported
        leaving /= teleported
        change /= total
        if change <= tolerance:
            break
    return change
