"""Inputs that once gave a wrong answer without a word, or a raw traceback."""

import io
import itertools
import os
import sys
import threading
from types import SimpleNamespace

import igraph
import networkx
import numpy as np
import pandas
import pytest
import torch

from zoo import cli
from zoo.infomap import (
    codelength,
    find_communities,
    from_edges,
    from_layers,
    knn_graph,
    read_network,
)

MEMORY = """*Vertices 4
1 "A"
2 "B"
3 "C"
4 "D"
*States
1 1
2 3
3 2
4 4
*Links
1 2 10
2 1 10
3 4 10
4 3 10
2 3 1
4 1 1
"""
TRIANGLES = "0 1\n0 2\n1 2\n2 3\n3 4\n3 5\n4 5\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="a.net"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def links_of(found):
    """Return the links of a result with the names of their ends."""
    network = found.walk.network
    columns = network.sources.tolist(), network.targets.tolist(), network.weights.tolist()
    return {(found.nodes[a], found.nodes[b]): w for a, b, w in zip(*columns, strict=True)}


@pytest.mark.parametrize("suffix", ["tree", "clu", "ftree"])
@pytest.mark.parametrize("states", [False, True])
def test_files_of_a_state_network_are_read_by_what_they_number(file, tmp_path, suffix, states):
    network = file(MEMORY)
    found = find_communities(network, directed=True)
    assert found.codelength == pytest.approx(1.31616, abs=1e-5)
    path = tmp_path / f"found.{suffix}"
    getattr(found, f"write_{suffix}")(path, states=states)
    assert codelength(network, path, directed=True) == pytest.approx(found.codelength)
    again = find_communities(network, directed=True, start=path)
    assert again.codelength == pytest.approx(found.codelength)


def test_a_physical_node_in_two_modules_does_not_say_which_states(file, tmp_path):
    text = "*States\n1 1\n2 2\n3 1\n4 3\n*Links\n1 2 9\n2 1 9\n3 4 9\n4 3 9\n1 3 1\n3 1 1\n"
    network = file(text)
    found = find_communities(network, directed=True)
    assert found.modules == 2
    found.write_tree(tmp_path / "a.tree")
    with pytest.raises(ValueError, match=r"node 1 was there before; which of its states\?"):
        codelength(network, tmp_path / "a.tree", directed=True)
    found.write_tree(tmp_path / "a.tree", states=True)
    again = codelength(network, tmp_path / "a.tree", directed=True)
    assert again == pytest.approx(found.codelength)


@pytest.mark.parametrize(
    "columns",
    [
        ["source", "target", "weight"],
        ["Source", "Target", "Weight"],
        ["from", "to", "value"],
        ["FROM", "To", "Count"],
        ["u", "v", "w"],
        ["word", "other word", "times"],
    ],
)
def test_tables_are_read_by_their_names(columns):
    table = pandas.DataFrame([["a", "b", 1.0], ["b", "c", 9.0]], columns=columns)
    links = links_of(find_communities(table))
    assert links == {("a", "b"): 1, ("b", "a"): 1, ("b", "c"): 9, ("c", "b"): 9}
    assert set(links_of(find_communities(table, weight=None)).values()) == {1}
    other = table[[columns[2], columns[1], columns[0]]]
    if columns[0] != "word":
        assert links_of(find_communities(other)) == links


def test_the_edges_of_gephi():
    table = pandas.DataFrame(
        {"Id": [0, 1], "Source": ["a", "b"], "Target": ["b", "c"], "Weight": [1.0, 9.0]}
    )
    assert links_of(find_communities(table))["b", "c"] == 9
    with pytest.raises(ValueError, match="the graph's links have directions"):
        find_communities(table.assign(Type="Directed"))
    one_way = find_communities(table.assign(Type="Directed"), directed=True)
    both = find_communities(table.assign(Type="Undirected"), directed=True)
    assert ("b", "a") not in links_of(one_way)
    assert links_of(both)["c", "b"] == 9
    with pytest.raises(ValueError, match="Type: some links are directed"):
        find_communities(table.assign(Type=["Directed", "Undirected"]))


