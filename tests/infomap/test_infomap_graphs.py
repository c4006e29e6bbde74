"""One graph in every form gives one network; what is no graph is told so."""

import sys

import igraph
import networkx
import numpy as np
import pandas
import pytest
import scipy.sparse
import torch

import zoo
from zoo.infomap import find_communities, from_edges, knn_graph
from zoo.infomap.graphs import as_network
from zoo.infomap.networks.matrices import from_matrix

RANDOM = np.random.default_rng(0)
ENDS = np.array([(a, b) for a in range(9) for b in range(a, 9) if RANDOM.random() < 0.4])
SOURCES, TARGETS = ENDS.T
WEIGHTS = RANDOM.random(len(ENDS)).round(3)
LINKS = np.column_stack([ENDS, WEIGHTS])
LOOP = SOURCES == TARGETS


def of_networkx(directed):
    graph = networkx.DiGraph() if directed else networkx.Graph()
    graph.add_nodes_from(range(9))
    graph.add_weighted_edges_from(LINKS.tolist())
    return graph


def of_igraph(directed):
    graph = igraph.Graph(9, ENDS.tolist(), directed=directed)
    graph.es["weight"] = WEIGHTS
    return graph


def of_matrix(directed):
    matrix = scipy.sparse.coo_array((WEIGHTS, (SOURCES, TARGETS)), (9, 9)).tocsr()
    return matrix if directed else matrix + scipy.sparse.triu(matrix, 1).T


def of_tensor(directed):
    ends = ENDS if directed else np.concatenate([ENDS, ENDS[~LOOP][:, ::-1]])
    weights = WEIGHTS if directed else np.concatenate([WEIGHTS, WEIGHTS[~LOOP]])
    return torch.tensor(ends.T.copy()), torch.tensor(weights)


FORMS = {
    "array": lambda directed: LINKS,
    "list": lambda directed: [(int(a), int(b), w) for a, b, w in LINKS],
    "columns": lambda directed: (SOURCES, TARGETS, WEIGHTS),
    "lists": lambda directed: (SOURCES.tolist(), TARGETS.tolist(), WEIGHTS.tolist()),
    "tensors": lambda directed: (torch.tensor(SOURCES), torch.tensor(TARGETS), WEIGHTS),
    "matrix": of_matrix,
    "dense": lambda directed: of_matrix(directed).toarray(),
    "networkx": of_networkx,
    "igraph": of_igraph,
    "edge_index": of_tensor,
    "table": lambda directed: pandas.DataFrame(LINKS, columns=["source", "target", "weight"]),
    "other names": lambda directed: pandas.DataFrame(
        {"weight": WEIGHTS, "dst": TARGETS, "src": SOURCES}
    ),
    "network": lambda directed: from_edges(SOURCES, TARGETS, WEIGHTS, directed=directed),
}


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_network(form, directed):
    wanted = from_edges(SOURCES, TARGETS, WEIGHTS, directed=directed)
    network, nodes = as_network(FORMS[form](directed), directed=directed)
    order = np.argsort(nodes)
    assert [nodes[place] for place in order] == list(range(9))
    assert matrix_of(network)[order][:, order] == pytest.approx(matrix_of(wanted))


def matrix_of(network):
    return scipy.sparse.csr_array((network.weights, network.targets, network.starts)).toarray()


@pytest.mark.parametrize(
    "graph",
    [
        [("a", "b"), ("b", "c"), ("b", "d")],
        (["a", "b", "b"], ["b", "c", "d"]),
        np.array([("a", "b"), ("b", "c"), ("b", "d")]),
        pandas.DataFrame([("a", "b"), ("b", "c"), ("b", "d")]),
        networkx.Graph([("a", "b"), ("b", "c"), ("b", "d")]),
        igraph.Graph.TupleList([("a", "b"), ("b", "c"), ("b", "d")]),
    ],
)
def test_names_are_kept(graph):
    found = find_communities(graph)
    assert list(found.nodes) == ["a", "b", "c", "d"]
    assert sorted(name for members in found for name in members) == ["a", "b", "c", "d"]
    assert found.to_dict()["b"] == found.labels[1]


def test_any_object_may_be_a_node():
    nodes = [(1, 2), frozenset("a"), 7.5, "b"]
    graph = networkx.path_graph(nodes)
    assert find_communities(graph).to_dict().keys() == set(nodes)


def test_a_multigraph_adds_its_edges():
    graph = networkx.MultiGraph([(0, 1), (0, 1), (1, 2)])
    assert as_network(graph)[0].weights.tolist() == [2, 2, 1, 1]


def test_the_weight_may_be_another_attribute_or_none():
    graph = networkx.Graph()
    graph.add_edge(0, 1, weight=2, cost=3)
    assert as_network(graph)[0].weights.tolist() == [2, 2]
    assert as_network(graph, weight="cost")[0].weights.tolist() == [3, 3]
    assert as_network(graph, weight=None)[0].weights.tolist() == [1, 1]


