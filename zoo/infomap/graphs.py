"""Networks from whatever holds a graph: arrays, columns, tables, matrices, graph libraries."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.infomap.files.read_network import read_network
from zoo.infomap.networks.links import Links, column_of, from_columns
from zoo.infomap.networks.matrices import from_matrix
from zoo.infomap.networks.network import Network, node_column, node_count, without_directions
from zoo.infomap.networks.tables import DEFAULT, from_table, is_adjacency

DENSE = 0.5  # share of the pairs of nodes that are linked, from which a graph is dense
SMALL = 20  # nodes up to which it does not matter
NEIGHBOURS = "connectivities"  # what scanpy calls the weights in `obsp`
EDGE_INDEX = ("edge_index[0]", "edge_index[1]")
ACCEPTED = (
    "an edge array (m, 2 or 3), a tuple of columns (sources, targets[, weights]), a list of edges, "
    "a sparse matrix, a networkx or igraph graph, an edge_index (2, m), a DataFrame, an AnnData, "
    "a Network, a path or an open file"
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
        The network, and what the graph calls its nodes, in the network's order: numbers, if two
        nodes have one name.

    Raises:
        ValueError: if the graph has directions and neither argument allows them, if it is
            nothing known, or if something is wrong with its links.
    """
    if isinstance(graph, Network):
        _require_no_name(weight, "a Network has its weights")
        layered = graph.layers is not None  # steps between layers have directions in any case
        network = without_directions(graph) if drop_directions and not layered else graph
        return network, nodes_of(network)
    how = {"directed": directed, "drop_directions": drop_directions}
    if isinstance(graph, (str, Path)) or hasattr(graph, "read"):
        network = read_network(graph, weight=weight, **how, **reading)
        return network, nodes_of(network)
    matrix, names = _of_anndata(graph, weight) if hasattr(graph, "obsp") else _matrix(graph)
    if matrix is not None:
        if not hasattr(graph, "obsp"):
            _require_no_name(weight, "the values of a matrix are its weights")
        network = from_matrix(matrix, **how)
        return network, distinct(names) or nodes_of(network)
    links = _links(graph, weight)
    network = links.network(**how)
    return network, nodes_of(network) if links.nodes is None else links.nodes


def nodes_of(network: Network) -> Sequence[Hashable]:
    """Return the names of a network's nodes, or else their numbers; of states their numbers."""
    names = distinct(network.names) if network.physical is None else None
    if names is not None:
        return names
    return range(network.nodes) if network.ids is None else network.ids.tolist()


def distinct(names: Sequence[Hashable] | None) -> Sequence[Hashable] | None:
    """Return names of nodes; None if two share one, which would be one node in results."""
    return None if names is None or len(set(names)) < len(names) else names


def warn_if_dense(network: Network, stacklevel: int) -> None:
    """Warn if most pairs of nodes are linked, as in a matrix of similarities."""
    pairs = network.nodes**2
    if network.nodes > SMALL and len(network.targets) > DENSE * pairs:
        warnings.warn(
            f"{len(network.targets) / pairs:.0%} of all pairs of nodes are linked: communities of "
            "a dense graph say little. Of similarities keep the largest: zoo.infomap.knn_graph",
            stacklevel=stacklevel,
        )


def _of_anndata(graph: Any, weight: str | None) -> tuple[Any, list[Hashable]]:
    """Return the matrix of neighbours of an AnnData, and the names of its observations."""
    key = NEIGHBOURS if weight in (None, DEFAULT) else weight
    if key not in graph.obsp:
        raise ValueError(
            f"obsp has no {key!r}, but {sorted(graph.obsp)}: name one by weight=, or make it by "
            "scanpy.pp.neighbors"
        )
    return graph.obsp[key], list(graph.obs_names)


def _matrix(graph: Any) -> tuple[Any, list[Hashable] | None]:
    """Return the sparse matrix that a graph is, or stands for, and the names of its nodes.

    None if it is no matrix; names are None if they are numbers.
    """
    from scipy.sparse import coo_array, csr_array, issparse

    if hasattr(graph, "columns") and is_adjacency(graph):
        return csr_array(graph.to_numpy(float)), list(graph.columns)
    weights = None
    if isinstance(graph, tuple) and len(graph) == 2 and np.ndim(array_of(graph[0])) == 2:
        graph, weights = graph[0], array_of(graph[1])
    array = array_of(graph)
    if issparse(array):
        return array, None
    if not isinstance(array, np.ndarray) or array.ndim != 2:
        return None, None
    if len(array) == 2 and (is_tensor(graph) or weights is not None or array.shape[1] > 3):
        ends = [node_column(row, name) for row, name in zip(array, EDGE_INDEX, strict=True)]
        count = node_count(*ends)
        weights = np.ones(array.shape[1]) if weights is None else weights
        return coo_array((weights, tuple(ends)), shape=(count, count)), None
    rows, columns = array.shape
    if rows == columns <= 3:
        warnings.warn(
            f"an array of shape {array.shape} is read as {rows} links, not as a matrix: say which "
            "by tuple(array.T) or scipy.sparse.csr_array(array)",
            stacklevel=5,
        )
    return (csr_array(array) if rows == columns > 3 else None), None


