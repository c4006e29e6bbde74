import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.infomap.networks.network import Network, from_edges, split_loops

edge_lists = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from([0.0, 0.25, 1.0, 3.5])),
    min_size=1,
    max_size=40,
)


def dense(network):
    table = np.zeros((network.nodes, network.nodes))
    for node in range(network.nodes):
        row = slice(network.starts[node], network.starts[node + 1])
        table[node, network.targets[row]] = network.weights[row]
    return table


@given(edge_lists, st.booleans())
def test_a_network_is_the_adjacency_matrix_of_its_edges(edges, directed):
    sources, targets, weights = zip(*edges, strict=True)
    expected = np.zeros((7, 7))
    np.add.at(expected, (list(sources), list(targets)), weights)
    if not directed:
        expected = expected + expected.T - np.diag(np.diag(expected))
    if not expected.any():
        with pytest.raises(ValueError, match="all links have weight 0"):
            from_edges(sources, targets, weights, nodes=7, directed=directed)
        return
    network = from_edges(sources, targets, weights, nodes=7, directed=directed)
    np.testing.assert_array_equal(dense(network), expected)
    for row in np.split(network.targets, network.starts[1:-1]):
        assert (np.diff(row) > 0).all()
    assert (network.weights > 0).all()
    assert network.directed == directed


def test_any_form_of_whole_numbers_gives_the_same_network():
    edges = np.array([[0, 1, 2], [4, 1, 3], [2, 2, 5], [0, 1, 1]])
    expected = dense(from_edges([0, 4, 2, 0], [1, 1, 2, 1], [2.0, 3.0, 5.0, 1.0]))
    read_only = edges.copy()
    read_only.flags.writeable = False
    for form in (edges, edges.astype(float), edges.astype(np.uint8), edges[::1], read_only):
        np.testing.assert_array_equal(dense(from_edges(*form.T)), expected)


def test_the_input_is_left_as_it_was():
    sources, targets = np.array([3, 0, 1], np.int32), np.array([1, 2, 3], np.int32)
    weights = np.array([1.0, 0.0, 2.0])
    from_edges(sources, targets, weights)
    assert sources.tolist() == [3, 0, 1]
    assert targets.tolist() == [1, 2, 3]
    assert weights.tolist() == [1.0, 0.0, 2.0]


def test_nodes_without_links_count():
    assert from_edges([0], [1], nodes=5).nodes == 5
    assert from_edges([0], [3]).nodes == 4


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (([0, 1], [1]), {}, "2 sources and 1 targets"),
        (([], []), {}, "no links"),
        (([0, -1], [1, 2]), {}, r"sources\[1\] is -1: expected nodes 0 to 2"),
        (([0, 1], [1, 5]), {"nodes": 5}, r"targets\[1\] is 5: expected nodes 0 to 4"),
        (([0, 1.5], [1, 2]), {}, r"sources\[1\] is 1.5: expected whole numbers"),
        (([0, np.nan], [1, 2]), {}, r"sources\[1\] is nan: expected whole numbers"),
        (([0, 2**40], [1, 2]), {}, rf"sources\[1\] is {2**40}: expected numbers below"),
        ((["a"], ["b"]), {}, "number the nodes 0, 1, 2"),
        (([[0, 1]], [[1, 2]]), {}, r"shape \(1, 2\)"),
        (([0, 1], [1, 2], [1, -2]), {}, r"weights\[1\] is -2.0: expected finite numbers from 0"),
        (([0, 1], [1, 2], [np.nan, 1]), {}, r"weights\[0\] is nan"),
        (([0, 1], [1, 2], [1, np.inf]), {}, r"weights\[1\] is inf"),
        (([0, 1], [1, 2], [1]), {}, r"weights have shape \(1,\): expected \(2,\)"),
        (([0, 1], [1, 2], ["x", "y"]), {}, "weights are not all numbers"),
        (([0, 1], [1, 2], [0, 0]), {}, "all links have weight 0"),
        (([0], [1]), {"names": ["a"]}, "1 names for 2 nodes"),
        (([0], [1]), {"node_weights": np.array([0.0, 0.0])}, "all node weights are 0"),
        (([0], [1]), {"node_weights": np.array([-1.0, 2.0])}, r"node_weights\[0\] is -1.0"),
        (([0], [1]), {"first_feature": 7}, "first_feature is 7"),
        (([0, 2], [2, 3]), {"first_feature": 2}, "link 2-3 joins two nodes of one kind"),
    ],
)
def test_what_is_wrong_is_named(columns, options, message):
    with pytest.raises(ValueError, match=message):
        from_edges(*columns, **options)


def test_self_links_are_told_apart():
    network = from_edges([0, 1, 1, 2], [1, 1, 2, 2], [1.0, 2.0, 3.0, 4.0], nodes=4)
    bare, loops = split_loops(network)
    np.testing.assert_array_equal(loops, [0, 2, 4, 0])
    np.testing.assert_array_equal(dense(bare), dense(network) - np.diag(loops))
    assert split_loops(bare)[0] is bare


@pytest.mark.parametrize(("directed", "most"), [(False, 62), (True, 50)])
def test_memory_an_edge(directed, most):
    random = np.random.default_rng(0)
    edges = 400_000
    sources, targets = random.integers(0, 20_000, (2, edges))
    from_edges(sources[:9], targets[:9], directed=directed)
    tracemalloc.start()
    network = from_edges(sources, targets, directed=directed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(network, Network)
    assert peak / edges < most
