"""The map equation: bits a step to describe a random walk, given a partition of the nodes.

Rosvall and Bergstrom, PNAS 105 (2008) 1118, for two levels; Rosvall and Bergstrom, PLoS ONE 6
(2011) e18209, for more. The search keeps running sums of its own and is tested against this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from zoo.infomap.flow import Flow


@dataclass(frozen=True)
class Codelength:
    """The two parts of a codelength, in bits a step.

    Attributes:
        index: to name the modules entered, at all levels.
        module: to name the nodes visited and the exits from the modules that hold them.
    """

    index: float
    module: float

    @property
    def total(self) -> float:
        """The codelength."""
        return self.index + self.module


def codelength(flow: Flow, labels: ArrayLike | Sequence[ArrayLike]) -> float:
    """Return the codelength of a partition, in bits a step.

    Args:
        flow: the walk.
        labels: int (nodes,), the module of each node; any numbers will do.

    Raises:
        ValueError: if the shape does not fit.
    """
    return parts(flow, labels).total


def parts(flow: Flow, labels: ArrayLike | Sequence[ArrayLike]) -> Codelength:
    """Return index and module parts of the codelength of a partition; see `codelength`."""
    modules = np.unique(np.asarray(labels), return_inverse=True)[1]
    count = int(modules.max()) + 1
    enter, leave = boundary(flow, modules)
    inside = np.bincount(modules, flow.node, count)
    index = plogp(enter.sum()) - plogp(enter).sum()
    module = (plogp(leave + inside) - plogp(leave)).sum() - plogp(flow.node).sum()
    return Codelength(float(index), float(module))


def one_level(flow: Flow) -> float:
    """Return the codelength, in bits a step, with all nodes in one module: their entropy."""
    return float(-plogp(flow.node).sum())


def boundary(flow: Flow, modules: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flow that enters and that leaves each module, float64 (modules,) both.

    Args:
        flow: the walk.
        modules: int (nodes,), numbered 0, 1, 2, ...
    """
    count = int(modules.max()) + 1
    source = np.repeat(modules, np.diff(flow.starts))
    target = modules[flow.targets]
    crossing = np.where(source != target, flow.link, 0)
    enter = np.bincount(target, crossing, count)
    leave = np.bincount(source, crossing, count)
    return enter, leave


def plogp(flow: ArrayLike) -> np.ndarray:
    """Return p log2 p of each value, 0 at 0."""
    flow = np.asarray(flow, np.float64)
    return flow * np.log2(np.where(flow > 0, flow, 1))
