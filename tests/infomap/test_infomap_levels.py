"""Modules at a level, tables of them, and partitions in the forms that people have them."""

import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from zoo.infomap import codelength, find_communities

LINKS = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5)]
NAMED = [("abcdef"[i], "abcdef"[j]) for i, j in LINKS]
TWO = 2.3207


def nested():
    """Nine triangles in three groups of three."""
    links = []
    for group in range(3):
        for triangle in range(3):
            a = 9 * group + 3 * triangle
            links += [(a, a + 1, 4.0), (a, a + 2, 4.0), (a + 1, a + 2, 4.0)]
            links.append((a, 9 * group + 3 * ((triangle + 1) % 3) + 1, 0.5))
        links.append((9 * group, (9 * group + 9) % 27 + 1, 0.02))
    return np.array(links)


@pytest.fixture(scope="module")
def found():
    found = find_communities(nested(), trials=3)
    assert found.levels == 3
    return found


def test_labels_at_a_depth(found):
    np.testing.assert_array_equal(found.labels_at(1), found.labels)
    assert sorted(Counter(found.labels_at(2).tolist()).values()) == [3] * 9
    np.testing.assert_array_equal(found.labels_at(-1), found.labels_at(2))
    for depth in (0, 3, -3):
        with pytest.raises(ValueError, match=f"depth is {depth}: expected 1 to 2"):
            found.labels_at(depth)


def test_the_effective_number_of_modules(found):
    assert found.effective_modules == pytest.approx(3)
    uneven = find_communities(LINKS, start=[0] * 6, preferred_modules=1)
    shares = np.bincount(uneven.labels, uneven.flow)
    entropy = -sum(share * math.log2(share) for share in shares)
    assert uneven.effective_modules == pytest.approx(2**entropy)


def test_the_table_of_a_level_adds_up(found):
    top, low = found.table(), found.table(2)
    assert low == found.table(-1)
    assert [row["nodes"] for row in top] == [9] * 3
    assert {row["parent"] for row in top} == {None}
    for row in top:
        parts = [part for part in low if part["parent"] == row["module"]]
        assert sum(part["nodes"] for part in parts) == 9
        assert sum(part["flow"] for part in parts) == pytest.approx(row["flow"])
    assert sum(row["flow"] for row in low) == pytest.approx(1)
    for row in (*top, *low):
        assert row["enters"] == pytest.approx(row["leaves"])
        assert found.labels_at(1 if row in top else 2)[row["top_node"]] == row["module"]


def test_a_clu_of_a_depth_is_read_back(found, tmp_path):
    for depth in (1, 2):
        path = tmp_path / f"{depth}.clu"
        found.write_clu(path, depth=depth)
        assert f"# module level {depth}\n" in path.read_text()
        two_level = codelength(nested(), found.labels_at(depth))
        assert codelength(nested(), path) == pytest.approx(two_level, abs=1e-12)
    assert (tmp_path / "2.clu").read_text() == _written(found, tmp_path, -1)


def _written(found, folder, depth):
    found.write_clu(folder / "x.clu", depth=depth)
    return (folder / "x.clu").read_text()


@pytest.mark.parametrize(
    "labels",
    [
        dict(zip("abcdef", "xxxyyy", strict=True)),
        dict(zip("fedcba", [1, 1, 1, None, None, None], strict=True)),
        [{"a", "b", "c"}, {"d", "e", "f"}],
        (frozenset("def"), frozenset("abc")),
        SimpleNamespace(membership=[0, 0, 0, 1, 1, 1]),
        SimpleNamespace(communities=[list("abc"), list("def")]),  # as CDlib has them
    ],
)
def test_a_partition_in_any_form(labels):
    assert codelength(NAMED, labels) == pytest.approx(TWO, abs=1e-4)
    assert find_communities(NAMED, start=labels).codelength == pytest.approx(TWO, abs=1e-4)


def test_lists_of_names_of_different_lengths_are_modules():
    assert codelength(NAMED, [["a", "b", "c", "d"], ["e", "f"]]) == pytest.approx(
        codelength(NAMED, [0, 0, 0, 0, 1, 1])
    )


def test_lists_of_names_of_one_length_are_modules_if_they_are_called_so():
    one = SimpleNamespace(communities=[list(range(6))])
    assert codelength(LINKS, one) == pytest.approx(codelength(LINKS, [0] * 6))


def test_partitions_of_a_flow_name_nodes_by_number():
    flow = find_communities(LINKS).walk.flow
    for labels in (
        find_communities(LINKS),
        {node: node // 3 for node in range(6)},
        [{0, 1, 2}, {3, 4, 5}],
        SimpleNamespace(membership=[0, 0, 0, 1, 1, 1]),
        [0, 0, 0, 1, 1, 1],
    ):
        assert codelength(flow, labels) == pytest.approx(TWO, abs=1e-4)
    with pytest.raises(ValueError, match="directed, markov_time: the walk is made already"):
        codelength(flow, [0] * 6, directed=True, markov_time=2.0)
    with pytest.raises(ValueError, match=r"labels are 'a\.tree': read a file with its graph"):
        codelength(flow, "a.tree")


def test_paths_of_a_hierarchy(found):
    levels = zip(found.labels_at(1).tolist(), found.labels_at(2).tolist(), strict=True)
    paths = dict(zip(found.nodes, levels, strict=True))
    assert codelength(nested(), paths) == pytest.approx(found.codelength)


def test_a_start_may_leave_nodes_out_and_an_evaluation_may_not():
    some = {"a": 1, "b": 1}
    assert find_communities(NAMED, start=some).codelength == pytest.approx(TWO, abs=1e-4)
    with pytest.raises(ValueError, match="4 nodes have no module, of them 'c'"):
        codelength(NAMED, some)
    with pytest.raises(ValueError, match="not in the graph, of them 'z'"):
        find_communities(NAMED, start={"z": 1})
    with pytest.raises(ValueError, match="'a' is in two modules"):
        codelength(NAMED, [set("abc"), set("adef")])


def test_an_igraph_clustering():
    igraph = pytest.importorskip("igraph")
    graph = igraph.Graph(LINKS)
    clustering = igraph.VertexClustering(graph, [0, 0, 0, 1, 1, 1])
    assert codelength(graph, clustering) == pytest.approx(TWO, abs=1e-4)