def test_a_table_whose_rows_and_columns_have_the_same_names_is_a_matrix():
    names = ["x", "y", "z"]
    table = pandas.DataFrame([[0, 2, 0], [2, 0, 3], [0, 3, 0]], names, names)
    assert links_of(find_communities(table)) == {
        ("x", "y"): 2, ("y", "x"): 2, ("y", "z"): 3, ("z", "y"): 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["source", "target", "from", "to"], "Keep one pair"),
        (["source", "target", "value", "count"], "weights may be in"),
        (["a", "b", "c", "d"], "expected source, target, weight"),
        (["source", "Source", "target"], "rename one"),
        (["source", "target", "target"], "two columns have one name"),
    ],
)
def test_what_a_table_leaves_open_is_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        find_communities(pandas.DataFrame([[1, 2, 3, 4][: len(columns)]], columns=columns))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (networkx.karate_club_graph(), "attributes of links: weight"),
        (networkx.path_graph(3), "attributes of links: none"),
        (igraph.Graph([(0, 1)]), "no link has it"),
        (pandas.DataFrame({"source": [1], "target": [2]}), "no such column"),
        ([(0, 1), (1, 2)], "links without names"),
    ],
)
def test_a_misspelt_weight_is_told(graph, message):
    with pytest.raises(ValueError, match=f"weight is 'wieght': .*{message}"):
        find_communities(graph, weight="wieght")


@pytest.mark.parametrize("graph", [[(1, "1"), ("1", 2)], ([1, "1"], ["1", 2])])
def test_a_number_and_its_text_are_two_nodes(graph):
    assert list(find_communities(graph).to_dict()) == [1, "1", 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*Intra\n1 1 2\n*Edges\n1 2\n", r"line 3: \*Edges beside \*Intra"),
        ("*Vertices 2\n1\n2\n*Edges\n1 2\n*Vertices 2\n3\n4\n", r"line 6: a second \*Vertices"),
        ("*Multilayer\n1 1 2 1\n*Intra\n1 1 2\n", r"line 3: \*Intra beside \*Multilayer"),
        ("*States\n1 1\n2 1\n*Links\n1 2\n*States\n3 1\n", r"line 6: a second \*States"),
        ("1 2\n*Intra\n1 1 2\n", r"line 1: \*Links beside \*Intra"),
        ("*Vertices 4 2\n*Edges\n1 3\n", r"line 1: of two kinds\? Write \*Bipartite"),
        ("*States\n1 1\n2 2\n*Bipartite 2\n1 2\n", r"line 4: \*Bipartite beside \*States"),
    ],
)
def test_no_line_of_a_file_is_dropped(file, text, message):
    with pytest.raises(ValueError, match=message):
        read_network(file(text))


def test_undirdir_reads_links_in_layers_both_ways(file):
    path = file("*Intra\n1 1 2 3\n2 1 2 4\n*Inter\n1 1 2 .5\n1 2 2 .6\n")
    found = find_communities(path, flow="undirdir")
    assert found.codelength == pytest.approx(0.9999992772, abs=1e-9)  # the reference's
    made = from_layers([1, 2], [1, 1], [2, 2])
    assert find_communities(made, flow="undirdir").codelength == find_communities(made).codelength


@pytest.mark.parametrize(
    ("head", "entry", "message"),
    [("pattern", "2 1 5", "expected no value"), ("real", "2 1", "expected row, column, value")],
)
def test_a_matrix_has_the_values_that_its_head_says(file, head, entry, message):
    text = f"%%MatrixMarket matrix coordinate {head} symmetric\n3 3 2\n3 1 1\n{entry}\n"
    if head == "pattern":
        text = text.replace("3 1 1\n", "3 1\n")
    with pytest.raises(ValueError, match=rf"line 4: {message}"):
        read_network(file(text, "a.mtx"))


@pytest.mark.parametrize("size", [2, 3])
def test_a_small_square_array_warns(size):
    square = np.ones((size, size), int) + np.eye(size, dtype=int)
    with pytest.warns(UserWarning, match=r"tuple\(array.T\) or scipy.sparse.csr_array") as caught:
        find_communities(square)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("largest", [20_000_000, 2_000_000_000, 10**15])
def test_large_numbers_are_names(largest):
    wanted = {0: 0, 5: 0, largest: 0}
    links = [(0, largest), (largest, 5)]
    assert find_communities(links).to_dict() == wanted
    assert find_communities(tuple(np.array(links).T)).to_dict() == wanted
    if largest < 2**31:
        with pytest.raises(ValueError, match=f"a node has the number {largest}"):
            from_edges([0, largest], [largest, 5])
    with pytest.raises(ValueError, match=f"is {largest}|the number {largest}"):
        find_communities(torch.tensor([[0, largest], [largest, 0]]))


