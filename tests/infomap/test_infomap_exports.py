"""Tables of links, exports, and the forms that other libraries want."""

import csv
import json
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest

from zoo.infomap import InfoMap, find_communities, read_network

KARATE = nx.karate_club_graph()
TABLES = {
    "a.csv": 'Source,Target,Weight\na,b,2\nb,"c, d",1\n',
    "b.csv": "a;b;2\nb;c, d;1\n",
    "c.tsv": "\ufefffrom\tto\tcount\na\tb\t2\n# so\n\nb\tc, d\t1\n",
    "d.csv": 'one,other,score\na,b,2\nb,"c, d",1\n',
    "e.csv": 'Id,Source,Target,Type,Weight\n7,a,b,Undirected,2\n8,b,"c, d",Undirected,1\n',
}
BAD_TABLES = {
    "a,b\nc\n": "line 2: 1 values; expected 2",
    "a,b,1\nb,c,x\n": "line 2: the weight 'x' is no number",
    "a,b,1\nb,,2\n": "line 2: the end of a link is missing",
    "": "no rows",
    "source,target\n": "no link",
    "id,x,y,z\n1,2,3,4\n": "expected source, target, weight",
    "source,target,from,to\n1,2,3,4\n": "Keep one pair",
    "source,target,type\na,b,Directed\n": "directed=True",
    'a,b\n"c,d\n': "line 2",
    "a,b,1\nb,c,-1\n": "weights",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_links_has_names_and_weights(name, tmp_path):
    path = tmp_path / name
    path.write_text(TABLES[name])
    network = read_network(path)
    assert network.names == ["a", "b", "c, d"]
    assert network.weights.tolist() == [2, 2, 1, 1]


def test_nodes_of_a_table_that_are_numbers_keep_them(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("source,target,weight\n7,3,2\n3,500,1\n")
    found = find_communities(path)
    assert found.to_dict() == {3: 0, 7: 0, 500: 0}
    assert found.walk.network.weights.tolist() == [2, 1, 2, 1]


def test_directions_of_a_table_are_followed_if_asked(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("source,target,type\na,b,Directed\nb,a,Directed\nb,c,Directed\n")
    assert read_network(path, directed=True).weights.tolist() == [1, 1, 1]
    assert read_network(path, drop_directions=True).weights.tolist() == [2, 2, 1, 1]


@pytest.mark.parametrize(("text", "message"), BAD_TABLES.items())
def test_a_bad_table_is_refused(text, message, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"a\.csv.*{message}"):
        read_network(path)
    path.write_bytes(b"a,b\n\xff,c\n")
    with pytest.raises(ValueError, match="not UTF-8"):
        read_network(path)


def test_graph_files_hold_communities_and_links(tmp_path):
    found = find_communities(KARATE)
    for name, read in (("a.graphml", nx.read_graphml), ("a.gexf", nx.read_gexf)):
        found.write(tmp_path / name)
        graph = read(tmp_path / name)
        labels = {int(data["label"]): data["community"] for _, data in graph.nodes(data=True)}
        assert labels == found.to_dict()
        assert graph.number_of_edges() == KARATE.number_of_edges()
        assert graph.size("weight") == KARATE.size("weight")


def test_json_and_csv_tell_what_the_tree_tells(tmp_path):
    found = find_communities(KARATE)
    found.write(tmp_path / "a.json")
    found.write(tmp_path / "a.csv")
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["codelength"] == found.codelength
    assert {node["id"]: node["path"][0] - 1 for node in told["nodes"]} == found.to_dict()
    entered = {tuple(module["path"]): module["enterFlow"] for module in told["modules"]}
    assert [entered[(row["module"] + 1,)] for row in found.table()] == pytest.approx(
        [row["enters"] for row in found.table()]
    )
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert {int(row["name"]): int(row["module"]) - 1 for row in rows} == found.to_dict()
    assert sum(float(row["flow"]) for row in rows) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"ends in \.tree, \.clu"):
        found.write(tmp_path / "a.doc")


def test_states_are_told_one_by_one_if_asked(tmp_path):
    network = tmp_path / "a.net"
    network.write_text("*States\n1 1\n2 1\n3 2\n*Links\n1 3\n3 2\n2 1\n")
    found = find_communities(network, directed=True)
    found.write(tmp_path / "a.csv", states=True)
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert sorted((row["state_id"], row["node_id"]) for row in rows) == [
        ("1", "1"), ("2", "1"), ("3", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize("directed", [False, True])
def test_flow_between_modules_is_what_leaves_them(directed):
    graph = list(nx.random_partition_graph([8, 8, 8], 0.6, 0.05, seed=1).edges())
    found = find_communities(graph, directed=directed)
    rows = found.module_links()
    for row in found.table():
        leaves = sum(link["flow"] for link in rows if link["source"] == row["module"])
        enters = sum(link["flow"] for link in rows if link["target"] == row["module"])
        assert (leaves, enters) == pytest.approx((row["leaves"], row["enters"]))
    flows = [link["flow"] for link in rows]
    assert flows == sorted(flows, reverse=True)


def test_the_estimator_is_one_of_scikit_learns():
    base = pytest.importorskip("sklearn.base")
    pipeline = pytest.importorskip("sklearn.pipeline")
    centres = np.random.default_rng(0).normal(size=(3, 5))
    vectors = np.repeat(centres, 6, axis=0) + np.random.default_rng(1).normal(size=(18, 5)) / 20
    clusterer = base.clone(InfoMap(k=4, threshold=0.8).set_params(seed=3))
    assert clusterer.get_params()["seed"] == 3
    labels = pipeline.make_pipeline(clusterer).fit_predict(vectors)
    assert len(set(zip(labels, np.repeat(range(3), 6), strict=True))) == 3
    assert InfoMap("precomputed").fit(KARATE).communities_.modules == 3
    with pytest.raises(ValueError, match="no parameter 'neighbours'"):
        clusterer.set_params(neighbours=3)
    with pytest.raises(ValueError, match="affinity is 'rbf'"):
        InfoMap("rbf").fit(vectors)  # pyright: ignore[reportArgumentType]


def test_neighbours_of_an_anndata():
    matrix = nx.to_scipy_sparse_array(KARATE)
    cells = SimpleNamespace(obsp={"connectivities": matrix}, obs_names=[f"c{i}" for i in range(34)])
    found = find_communities(cells)
    assert found.codelength == pytest.approx(find_communities(KARATE).codelength)
    assert found.nodes[:2] == ["c0", "c1"]
    with pytest.raises(ValueError, match=r"no 'distances', but \['connectivities'\]"):
        find_communities(cells, weight="distances")