def test_an_undirected_graph_walked_with_directions_has_both():
    for graph in (networkx.path_graph(3), igraph.Graph([(0, 1), (1, 2)])):
        assert matrix_of(as_network(graph, directed=True)[0]).tolist() == [
            [0, 1, 0], [1, 0, 1], [0, 1, 0],
        ]  # fmt: skip


@pytest.mark.parametrize("form", ["networkx", "igraph", "matrix", "dense", "edge_index"])
def test_directions_are_not_dropped_in_silence(form):
    graph = FORMS[form](True)
    with pytest.raises(ValueError, match=r"directed=True .*flow='undirected'"):
        find_communities(graph)
    found = find_communities(graph, flow="undirected")
    assert found.codelength == find_communities(LINKS).codelength
    assert found.walk.model == "undirected"
    with pytest.raises(ValueError, match="choose one"):
        find_communities(graph, directed=True, flow="undirected")


BAD = {
    "expected an edge array": 3,
    "an array of shape": np.zeros((5, 7)),
    r"shape \(3, 4\)": scipy.sparse.csr_array((3, 4)),
    r"the edges have \[2, 3\] values": [(0, 1), (1, 2, 3)],
    r"the edges have \[0\] values": [0, 1],
    "the network has no links": np.zeros((0, 2), int),
    "4 sources and 3 targets": ([0, 1, 2, 3], [1, 2, 3]),
    r"weights have shape \(2,\): expected \(3,\)": ([0, 1, 2], [1, 2, 3], [1, 1]),
    r"weights\[1\] is -2": ([0, 1], [1, 2], [1, -2]),
    r"weights\[0\] is nan": [(0, 1, float("nan")), (1, 2, 1)],
    r"weights\[1\] is inf": [(0, 1, 1), (1, 2, float("inf"))],
    r"sources\[1\] is -1": [(0, 1), (-1, 2)],
    r"targets\[0\] is 0.5": [(0, 0.5), (1, 2)],
    "the table has the columns": pandas.DataFrame({"source": [1]}),
    "the end of a link is nan": pandas.DataFrame({"a": ["x", np.nan], "b": ["x", "y"]}),
}


@pytest.mark.parametrize(("message", "graph"), BAD.items())
def test_what_is_no_graph_is_told_so(message, graph):
    with pytest.raises(ValueError, match=message):
        find_communities(graph)


def test_an_empty_networkx_graph():
    with pytest.raises(ValueError, match="no links"):
        find_communities(networkx.Graph())


def test_a_dense_graph_gets_a_warning():
    similarity = np.abs(np.corrcoef(RANDOM.random((60, 9))))
    with pytest.warns(UserWarning, match="100% .* zoo.infomap.knn_graph") as caught:
        find_communities(similarity)
    assert caught[0].filename == __file__
    assert not len(caught[1:])


def test_nothing_of_torch_is_loaded(tmp_path):
    import subprocess

    code = "import sys, zoo; zoo.find_communities([(0, 1), (1, 2)]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_face_of_the_package():
    assert zoo.find_communities is find_communities
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        zoo.infomap.nothing  # noqa: B018
    assert {"Communities", "knn_graph", "read_network"} <= set(zoo.infomap.__all__)


def test_matrices_are_compared_up_to_rounding():
    matrix = scipy.sparse.csr_array(np.array([[0, 0.1 + 0.2], [0.3, 0]]))
    assert from_matrix(matrix).weights.tolist() == [0.1 + 0.2] * 2


def neighbours_by_sorting(vectors, k, threshold):
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = units @ units.T
    np.fill_diagonal(cosines, -1)
    return [{int(b) for b in np.argsort(-row)[:k] if row[b] >= threshold} for row in cosines]


@pytest.mark.parametrize(("k", "threshold"), [(1, 0), (5, 0), (5, 0.5), (98, 0), (500, 0.2)])
def test_nearest_neighbours(k, threshold, monkeypatch):
    monkeypatch.setattr("zoo.infomap.networks.knn.BLOCK", 99 * 7)
    vectors = RANDOM.normal(size=(99, 5))
    network = knn_graph(vectors, k, threshold)
    found = np.split(network.targets, network.starts[1:-1])
    assert [set(row.tolist()) for row in found] == neighbours_by_sorting(vectors, k, threshold)
    assert network.directed
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    sources = np.repeat(np.arange(99), np.diff(network.starts))
    cosines = (units[sources] * units[network.targets]).sum(1)
    assert network.weights == pytest.approx(cosines, abs=1e-6)


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("k is 0", (np.ones((3, 2)), 0)),
        ("threshold is 2", (np.ones((3, 2)), 1, 2)),
        (r"shape \(3,\)", (np.ones(3),)),
        ("vector 1 has length 0", ([[1, 2], [0, 0]],)),
        ("vector 0 has length nan", ([[1, np.nan], [0, 1]],)),
        ("no two vectors have a cosine of 0.6", ([[1, 0], [0, 1]],)),
    ],
)
def test_bad_vectors(message, arguments):
    with pytest.raises(ValueError, match=message):
        knn_graph(*arguments)