def test_open_files_are_read_and_stay_open(file, monkeypatch):
    wanted = find_communities(file(TRIANGLES)).codelength
    with file(TRIANGLES).open() as opened:
        assert find_communities(opened).codelength == wanted
        assert not opened.closed
        opened.seek(0)
    for stream in (io.StringIO(TRIANGLES), io.BytesIO(TRIANGLES.encode())):
        assert find_communities(stream).codelength == wanted
        stream.seek(0)
    with pytest.raises(ValueError, match="the open file, line 2: "):
        find_communities(io.StringIO("1 2\n1 x\n"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TRIANGLES.encode())))
    assert find_communities("-").codelength == wanted


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read(file, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(TRIANGLES,))
    writer.start()
    assert find_communities(pipe).codelength == find_communities(file(TRIANGLES)).codelength
    writer.join()


def test_tensors_of_every_kind():
    ends = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    wanted = find_communities(ends).codelength
    ones = torch.ones(4, dtype=torch.bfloat16)
    square = torch.sparse_coo_tensor(ends, torch.ones(4), (3, 3))
    for graph in (ends.to(torch.uint8), (ends, ones), square, square.to(torch.bfloat16)):
        assert find_communities(graph).codelength == wanted


def test_a_result_is_a_partition():
    links = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5)]
    found = find_communities(links)
    assert codelength(links, found) == pytest.approx(found.codelength)
    assert find_communities(links, start=found).codelength == found.codelength


@pytest.mark.parametrize(
    ("suffix", "text", "message"),
    [
        (".csv", "a,b,w1,w2\n1,2,3,4\n", "expected source, target, weight"),
        (".csv", "source,target,w1,w2\n1,2,3,4\n", r"no such column, but \['w1', 'w2'\]"),
        (".tsv", "1\t2\t3\n2\t3\t4\n", r"no such column, but \['weight'\]"),
        (".net", "1 2 3\n2 3 4\n", "only the columns of .csv, .tsv have names"),
        (".mtx", "%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n2 1 1\n", "have names"),
    ],
)
def test_a_misspelt_weight_of_a_file_is_told(tmp_path, suffix, text, message):
    path = tmp_path / f"a{suffix}"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        find_communities(path, weight="wieght")


def test_weights_of_a_file_are_those_asked_for(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("source,target,near,far\na,b,1,9\nb,c,5,2\n")
    for weight, wanted in (("near", 5.0), ("far", 2.0), (None, 1.0)):
        assert links_of(find_communities(path, weight=weight))["b", "c"] == wanted
    path.write_text("source,target,far\na,b,1\nb,c,5\n")
    for weight, wanted in (("far", 5.0), ("weight", 5.0), (None, 1.0)):
        assert links_of(find_communities(path, weight=weight))["b", "c"] == wanted


@pytest.mark.parametrize(
    "graph", [np.eye(4)[::-1].copy(), from_edges([0, 1], [1, 2]), [(0, 1), (1, 2)]]
)
def test_where_weights_have_no_name_none_is_taken(graph):
    with pytest.raises(ValueError, match="weight is 'near': "):
        find_communities(graph, weight="near")


@pytest.mark.parametrize("wrong", ["a", None, [1], 1j])
@pytest.mark.parametrize("name", ["markov_time", "teleportation", "relax_rate", "relax_up"])
def test_options_that_are_no_numbers_are_named(file, name, wrong):
    if name == "relax_up" and wrong is None:
        return
    layers = file("*Intra\n1 1 2\n1 2 3\n2 1 3\n")
    with pytest.raises(ValueError, match=f"{name} is .*: expected a"):
        find_communities(layers, directed=True, **{name: wrong})


def test_other_numbers_that_are_none_are_named():
    vectors = np.eye(4)
    for options in ({"k": "a"}, {"k": 1.5}, {"threshold": "a"}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} is .*: expected a"):
            knn_graph(vectors, **options)
    with pytest.raises(ValueError, match="nodes is 'a': expected a whole number"):
        from_edges([0], [1], nodes="a")
    with pytest.raises(ValueError, match="depth is a: expected 1 to 1"):
        find_communities([(0, 1)]).labels_at("a")


@pytest.mark.parametrize("bad", [{"seed": None}, {"seed": -1}, {"trials": 2.5}, {"threads": 0}])
def test_numbers_that_are_none_are_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} is .*expected a whole number"):
        find_communities([(0, 1)], **bad)


def test_a_name_with_a_line_end_is_one_line(tmp_path):
    found = find_communities([("new\nline", "tab\tx"), ("tab\tx", 'q"uote')])
    found.write_tree(tmp_path / "a.tree")
    assert '"new line"' in (tmp_path / "a.tree").read_text()
    links = [(0, 1), (1, 2)]
    assert codelength(links, tmp_path / "a.tree") == pytest.approx(found.codelength)


