"""Multilayer networks: one set of nodes, and links in several layers.

A state is a node in a layer. From one layer to another a walker comes by links that are given, or
by relaxing: with some probability it takes a step as if its layer made no difference
(De Domenico, Lancichinetti, Arenas and Rosvall, Phys. Rev. X 5 (2015) 011027).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from zoo.errors import require_number, require_whole
from zoo.infomap.kernels.csr import row_sums
from zoo.infomap.networks.network import Network, from_edges, node_column, weight_column

RELAX_RATE = 0.15  # of steps without regard to the layer, as in Infomap


class InterLinks(NamedTuple):
    """Links of nodes to themselves in other layers.

    Attributes:
        layers: int (links,).
        nodes: int (links,).
        other_layers: int (links,).
        weights: float (links,); None for 1 each.
    """

    layers: ArrayLike
    nodes: ArrayLike
    other_layers: ArrayLike
    weights: ArrayLike | None = None


class _Turns(NamedTuple):
    """Changes from a state to another one of the same node, whose links the walker then uses.

    Attributes:
        leave: int64 (turns,), states.
        arrive: int64 (turns,), states.
        weights: float64 (turns,).
    """

    leave: np.ndarray
    arrive: np.ndarray
    weights: np.ndarray


def from_multilayer(
    layers: ArrayLike,
    sources: ArrayLike,
    other_layers: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    directed: bool = False,
) -> Network:
    """Make a network of links between nodes in layers, all given (`*Multilayer`).

    Args:
        layers: int (edges,), layers of the sources.
        sources: int (edges,), numbers of nodes.
        other_layers: int (edges,), layers of the targets.
        targets: int (edges,), numbers of nodes.
        weights: float (edges,); default 1 each.
        directed: whether links have a direction.

    Returns:
        A network of states, in order of layer and node; `layers` and `physical` tell them.

    Raises:
        ValueError: if the columns differ in length, or hold what is no number of a node.
    """
    ends = [
        _columns(layers=layers, sources=sources),
        _columns(other_layers=other_layers, targets=targets),
    ]
    states, (first, second) = _states(ends)
    return _network(states, first, second, weights, directed)


def from_layers(
    layers: ArrayLike,
    sources: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    directed: bool = False,
    inter: InterLinks | None = None,
    relax_rate: float = RELAX_RATE,
    relax_down: int | None = None,
    relax_up: int | None = None,
) -> Network:
    """Make a network of links within layers (`*Intra`), and of steps between layers.

    A walker that changes its layer takes a link of the new layer in the same step. Links between
    states are therefore directed, even if those within the layers are not.

    Args:
        layers: int (edges,), the layer of each link.
        sources: int (edges,), numbers of nodes.
        targets: int (edges,), numbers of nodes.
        weights: float (edges,); default 1 each.
        directed: whether the links given have a direction; of a link that has none, and of an
            inter-layer link that has none, both directions are taken.
        inter: links between layers (`*Inter`); they are used beside the others in proportion to
            their weights. None to relax instead.
        relax_rate: probability that a step is to any layer within the limits: a node's links in
            all of them are used in proportion to their weights.
        relax_down: how far below its layer, in numbers of layers, a walker may relax; None for
            any distance.
        relax_up: the same above it.

    Returns:
        A directed network of states that have links, in order of layer and node; `layers` and
        `physical` tell them.

    Raises:
        ValueError: if the columns differ in length, hold what is no number of a node, or an
            inter-layer link stays in its layer, or the rate or a limit is out of range.

    Example:
        >>> network = from_layers([1, 2], [0, 0], [1, 2], relax_rate=0.5)
        >>> list(zip(network.layers.tolist(), network.physical.tolist()))
        [(1, 0), (1, 1), (2, 0), (2, 2)]
        >>> network.targets[:2], network.weights[:2]  # of node 0 in layer 1
        (array([1, 3], dtype=int32), array([0.75, 0.25]))
    """
    _check_relaxation(relax_rate, relax_down, relax_up)
    layers, sources, targets = _columns(layers=layers, sources=sources, targets=targets)
    weights = np.ones(len(layers)) if weights is None else weight_column(weights, len(layers))
    between = _inter_ends(InterLinks([], [], []) if inter is None else inter)
    states, (first, second, leave, arrive) = _states(
        [(layers, sources), (layers, targets), *between]
    )
    if not directed:
        other = first != second
        first, second = np.r_[first, second[other]], np.r_[second, first[other]]
        weights = np.r_[weights, weights[other]]
    within = from_edges(first, second, weights, nodes=len(states), directed=True)
    sums = row_sums(within.starts, within.weights)
    if inter is None:
        stay = np.full(len(states), 1 - relax_rate)
        turns = _relaxations(states, sums, relax_rate, relax_down, relax_up)
    else:
        stay = sums
        turns = _given_turns(inter, leave, arrive, directed)
    own = _Turns(np.arange(len(states)), np.arange(len(states)), stay)
    every = _Turns(*(np.concatenate(columns) for columns in zip(own, turns, strict=True)))
    sources, targets, weights = _links(within, sums, every)
    linked = np.unique(np.r_[sources, targets])  # not what an inter-layer link leads to in vain
    sources, targets = (np.searchsorted(linked, end) for end in (sources, targets))
    network = _network(states[linked], sources, targets, weights, directed=True)
    return replace(network, layers_undirected=not directed)


def _relaxations(
    states: np.ndarray, sums: np.ndarray, rate: float, down: int | None, up: int | None
) -> _Turns:
    """Return turns to all layers within the limits, the walker's own among them.

    Args:
        states: int32 (states, 2), layers and nodes.
        sums: float64 (states,), weight of the links of each state.
        rate: that turns are taken at, by each state in all.
        down: see `from_layers`.
        up: see `from_layers`.
    """
    leave, arrive = _same_node(states[:, 1])
    climb = states[arrive, 0] - states[leave, 0]
    lowest, highest = -np.inf if down is None else -down, np.inf if up is None else up
    near = (lowest <= climb) & (climb <= highest)
    leave, arrive = leave[near], arrive[near]
    around = np.bincount(leave, sums[arrive], len(states))[leave]
    share = np.divide(sums[arrive], around, out=np.zeros(len(leave)), where=around > 0)
    return _Turns(leave, arrive, rate * share)


def _given_turns(
    inter: InterLinks, leave: np.ndarray, arrive: np.ndarray, directed: bool
) -> _Turns:
    """Return turns by inter-layer links, whose ends are the states given."""
    rates = np.ones(len(leave))
    if inter.weights is not None:
        rates = weight_column(inter.weights, len(leave))
    if directed:
        return _Turns(leave, arrive, rates)
    return _Turns(np.r_[leave, arrive], np.r_[arrive, leave], np.r_[rates, rates])


def _same_node(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of states of one node, each with itself too."""
    order = np.argsort(nodes, kind="stable")
    first, count = np.unique(nodes[order], return_index=True, return_counts=True)[1:]
    count, first = np.repeat(count, count), np.repeat(first, count)
    return np.repeat(order, count), order[_runs(first, count)]


