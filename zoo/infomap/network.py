"""Networks as sorted sparse rows: what readers make and flow models read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from zoo.compiling import kernel

LIMIT = 2**31 - 1  # nodes are numbered by int32


@dataclass(frozen=True)
class Network:
    """A network; the links of node `a` are `targets[starts[a]:starts[a + 1]]`.

    In an undirected network a link between two nodes stands in the rows of both, a self-link once
    in its row. Rows are sorted by target and hold each target once: parallel links are added.

    Attributes:
        starts: int64 (nodes + 1,).
        targets: int32 (links,).
        weights: float64 (links,), positive.
        directed: whether links have a direction.
        node_weights: float64 (nodes,), where teleportation lands and how a node without links
            counts; None for one each.
        names: a name for each node; None if there are none.
        ids: int64 (nodes,), the numbers that the source gave the nodes; None for 0, 1, 2, ...
        physical: int32 (nodes,), the number of each state node's physical node, 0 or more; None if
            each is its own.
        layers: int32 (nodes,), the layer of each state node of a multilayer network, or None.
        first_feature: in a bipartite network, the first node of the second kind, or None.
    """

    starts: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    directed: bool = False
    node_weights: np.ndarray | None = None
    names: list[str] | None = None
    ids: np.ndarray | None = None
    physical: np.ndarray | None = None
    layers: np.ndarray | None = None
    first_feature: int | None = None

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.starts) - 1


def from_edges(
    sources: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    nodes: int | None = None,
    directed: bool = False,
    **attributes: Any,
) -> Network:
    """Make a network of a list of links; parallel links are added, links of weight 0 dropped.

    An undirected link is named once, in either direction; named in both it counts twice.

    Args:
        sources: int (edges,), 0 or more; floats if they are whole.
        targets: int (edges,).
        weights: float (edges,), 0 or more; default 1 each.
        nodes: the number of nodes; default the largest number among the links, and one.
        directed: whether links have a direction.
        attributes: what else a `Network` holds, such as `names`, `ids` or `node_weights`.

    Returns:
        The network. Beside it and the input, at most 20 bytes an edge are taken.

    Raises:
        ValueError: if the columns differ in length, hold no link, or a number that is no node's,
            or a weight that is negative or not finite.

    Example:
        >>> network = from_edges([0, 0, 1], [1, 2, 1], [1.0, 2.0, 3.0])
        >>> network.targets, network.weights
        (array([1, 2, 0, 1, 0], dtype=int32), array([1., 2., 1., 3., 2.]))
    """
    first, second = node_column(sources, "sources"), node_column(targets, "targets")
    edges = len(first)
    if len(second) != edges:
        raise ValueError(f"{edges} sources and {len(second)} targets: give as many of each")
    if not edges:
        raise ValueError("the network has no links: give at least one")
    if nodes is None:
        nodes = 1 + int(max(first.max(), second.max()))
    require_nodes(first, nodes, "sources")
    require_nodes(second, nodes, "targets")
    weight = np.ones(1) if weights is None else weight_column(weights, edges)
    if not directed:  # rows of the upper ends, to be mirrored
        first, second = np.maximum(first, second), np.minimum(first, second)
    rows = _sorted_by(second, first, weight, nodes)
    del first, second, weight
    rows = _merged(transposed(rows))
    if not directed:
        rows = _mirrored(rows)
    return check_attributes(Network(*rows, directed, **attributes))


def node_column(column: ArrayLike, name: str) -> np.ndarray:
    """Return a column of node numbers as int32 (edges,).

    Args:
        column: integers, or floats that are whole.
        name: what to call it in a message.

    Raises:
        ValueError: if it has more than one dimension, or holds what is no whole number below 2^31.
    """
    array = np.asarray(column)
    if array.ndim != 1:
        raise ValueError(f"{name} have shape {array.shape}: give one dimension, a number a link")
    if array.size and array.dtype.kind not in "iuf":
        raise ValueError(f"{name} are {array.dtype}: number the nodes 0, 1, 2, ...")
    if array.dtype.kind == "f":
        _refuse(~(array == np.floor(array)), array, name, "whole numbers")
    if array.size and not (array.min() >= -LIMIT and array.max() < LIMIT):
        _refuse((array < -LIMIT) | (array >= LIMIT), array, name, f"numbers below {LIMIT}")
    return np.require(array, np.int32, ["C", "W"])


def require_nodes(column: np.ndarray, nodes: int, name: str) -> None:
    """Refuse numbers that are no node's.

    Raises:
        ValueError: if a number is negative, or `nodes` or more; names the first such.
    """
    if column.size and not (column.min() >= 0 and column.max() < nodes):
        _refuse((column < 0) | (column >= nodes), column, name, f"nodes 0 to {nodes - 1}")


def weight_column(weights: ArrayLike, length: int, name: str = "weights") -> np.ndarray:
    """Return weights as float64 (length,).

    Raises:
        ValueError: if their number differs, or one is negative, infinite or not a number.
    """
    try:
        array = np.require(weights, np.float64, ["C", "W"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} are not all numbers: {error}") from error
    if array.shape != (length,):
        raise ValueError(f"{name} have shape {array.shape}: expected ({length},)")
    if array.size and not (array.min() >= 0 and array.max() < np.inf):
        _refuse(~((array >= 0) & (array < np.inf)), array, name, "finite numbers from 0 up")
    return array


def check_attributes(network: Network) -> Network:
    """Return a network whose optional columns have one value a node.

    Raises:
        ValueError: if a column has another length, a node weight is negative or not finite, or
            all are 0, the first feature is no node, or a link joins two nodes of one kind.
    """
    for name in ("node_weights", "names", "ids", "physical", "layers"):
        column = getattr(network, name)
        if column is not None and len(column) != network.nodes:
            raise ValueError(f"{len(column)} {name} for {network.nodes} nodes: give one each")
    if network.node_weights is not None:
        weights = weight_column(network.node_weights, network.nodes, "node_weights")
        if not weights.sum():
            raise ValueError("all node weights are 0: give at least one node a positive weight")
    first = network.first_feature
    if first is None:
        return network
    if not 0 <= first <= network.nodes:
        raise ValueError(f"first_feature is {first}: expected a node, 0 to {network.nodes}")
    source = np.repeat(np.arange(network.nodes), np.diff(network.starts))
    same = np.flatnonzero((source < first) == (network.targets < first))
    if len(same):
        raise ValueError(
            f"link {source[same[0]]}-{network.targets[same[0]]} joins two nodes of one kind: in a "
            f"bipartite network one end is below first_feature, {first}, and one is not"
        )
    return network


def split_loops(network: Network) -> tuple[Network, np.ndarray]:
    """Return a network without its self-links, and their weights, float64 (nodes,)."""
    loops = np.zeros(network.nodes)
    if not _find_loops(network.starts, network.targets, network.weights, loops):
        return network, loops
    starts, ends, values = network.starts.copy(), network.targets.copy(), network.weights.copy()
    links = _drop_loops(starts, ends, values)
    return replace(network, starts=starts, targets=ends[:links], weights=values[:links]), loops


def _refuse(wrong: np.ndarray, column: np.ndarray, name: str, expected: str) -> None:
    """Raise a ValueError for the first wrong value of a column, if there is one."""
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(f"{name}[{row}] is {column[row]}: expected {expected}")


def _sorted_by(
    keys: np.ndarray, others: np.ndarray, weights: np.ndarray, nodes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of links by key, the links of a row in the order given."""
    starts = np.zeros(nodes + 1, np.int64)
    ends, values = np.empty(len(keys), np.int32), np.empty(len(keys))
    _sort_links(keys, others, weights, starts, ends, values)
    return starts, ends, values