def test_all_outputs_are_written_and_checked_before_the_search(file, tmp_path, monkeypatch, capsys):
    network = str(file(TRIANGLES))
    tree, clu = tmp_path / "a.tree", tmp_path / "a.clu"
    cli.main(["infomap", network, "-q", "-o", str(tree), "-o", str(clu)])
    assert tree.exists()
    assert clu.exists()
    monkeypatch.setattr("zoo.infomap.communities.walk_on", None)  # is not reached
    for path, message in ((tmp_path / "no" / "a.tree", "no such folder"), ("a.xls", "ends in")):
        with pytest.raises(SystemExit):
            cli.main(["infomap", network, "-o", str(tree), str(path)])
        assert message in capsys.readouterr().err


def test_two_nodes_of_one_name_stay_two(file):
    text = '*Vertices 4\n1 "a"\n2 "a"\n3 "b"\n4 "c"\n*Edges\n1 2\n2 3\n3 4\n'
    graph = igraph.Graph([(0, 1), (1, 2), (2, 3)])
    graph.vs["name"] = ["a", "a", "b", "c"]
    cells = SimpleNamespace(obsp={"connectivities": graph.get_adjacency_sparse()})
    cells.obs_names = ["a", "a", "b", "c"]
    network = from_edges([0, 1, 2], [1, 2, 3], names=["a", "a", "b", "c"])
    for source, nodes in (
        (file(text), [1, 2, 3, 4]),
        (graph, [0, 1, 2, 3]),
        (cells, [0, 1, 2, 3]),
        (network, [0, 1, 2, 3]),
    ):
        found = find_communities(source)
        assert list(found.to_dict()) == nodes
        assert found.to_networkx().number_of_nodes() == 4
    assert '"a" 2' in written(find_communities(file(text)), file("", "a.tree"))


def written(found, path):
    found.write(path)
    return path.read_text()


def test_the_first_node_of_the_second_kind_is_written_by_its_number(file):
    found = find_communities(file("*Vertices 5\n*Bipartite 4\n1 4\n2 4\n2 5\n3 5\n"))
    assert "# bipartite start id 4\n" in written(found, file("", "a.tree"))


def test_an_empty_weight_in_the_first_row_is_no_header(file):
    with pytest.raises(ValueError, match="line 1: the weight '' is no number"):
        read_network(file("a,b,\nb,c,2\n", "a.csv"))


def test_the_missing_end_of_pandas_is_told():
    table = pandas.DataFrame({"source": ["a", "b"], "target": ["b", pandas.NA]}, dtype=object)
    with pytest.raises(ValueError, match="the end of a link is <NA>: drop such rows"):
        find_communities(table)


def test_the_directions_of_a_network_are_dropped_if_asked():
    ids = np.array([3, 5, 7, 9])
    network = from_edges([0, 1, 1], [1, 0, 2], [1.0, 2.0, 4.0], directed=True, nodes=4, ids=ids)
    found = find_communities(network, flow="undirected")
    assert links_of(found) == {(3, 5): 3, (5, 3): 3, (5, 7): 4, (7, 5): 4}
    assert found.nodes == [3, 5, 7, 9]
    near = knn_graph(np.random.default_rng(0).normal(size=(30, 3)), 3)
    assert find_communities(near, flow="undirected").codelength > 0
    layers = from_layers([1, 1, 2], [0, 1, 0], [1, 2, 2])
    with pytest.raises(ValueError, match="flow model 'undirected' of a network that is directed"):
        find_communities(layers, flow="undirected")


def test_names_are_printed_as_they_are(file, capsys):
    names = ["[c]", "[/c]", ":cat:", "a\x1b[2Jb"]
    path = file("".join(f"{a},{b},1\n" for a, b in itertools.pairwise(names)), "a.csv")
    cli.main(["infomap", str(path), "--two-level"])
    printed = capsys.readouterr().out
    for name in ("[c]", "[/c]", ":cat:", "a\ufffd[2Jb"):
        assert name in printed


def test_the_column_of_weights_is_named_on_the_command_line(file, tmp_path):
    path = file("source,target,near,far\na,b,1,9\nb,c,5,2\n", "a.csv")
    for weight, wanted in (("far", 9.0), ("null", 1.0)):
        out = tmp_path / "a.graphml"
        cli.main(["infomap", str(path), "-q", "--weight", weight, "-o", str(out)])
        weights = networkx.get_edge_attributes(networkx.read_graphml(out), "weight")
        assert max(weights.values()) == wanted
