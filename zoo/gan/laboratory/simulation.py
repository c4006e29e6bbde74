"""Simulations in the laboratory: they measure what `Dirac` predicts, and know nothing of it."""

from typing import Literal, Protocol

import numpy as np

from zoo.gan.updates import Update

Outcome = Literal["converges", "sublinear", "circle", "limit set", "diverges"]

NEAR = 1e-6  # distance from rest at which linear rates are measured
FLOOR = 1e-6 * NEAR  # below it, rounding
FAR = 1e6  # beyond it a run has diverged


class Simulated(Protocol):
    """What is simulated; `zoo.gan.laboratory.dirac.Dirac` is one."""

    update: Update
    step: float
    dimension: int

    def field(self, weights: np.ndarray) -> np.ndarray:
        """Return the direction in which both players go, float (..., 2 n)."""
        ...

    def project(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights (..., 2 n) that clipping leaves."""
        ...


def start(lab: Simulated, size: float = 1.0) -> np.ndarray:
    """Return weights whose every coordinate of theta and of phi is of one size, float (2 n,).

    In two dimensions theta stands across phi, where a critic of fixed norm has most to turn.
    """
    if lab.dimension == 1:
        return np.full(2, size)
    return size * np.array([1.0, 0.0, 0.0, 1.0])


def run(
    lab: Simulated,
    steps: int,
    weights: np.ndarray | None = None,
    step: float | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Apply the update again and again.

    Args:
        lab: what to simulate.
        steps: generator steps.
        weights: where to begin, float (..., 2 n); default all coordinates one.
        step: step size, a number or (..., 1); default the lab's.

    Returns:
        weights: float (steps + 1, ..., 2 n).
        distances: from rest, float (steps + 1, ...).
    """
    weights = start(lab) if weights is None else weights
    size = lab.step if step is None else step
    state = (weights, np.zeros_like(weights))
    points = [weights]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            state = lab.update.advance(lab.field, state, size, lab.project)
            points.append(state[0])
        path = np.stack(points)
        return path, np.linalg.norm(path, axis=-1)


def flow(
    lab: Simulated, time: float, weights: np.ndarray | None = None, step: float = 0.02
) -> np.ndarray:
    """Follow the flow by the classical Runge-Kutta method.

    Args:
        lab: what to simulate.
        time: how long.
        weights: where to begin, float (2 n,); default all coordinates one.
        step: of the integrator; default 0.02.

    Returns:
        float (time / step + 1, 2 n).
    """
    w = start(lab) if weights is None else weights
    points = [w]
    for _ in range(round(time / step)):
        a = lab.field(w)
        b = lab.field(w + step / 2 * a)
        c = lab.field(w + step / 2 * b)
        w = lab.project(w + step / 6 * (a + 2 * b + 2 * c + lab.field(w + step * c)))
        points.append(w)
    return np.stack(points)


def slope(distances: np.ndarray) -> float:
    """Return the slope of the logarithm of a distance over its entries, by least squares.

    Over the last two thirds, when the faster modes have died.

    Args:
        distances: float (steps,).
    """
    late = np.log(distances[len(distances) // 3 :])
    return float(np.polyfit(np.arange(len(late)), late, 1)[0])


def above_floor(distances: np.ndarray) -> np.ndarray:
    """Return distances until rounding takes over."""
    alive = distances > FLOOR
    return distances[: len(alive) if alive.all() else int(alive.argmin())]


def flow_rate(lab: Simulated, time: float = 120.0, step: float = 0.04) -> float:
    """Measure the exponential rate of the flow near rest, per unit of time."""
    path = flow(lab, time, start(lab, NEAR), step)
    return slope(above_floor(np.linalg.norm(path, axis=-1))) / step


def update_rate(lab: Simulated, steps: int = 3000) -> float:
    """Measure the exponential rate of the update near rest, per generator step."""
    _, distances = run(lab, steps, start(lab, NEAR))
    return slope(above_floor(distances))


def largest_step(lab: Simulated, steps: int = 4000) -> float:
    """Measure the largest step size at which runs that begin near rest do not grow.

    Three sweeps of 40 sizes, each between two neighbours of the last.

    Returns:
        0 if they grow at all sizes from 0.01, infinity if at none up to 100.
    """
    low, high = 0.01, 100.0
    for _ in range(3):
        sizes = np.geomspace(low, high, 40)
        begin = np.tile(start(lab, NEAR), (40, 1))
        _, distances = run(lab, steps, begin, sizes[:, None])
        early, late = distances[steps // 4 : steps // 2].max(0), distances[steps // 2 :].max(0)
        with np.errstate(invalid="ignore"):
            fades = (late < FLOOR) | ((late <= early * (1 + 1e-9)) & (late < 100 * NEAR))
        grows = ~fades
        if not grows.any() or grows[0]:
            return np.inf if not grows.any() else 0.0
        first = int(grows.argmax())
        low, high = sizes[first - 1], sizes[first]
    return float(low)


def kind(lab: Simulated, steps: int = 8000) -> Outcome:
    """Name what a long run that begins far from rest does, by its distances alone.

    Args:
        lab: what to simulate.
        steps: generator steps; default 8,000.
    """
    begin = np.stack([start(lab, 1.0), start(lab, 0.5)])
    _, distances = run(lab, steps, begin)
    if not np.isfinite(distances).all() or distances.max() > FAR:
        return "diverges"
    # the largest distance in a window is free of the orbit's own swing
    quarter, half, end = (
        distances[at - steps // 8 : at].max(0) for at in (steps // 4, steps // 2, steps)
    )
    if (end < 1e-6).all():
        return "converges"
    first, second = np.log(quarter / half), np.log(half / end)  # over one and two quarters
    if (np.abs(second) < 0.03).all():
        kept = end[0] / end[1] > 1.3  # as far apart as they began
        return "circle" if kept else "limit set"
    if (second > 0).all():  # a power of time loses the same in each doubling, a rate twice as much
        return "converges" if (second > 1.5 * first).all() else "sublinear"
    return "diverges" if (second < -0.03).all() else "limit set"