def transposed(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of the reversed links, each sorted by its other end."""
    starts, ends, values = np.zeros_like(rows[0]), np.empty_like(rows[1]), np.empty_like(rows[2])
    _transpose(*rows, starts, ends, values)
    return starts, ends, values


def _merged(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add parallel links and drop those of weight 0, in place.

    Raises:
        ValueError: if no link is left.
    """
    starts, ends, values = rows
    links = _merge(starts, ends, values)
    if not links:
        raise ValueError("all links have weight 0: give at least one a positive weight")
    for column in (ends, values):
        column.resize(links, refcheck=False)  # in place: a copy would double the memory
    return rows


def _mirrored(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows of both ends of links that stand in the rows of their upper ends."""
    starts = np.zeros_like(rows[0])
    links = _mirrored_starts(*rows[:2], starts)
    ends, values = np.empty(links, np.int32), np.empty(links)
    _mirror(*rows, starts, ends, values)
    return starts, ends, values


@kernel
def _sort_links(
    keys: np.ndarray,
    others: np.ndarray,
    weights: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    values: np.ndarray,
) -> None:
    """Counting sort by key; a single weight is that of all links."""
    for key in keys:
        starts[key + 1] += 1
    for node in range(len(starts) - 1):
        starts[node + 1] += starts[node]
    fill = starts[:-1].copy()
    step = 1 if len(weights) > 1 else 0
    for edge in range(len(keys)):
        place = fill[keys[edge]]
        fill[keys[edge]] += 1
        ends[place] = others[edge]
        values[place] = weights[edge * step]


@kernel
def _transpose(
    starts: np.ndarray,
    ends: np.ndarray,
    values: np.ndarray,
    new_starts: np.ndarray,
    new_ends: np.ndarray,
    new_values: np.ndarray,
) -> None:
    """Counting sort by the other end; rows are read in order, so each new row is sorted.

    Args:
        starts: int64 (nodes + 1,).
        ends: int32 (links,).
        values: float64 (links,).
        new_starts: int64 (nodes + 1,), zeros; written.
        new_ends: int32 (links,), written.
        new_values: float64 (links,), written.
    """
    nodes = len(starts) - 1
    for end in ends:
        new_starts[end + 1] += 1
    for node in range(nodes):
        new_starts[node + 1] += new_starts[node]
    fill = new_starts[:-1].copy()
    for node in range(nodes):
        for entry in range(starts[node], starts[node + 1]):
            place = fill[ends[entry]]
            fill[ends[entry]] += 1
            new_ends[place] = node
            new_values[place] = values[entry]


@kernel
def _merge(starts: np.ndarray, ends: np.ndarray, values: np.ndarray) -> int:
    """Add the values of equal ends within a row and drop zeros; return the number left."""
    kept = 0
    entry = 0
    for node in range(len(starts) - 1):
        first, stop = kept, starts[node + 1]
        while entry < stop:
            end, total = ends[entry], 0.0
            while entry < stop and ends[entry] == end:
                total += values[entry]
                entry += 1
            if total > 0:
                ends[kept] = end
                values[kept] = total
                kept += 1
        starts[node] = first
    starts[-1] = kept
    return kept


@kernel
def _find_loops(starts: np.ndarray, ends: np.ndarray, values: np.ndarray, loops: np.ndarray) -> int:
    """Write the weight of each node's self-link; return their number."""
    found = 0
    for node in range(len(starts) - 1):
        for entry in range(starts[node], starts[node + 1]):
            if ends[entry] == node:
                loops[node] = values[entry]
                found += 1
    return found


@kernel
def _drop_loops(starts: np.ndarray, ends: np.ndarray, values: np.ndarray) -> int:
    """Drop self-links, in place; return the number of links left."""
    kept = entry = 0
    for node in range(len(starts) - 1):
        first, stop = kept, starts[node + 1]
        while entry < stop:
            if ends[entry] != node:
                ends[kept] = ends[entry]
                values[kept] = values[entry]
                kept += 1
            entry += 1
        starts[node] = first
    starts[-1] = kept
    return kept


@kernel
def _mirrored_starts(starts: np.ndarray, ends: np.ndarray, full: np.ndarray) -> int:
    """Write where the rows of both ends start; return the number of their entries."""
    nodes = len(starts) - 1
    for node in range(nodes):
        full[node + 1] += starts[node + 1] - starts[node]
        for entry in range(starts[node], starts[node + 1]):
            if ends[entry] != node:
                full[ends[entry] + 1] += 1
    for node in range(nodes):
        full[node + 1] += full[node]
    return full[nodes]


@kernel
def _mirror(
    starts: np.ndarray,
    ends: np.ndarray,
    values: np.ndarray,
    full: np.ndarray,
    full_ends: np.ndarray,
    full_values: np.ndarray,
) -> None:
    """Fill rows with the ends up to their node, then, rows being read in order, those above."""
    nodes = len(starts) - 1
    fill = full[:-1].copy()
    for node in range(nodes):
        for entry in range(starts[node], starts[node + 1]):
            end, value = ends[entry], values[entry]
            full_ends[fill[node]] = end
            full_values[fill[node]] = value
            fill[node] += 1
            if end != node:
                full_ends[fill[end]] = node
                full_values[fill[end]] = value
                fill[end] += 1
