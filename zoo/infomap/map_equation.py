"""The map equation: bits a step to describe a random walk, given a partition of the nodes.

Rosvall and Bergstrom, PNAS 105 (2008) 1118, for two levels; PLoS ONE 6 (2011) e18209 for more.
The search keeps running sums of its own and is tested against this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from zoo.infomap.flow import Flow
from zoo.infomap.kernels.crossings import add_crossings

Labels = np.ndarray | Sequence[int] | Sequence[np.ndarray] | Sequence[Sequence[int]]


@dataclass(frozen=True)
class Codelength:
    """The two parts of a codelength, in bits a step.

    Attributes:
        index: to name the top modules as they are entered.
        module: all the rest, within the top modules.
    """

    index: float
    module: float

    @property
    def total(self) -> float:
        """The codelength."""
        return self.index + self.module


def codelength(flow: Flow, labels: Labels) -> float:
    """Return the codelength of a partition, in bits a step.

    Each module has a codebook with a word for each of its parts and one for leaving it. A node is
    named as often as it is visited (p), a module as often as it is entered (q_in) or left
    (q_out). With P(x) = x log2 x, a codebook used at the rates x_1, x_2, ... costs
    P(x_1 + x_2 + ...) - P(x_1) - P(x_2) - ...

    Args:
        flow: the walk.
        labels: the module of each node; any integers will do.

            - Two levels: int (nodes,).
            - More: an array int (nodes, levels), top level first, such as the paths of a tree, or
              a list of levels, each int (nodes,). A module of a level has part of the nodes of
              one module of the level before; if it has all of them, it counts as the same module,
              so that a branch that ends early is filled up with any one number.

    Raises:
        ValueError: if the labels are not as many as the nodes, or not integers.

    Example:
        >>> from zoo.infomap.flow import make_flow
        >>> from zoo.infomap.networks.network import from_edges
        >>> flow = make_flow(from_edges([0, 0, 1, 2, 3, 3, 4], [1, 2, 2, 3, 4, 5, 5]))
        >>> round(codelength(flow, [0, 0, 0, 1, 1, 1]), 4), round(one_level(flow), 4)
        (2.3207, 2.5567)
    """
    return parts(flow, labels).total


def parts(flow: Flow, labels: Labels) -> Codelength:
    """Return index and module parts of the codelength of a partition; see `codelength`."""
    levels = nested_levels(labels, flow.nodes)
    above, left = np.zeros(flow.nodes, np.int64), np.zeros(1)  # all in the root, which none leaves
    index = []
    for modules in levels:
        entered, leaving = boundary(flow, modules)
        parent = np.zeros(len(entered), np.int64)
        parent[modules] = above
        index.append(_index_codebooks(entered, parent, left))
        above, left = modules, leaving
    module = float(sum(index[1:])) + _module_codebooks(flow, above, left)
    return Codelength(index[0], module)


def one_level(flow: Flow) -> float:
    """Return the codelength, in bits a step, with all nodes in one module: their entropy."""
    node = flow.node if flow.physical is None else np.bincount(flow.physical, flow.node)
    return float(0.0 - plogp(node).sum())  # not -0.0


def nested_levels(labels: Labels, nodes: int) -> list[np.ndarray]:
    """Return the modules of each level, int64 (nodes,), numbered 0, 1, 2, ... within the level.

    Args:
        labels: see `codelength`.
        nodes: the number of nodes.

    Raises:
        ValueError: see `codelength`.
    """
    if isinstance(labels, np.ndarray):
        columns = list(np.atleast_2d(labels.T))
    else:
        nested = len(labels) > 0 and np.ndim(labels[0]) > 0
        columns = [np.asarray(column) for column in (labels if nested else [labels])]
    levels: list[np.ndarray] = []
    for column in columns:
        if column.shape != (nodes,):
            raise ValueError(f"labels of shape {column.shape} for {nodes} nodes: give one each")
        if column.dtype.kind not in "iu":
            raise ValueError(f"labels are {column.dtype}: expected integers")
        modules = np.unique(column, return_inverse=True)[1]
        if levels:  # within the modules above
            modules += levels[-1] * (modules.max() + 1)
            modules = np.unique(modules, return_inverse=True)[1]
        levels.append(modules)
    return levels


def boundary(flow: Flow, modules: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flow that enters and that leaves each module, float64 (modules,) both.

    Recorded teleportation leaves a module unless it lands in it: what a module sends, times the
    share of landings outside it.

    Args:
        flow: the walk.
        modules: int (nodes,), numbered 0, 1, 2, ...
    """
    count = int(modules.max()) + 1
    entered, left = np.zeros(count), np.zeros(count)
    add_crossings(flow.starts, flow.targets, flow.link, modules, entered, left)
    if flow.teleport is not None and flow.landing is not None:
        sent = np.bincount(modules, flow.teleport, count)
        share = np.bincount(modules, flow.landing, count)
        entered += (sent.sum() - sent) * share
        left += sent * (1 - share)
    return entered, left


def plogp(flow: ArrayLike) -> np.ndarray:
    """Return p log2 p of each value, 0 at 0."""
    flow = np.asarray(flow, np.float64)
    return flow * np.log2(np.where(flow > 0, flow, 1))


def _index_codebooks(entered: np.ndarray, parent: np.ndarray, left: np.ndarray) -> float:
    """Return the bits to name modules within their parents; one that is all of it has no name."""
    shared = np.bincount(parent, minlength=len(left)) > 1
    named = np.where(shared[parent], entered, 0)
    used = left + np.bincount(parent, named, len(left))
    return float((plogp(used) - plogp(left)).sum() - plogp(named).sum())


def _module_codebooks(flow: Flow, modules: np.ndarray, left: np.ndarray) -> float:
    """Return the bits to name nodes within the modules that hold them, and to leave these.

    The states of one physical node in one module share a name.
    """
    used = left + np.bincount(modules, flow.node, len(left))
    node = flow.node
    if flow.physical is not None:
        names = modules * (int(flow.physical.max()) + 1) + flow.physical
        node = np.bincount(np.unique(names, return_inverse=True)[1], flow.node)
    return float((plogp(used) - plogp(left)).sum() - plogp(node).sum())
