"""Networks from whatever holds a graph: arrays, columns, tables, matrices, graph libraries."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.infomap.files.read_network import read_network
from zoo.infomap.networks.matrices import DIRECTED, from_matrix
from zoo.infomap.networks.network import Network, from_edges

DENSE = 0.5  # share of the pairs of nodes that are linked, from which a graph is dense
SMALL = 20  # nodes up to which it does not matter
ENDS = (
    ("source", "target"),
    ("src", "dst"),
    ("from", "to"),
)  # columns of tables, if they are there
ACCEPTED = (
    "an edge array (m, 2 or 3), a tuple of columns (sources, targets[, weights]), a list of edges, "
    "a sparse matrix, a networkx or igraph graph, an edge_index (2, m), a DataFrame, a Network or "
    "a path"
)


@dataclass(frozen=True)
class Links:
    """The links of a graph, in columns.

    Attributes:
        sources: int (links,), places of nodes from 0.
        targets: int (links,).
        weights: float (links,), or None for 1 each.
        nodes: what the graph calls its nodes, in order; None for 0, 1, 2, ...
        directed: what the graph says of its links' directions; None if nothing.
    """

    sources: np.ndarray
    targets: np.ndarray
    weights: Any = None
    nodes: Sequence[Hashable] | None = None
    directed: bool | None = None

    def in_both_directions(self) -> Links:
        """Return directed links, two for each that joins two nodes."""
        sources, targets = self.sources, self.targets
        loop = sources == targets
        return Links(
            np.concatenate([sources, targets[~loop]]),
            np.concatenate([targets, sources[~loop]]),
            self.weights and [*self.weights, *np.asarray(self.weights)[~loop]],
            self.nodes,
        )


def as_network(
    graph: Any,
    *,
    directed: bool = False,
    drop_directions: bool = False,
    weight: str | None = "weight",
    **reading: Any,
) -> tuple[Network, Sequence[Hashable]]:
    """Make a network of a graph in any form.

    Args:
        graph: see `zoo.find_communities`.
        directed: whether links have a direction.
        drop_directions: take directed links as undirected ones instead of refusing them.
        weight: the attribute or column that holds the weights of links; None for 1 each.
        reading: what else `read_network` takes; of use with a file only.

    Returns:
        The network, and what the graph calls its nodes, in the network's order.

    Raises:
        ValueError: if the graph has directions and neither argument allows them, if it is
            nothing known, or if something is wrong with its links.
    """
    if isinstance(graph, Network):
        return graph, nodes_of(graph)
    how = {"directed": directed, "drop_directions": drop_directions}
    if isinstance(graph, (str, Path)):
        network = read_network(graph, **how, **reading)
        return network, nodes_of(network)
    matrix = _matrix(graph)
    if matrix is not None:
        network = from_matrix(matrix, **how)
        return network, nodes_of(network)
    links = _links(graph, weight)
    if links.directed and not (directed or drop_directions):
        raise ValueError(f"the graph's links have directions: {DIRECTED}")
    if directed and links.directed is False:
        links = links.in_both_directions()
    count = None if links.nodes is None else len(links.nodes)
    network = from_edges(
        links.sources, links.targets, links.weights, nodes=count, directed=directed
    )
    return network, nodes_of(network) if links.nodes is None else links.nodes


def nodes_of(network: Network) -> Sequence[Hashable]:
    """Return the names of a network's nodes, or else their numbers; of states their numbers."""
    if network.names is not None and network.physical is None:
        return network.names
    return range(network.nodes) if network.ids is None else network.ids.tolist()


def warn_if_dense(network: Network, stacklevel: int) -> None:
    """Warn if most pairs of nodes are linked, as in a matrix of similarities."""
    pairs = network.nodes**2
    if network.nodes > SMALL and len(network.targets) > DENSE * pairs:
        warnings.warn(
            f"{len(network.targets) / pairs:.0%} of all pairs of nodes are linked: communities of "
            "a dense graph say little. Of similarities keep the largest: zoo.infomap.knn_graph",
            stacklevel=stacklevel,
        )