def is_tensor(thing: Any) -> bool:
    """Say whether a thing is a torch tensor (an open file has `detach`, too)."""
    return hasattr(thing, "detach") and hasattr(thing, "layout")


def array_of(thing: Any) -> Any:
    """Return a torch tensor as an array, a sparse one as a sparse matrix, others as they are."""
    if not is_tensor(thing):
        return thing
    tensor = thing.detach().cpu()
    if "sparse" in str(tensor.layout):
        from scipy.sparse import coo_array

        tensor = tensor.to_sparse_coo().coalesce()
        return coo_array(
            (array_of(tensor.values()), tuple(tensor.indices().numpy())), shape=tuple(tensor.shape)
        )
    if tensor.is_floating_point():
        tensor = tensor.double()  # NumPy has no bfloat16
    return tensor.numpy()


def _links(graph: Any, weight: str | None) -> Links:
    graph = array_of(graph)
    if hasattr(graph, "get_edgelist"):
        return _from_igraph(graph, weight)
    if hasattr(graph, "is_directed") and hasattr(graph, "edges"):
        return _from_networkx(graph, weight)
    if hasattr(graph, "columns") and hasattr(graph, "to_numpy"):
        return from_table(graph, weight)
    links = _from_plain(graph)
    if weight not in (None, DEFAULT):
        raise ValueError(f"weight is {weight!r}: links without names have no such attribute")
    return replace(links, weights=None) if weight is None else links


def _from_plain(graph: Any) -> Links:
    """Return links that stand in columns or in rows."""
    if isinstance(graph, tuple) and len(graph) in (2, 3):
        return from_columns(*(column_of(array_of(column)) for column in graph))
    if isinstance(graph, np.ndarray) and graph.ndim == 2 and graph.shape[1] in (2, 3):
        return from_columns(*graph.T)
    if isinstance(graph, list):
        lengths = {len(edge) if isinstance(edge, (tuple, list)) else 0 for edge in graph}
        if lengths not in ({2}, {3}):
            raise ValueError(f"the edges have {sorted(lengths)} values: expected 2 each, or 3 each")
        return from_columns(*(column_of(column) for column in zip(*graph, strict=True)))
    found = f"an array of shape {graph.shape}" if isinstance(graph, np.ndarray) else type(graph)
    raise ValueError(f"the graph is {found}: expected {ACCEPTED}")


def _from_igraph(graph: Any, weight: str | None) -> Links:
    edges = np.array(graph.get_edgelist(), np.int32).reshape(-1, 2)
    attributes = graph.es.attributes()
    _require_attribute(weight, attributes)
    weights = graph.es[weight] if weight in attributes else None
    numbers = range(graph.vcount())
    names = distinct(graph.vs["name"]) if "name" in graph.vs.attributes() else None
    return Links(edges[:, 0], edges[:, 1], weights, names or numbers, graph.is_directed())


def _from_networkx(graph: Any, weight: str | None) -> Links:
    places = {node: place for place, node in enumerate(graph)}
    ends = np.array([(places[a], places[b]) for a, b in graph.edges()], np.int32).reshape(-1, 2)
    if weight not in (None, DEFAULT):
        _require_attribute(weight, {name for *_, data in graph.edges(data=True) for name in data})
    weights = weight and [edge[-1] for edge in graph.edges(data=weight, default=1.0)]
    return Links(ends[:, 0], ends[:, 1], weights, list(places), graph.is_directed())


def _require_no_name(weight: str | None, why: str) -> None:
    """Refuse a choice of weights where there is none."""
    if weight != DEFAULT:
        raise ValueError(f"weight is {weight!r}: {why}; leave this out")


def _require_attribute(weight: str | None, attributes: Collection[str]) -> None:
    """Refuse the name of an attribute that no link has, unless it is the default."""
    if weight not in (None, DEFAULT, *attributes):
        known = ", ".join(sorted(attributes)) or "none"
        raise ValueError(f"weight is {weight!r}: no link has it; attributes of links: {known}")