def _runs(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return start, start + 1, ... for each start, as many as its length says."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) + np.repeat(starts - ends + lengths, lengths)


def _links(
    within: Network, sums: np.ndarray, turns: _Turns
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sources, targets and weights of links that turn and step in one.

    Args:
        within: links within layers.
        sums: float64 (states,), weight of the links of each state.
        turns: each shared among the links of the state arrived at, in proportion to their weights.
    """
    count = np.diff(within.starts)[turns.arrive]
    entries = _runs(within.starts[turns.arrive], count)
    share = within.weights[entries] / np.repeat(sums[turns.arrive], count)
    weights = np.repeat(turns.weights, count) * share
    return np.repeat(turns.leave, count), within.targets[entries], weights


def _inter_ends(inter: InterLinks) -> list[list[np.ndarray]]:
    """Return the two ends of inter-layer links, each as layers and nodes."""
    layers, nodes, other = _columns(
        layers=inter.layers, nodes=inter.nodes, other_layers=inter.other_layers
    )
    same = np.flatnonzero(layers == other)
    if len(same):
        raise ValueError(
            f"inter-layer link {same[0]}, of node {nodes[same[0]]}, stays in layer "
            f"{layers[same[0]]}: expected another layer"
        )
    return [[layers, nodes], [other, nodes]]


def _columns(**columns: ArrayLike) -> list[np.ndarray]:
    """Return columns of numbers as int32, all of one length and not negative."""
    arrays = [node_column(column, name) for name, column in columns.items()]
    lengths = {name: len(array) for name, array in zip(columns, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise ValueError(f"{told}: give as many of each")
    for name, array in zip(columns, arrays, strict=True):
        wrong = np.flatnonzero(array < 0)
        if len(wrong):
            raise ValueError(f"{name}[{wrong[0]}] is {array[wrong[0]]}: expected 0 or more")
    return arrays


def _states(
    ends: Sequence[Sequence[np.ndarray]],
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the distinct pairs of layer and node, int32 (states, 2), and which each end is.

    Args:
        ends: of links, each int32 (links,) layers and (links,) nodes.
    """
    layers, nodes = (np.concatenate([end[part] for end in ends]) for part in (0, 1))
    keys = layers.astype(np.int64) << 32 | nodes
    distinct, place = np.unique(keys, return_inverse=True)
    states = np.stack([distinct >> 32, distinct & 0xFFFFFFFF], axis=1).astype(np.int32)
    return states, np.split(place, np.cumsum([len(end[0]) for end in ends])[:-1])


def _network(
    states: np.ndarray,
    sources: np.ndarray,
    targets: np.ndarray,
    weights: ArrayLike | None,
    directed: bool,
) -> Network:
    layers, physical = states.T.copy()
    return from_edges(
        sources,
        targets,
        weights,
        nodes=len(states),
        directed=directed,
        layers=layers,
        physical=physical,
    )


def _check_relaxation(rate: float, down: int | None, up: int | None) -> None:
    """Refuse a rate that is no probability and limits below 0."""
    require_number("relax_rate", rate)
    if not 0 <= rate <= 1:
        raise ValueError(f"relax_rate is {rate}: expected a probability, 0 to 1")
    for limit, name in ((down, "relax_down"), (up, "relax_up")):
        if limit is not None:
            require_whole(name, limit, least=0)