def _matrix(graph: Any) -> Any:
    """Returns the sparse matrix that a graph is, or stands for; None if it is no such thing."""
    from scipy.sparse import coo_array, csr_array, issparse

    if issparse(graph):
        return graph
    weights = None
    if isinstance(graph, tuple) and len(graph) == 2 and np.ndim(graph[0]) == 2:
        graph, weights = graph[0], _array(graph[1])
    tensor = hasattr(graph, "detach")
    array = _array(graph)
    if not isinstance(array, np.ndarray) or array.ndim != 2:
        return None
    if len(array) == 2 and (tensor or weights is not None or array.shape[1] > 3):
        if weights is None:
            weights = np.ones(array.shape[1])
        nodes = int(array.max(initial=-1)) + 1
        return coo_array((weights, (array[0], array[1])), shape=(nodes, nodes))
    return csr_array(array) if array.shape[0] == array.shape[1] > 3 else None


def _array(thing: Any) -> Any:
    """Returns a torch tensor as an array, other things as they are."""
    return thing.detach().cpu().numpy() if hasattr(thing, "detach") else thing


def _links(graph: Any, weight: str | None) -> Links:
    graph = _array(graph)
    if hasattr(graph, "get_edgelist"):
        return _from_igraph(graph, weight)
    if hasattr(graph, "is_directed") and hasattr(graph, "edges"):
        return _from_networkx(graph, weight)
    if hasattr(graph, "columns") and hasattr(graph, "to_numpy"):
        return _from_table(graph, weight)
    if isinstance(graph, tuple) and len(graph) in (2, 3):
        return _from_columns(*(np.asarray(_array(column)) for column in graph))
    if isinstance(graph, np.ndarray) and graph.ndim == 2 and graph.shape[1] in (2, 3):
        return _from_columns(*graph.T)
    if isinstance(graph, list):
        return _from_list(graph)
    found = f"an array of shape {graph.shape}" if isinstance(graph, np.ndarray) else type(graph)
    raise ValueError(f"the graph is {found}: expected {ACCEPTED}")


def _from_igraph(graph: Any, weight: str | None) -> Links:
    edges = np.array(graph.get_edgelist(), np.int32).reshape(-1, 2)
    weights = graph.es[weight] if weight in graph.es.attributes() else None
    names = graph.vs["name"] if "name" in graph.vs.attributes() else range(graph.vcount())
    return Links(edges[:, 0], edges[:, 1], weights, names, graph.is_directed())


def _from_networkx(graph: Any, weight: str | None) -> Links:
    places = {node: place for place, node in enumerate(graph)}
    ends = np.array([(places[a], places[b]) for a, b in graph.edges()], np.int32).reshape(-1, 2)
    weights = weight and [edge[-1] for edge in graph.edges(data=weight, default=1.0)]
    return Links(ends[:, 0], ends[:, 1], weights, list(places), graph.is_directed())


def _from_table(table: Any, weight: str | None) -> Links:
    columns = list(table.columns)
    ends = next((ends for ends in ENDS if set(ends) <= set(columns)), columns[:2])
    if len(ends) < 2:
        raise ValueError(f"the table has the columns {columns}: expected source, target, weight")
    sources, targets = (table[end].to_numpy() for end in ends)
    weights = table[weight].to_numpy() if weight in columns else None
    return _by_name(sources, targets, weights)


def _from_list(edges: list[Any]) -> Links:
    lengths = {len(edge) if isinstance(edge, (tuple, list)) else 0 for edge in edges}
    if lengths not in ({2}, {3}):
        raise ValueError(f"the edges have {sorted(lengths)} values: expected 2 each, or 3 each")
    return _from_columns(*(np.array(column) for column in zip(*edges, strict=True)))


def _from_columns(
    sources: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None
) -> Links:
    if sources.dtype.kind in "iuf" and targets.dtype.kind in "iuf":
        return Links(sources, targets, weights)
    return _by_name(sources, targets, weights)


def _by_name(sources: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> Links:
    """Gives places to nodes that have names, in the order in which they come."""
    places: dict[Hashable, int] = {}
    ends = [_places(column, places) for column in (sources, targets)]
    missing = [name for name in places if name is None or name != name]
    if missing:
        raise ValueError(f"the end of a link is {missing[0]}: drop such rows")
    return Links(ends[0], ends[1], weights, list(places))


def _places(names: np.ndarray, places: dict[Hashable, int]) -> np.ndarray:
    return np.array([places.setdefault(name, len(places)) for name in names.tolist()], np.int32)
