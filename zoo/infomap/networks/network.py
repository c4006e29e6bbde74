"""Networks as sorted sparse rows: what readers make and flow models read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from zoo.errors import require_whole
from zoo.infomap.networks.csr import Rows, merged, mirrored, sorted_by, transposed, without_loops

LIMIT = 2**31 - 1  # nodes are numbered by int32
MANY = 10_000_000  # nodes may be numbered up to here, however few links there are


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
        node_weights: float64 (nodes,), in proportion to which teleportation to nodes lands, or,
            in precomputed flow, nodes are visited; None for one each.
        names: a name for each node; None if there are none.
        ids: int64 (nodes,), the numbers that the source gave the nodes; None for 0, 1, 2, ...
        physical: int32 (nodes,), the number of each state node's physical node, 0 or more; None if
            each is its own.
        layers: int32 (nodes,), the layer of each state node of a multilayer network, or None.
        first_feature: in a bipartite network, the first node of the second kind, or None.
        layers_undirected: whether it was made of links in layers that have no direction; its own
            have one, for a step may change the layer.
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
    layers_undirected: bool = False

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.starts) - 1

    @property
    def sources(self) -> np.ndarray:
        """int64 (links,): the node whose row each link stands in."""
        return np.repeat(np.arange(self.nodes), np.diff(self.starts))


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
        nodes = node_count(first, second)
    require_whole("nodes", nodes)
    require_nodes(first, nodes, "sources")
    require_nodes(second, nodes, "targets")
    weight = np.ones(1) if weights is None else weight_column(weights, edges)
    if not directed:  # rows of the upper ends, to be mirrored
        first, second = np.maximum(first, second), np.minimum(first, second)
    rows = sorted_by(second, first, weight, nodes)
    del first, second, weight
    rows = merged(transposed(rows))
    if not len(rows.ends):
        raise ValueError("all links have weight 0: give at least one a positive weight")
    if not directed:
        rows = mirrored(rows)
    return check_attributes(Network(*rows, directed, **attributes))


def largest_number(links: int) -> int:
    """Return up to where nodes may be numbered for lack of their number, given so many links."""
    return max(MANY, 100 * links)


def node_count(first: np.ndarray, second: np.ndarray) -> int:
    """Return the number of nodes that links tell: the largest number among them, and one.

    Raises:
        ValueError: if it is so large that nearly all of the nodes could have no link.
    """
    largest = int(max(first.max(initial=-1), second.max(initial=-1)))
    if largest >= largest_number(len(first)):
        raise ValueError(
            f"a node has the number {largest}, and there are {len(first)} links: number the nodes "
            "0, 1, 2, ... by numpy.unique(ends, return_inverse=True), or give their number"
        )
    return largest + 1


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
    source = network.sources
    same = np.flatnonzero((source < first) == (network.targets < first))
    if len(same):
        raise ValueError(
            f"link {source[same[0]]}-{network.targets[same[0]]} joins two nodes of one kind: in a "
            f"bipartite network one end is below first_feature, {first}, and one is not"
        )
    return network


def split_loops(network: Network) -> tuple[Network, np.ndarray]:
    """Return a network without its self-links, and their weights, float64 (nodes,)."""
    rows, loops = without_loops(Rows(network.starts, network.targets, network.weights))
    if rows.starts is network.starts:
        return network, loops
    return replace(network, starts=rows.starts, targets=rows.ends, weights=rows.values), loops


def without_directions(network: Network) -> Network:
    """Return a network whose links have no direction; two that differ in it are added."""
    if not network.directed:
        return network
    ends = network.sources, network.targets
    rows = from_edges(*ends, network.weights, nodes=network.nodes)
    links = {"starts": rows.starts, "targets": rows.targets, "weights": rows.weights}
    return replace(network, **links, directed=False)


def lightened(network: Network) -> Network:
    """Return a network whose weights, if all are equal, take the memory of one; read only."""
    weights = network.weights
    if weights.min() < weights.max():
        return network
    return replace(network, weights=np.broadcast_to(weights[:1].copy(), weights.shape))


def _refuse(wrong: np.ndarray, column: np.ndarray, name: str, expected: str) -> None:
    """Raise a ValueError for the first wrong value of a column, if there is one."""
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(f"{name}[{row}] is {column[row]}: expected {expected}")
