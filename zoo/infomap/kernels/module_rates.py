"""The rates of modules and their logarithms: what a move of a node changes, exactly and bounded.

With the exit flow q_m, the enter flow q'_m and the visit rate p_m of each module, the codelength
inside a parent that is left at rate Q is, but for the nodes' own terms,

    plogp(Q + sum_m q'_m) + sum_m [plogp(q_m + p_m) - plogp(q_m) - plogp(q'_m)],

plogp(x) = x log2 x (Rosvall, Axelsson, Bergstrom 2009, eq. 4; for the root Q = 0). The modules'
logarithms are kept, and since

    plogp(x) + d (log2 x + 1/ln 2) <= plogp(x + d) <= plogp(x) + d (log2 x + (1 + d / x) / ln 2),

they bound what a move may save; only where the bound promises more than the best candidate so far
are the new logarithms taken.
"""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import ENTER, FLOW, LANDING, LEAVE, TELEPORT, WITHOUT
from zoo.infomap.kernels.logarithm import Scalar, log2, plogp
from zoo.kernels import kernel

# Columns of the modules' array after FLOW and LEAVE: a row is half a cache line, or a whole one for
# directed flows.
LOG_ALL, LOG_LEAVE, MODULE_ENTER, LOG_ENTER, MODULE_TELEPORT, MODULE_LANDING = range(2, 8)
SYMMETRIC, GENERAL = 4, 8  # numbers of columns; a symmetric flow enters as much as it leaves
LOG2_E = 1 / np.log(2)
TINY = 1e-300


@kernel
def modules_of(rates: np.ndarray, symmetric: bool, spare: Scalar) -> np.ndarray:
    """Return the modules' array, float64 (modules + spare, columns).

    Args:
        rates: float64 (modules, columns), see `Level`.
        symmetric: whether every node is entered as often as it is left.
        spare: number of modules without nodes.
    """
    count = rates.shape[0]
    modules = np.zeros((count + spare, SYMMETRIC if symmetric else GENERAL))
    for m in range(count):
        modules[m, FLOW] = rates[m, FLOW]
        modules[m, LEAVE] = rates[m, LEAVE]
        if not symmetric:
            modules[m, MODULE_ENTER] = rates[m, ENTER]
            if rates.shape[1] > WITHOUT:
                modules[m, MODULE_TELEPORT] = rates[m, TELEPORT]
                modules[m, MODULE_LANDING] = rates[m, LANDING]
        set_logarithms(modules, m)
    return modules


@kernel
def set_logarithms(modules: np.ndarray, m: Scalar) -> None:
    """Bring the logarithms of a module up to date with its rates."""
    modules[m, LOG_ALL] = log2(modules[m, LEAVE] + modules[m, FLOW])
    modules[m, LOG_LEAVE] = log2(modules[m, LEAVE])
    if modules.shape[1] == GENERAL:
        modules[m, LOG_ENTER] = log2(modules[m, MODULE_ENTER])


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
    q = modules[m, MODULE_ENTER]
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
    r = enter / (modules[m, MODULE_ENTER] + TINY)
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
        modules[m, MODULE_ENTER] += enter
        modules[m, MODULE_TELEPORT] += teleport
        modules[m, MODULE_LANDING] += landing
    set_logarithms(modules, m)
