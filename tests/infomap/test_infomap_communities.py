"""The result object, its pictures, and the command line."""

import doctest
import re
from pathlib import Path

import matplotlib
import networkx
import numpy as np
import pytest
from infomap import datasets

import zoo
from zoo import cli
from zoo.infomap import codelength, find_communities, from_edges
from zoo.infomap.files.read_partition import read_partition

matplotlib.use("agg")
DATA = Path(datasets.__file__).parent / "data"
TRIANGLES = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5)]
NINE = str(DATA / "ninetriangles.net")


def test_two_triangles():
    found = find_communities(TRIANGLES)
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.flow == pytest.approx(np.array([2, 2, 3, 3, 2, 2]) / 14)
    assert (found.modules, len(found), found.levels) == (2, 2, 2)
    assert list(found) == [[2, 0, 1], [3, 4, 5]]
    assert found.codelength == pytest.approx(codelength(TRIANGLES, found.labels), abs=1e-12)
    assert found.one_level_codelength == codelength(TRIANGLES, np.zeros(6, int))
    assert repr(found) == "Communities(2 modules of 6 nodes, 2.3207 bits, one level 2.5567)"


def test_the_examples_of_the_readme():
    text = (Path(zoo.__file__).parent / "infomap" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(>>>.*?)```", text, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(example, {}, "README", None, None)
    assert len(test.examples) == 5
    assert not doctest.DocTestRunner().run(test).failed


def test_to_networkx():
    graph = networkx.les_miserables_graph()
    copy = find_communities(graph).to_networkx()
    assert networkx.utils.graphs_equal(networkx.Graph(graph.edges), networkx.Graph(copy.edges))
    assert all(copy.edges[edge]["weight"] == graph.edges[edge]["weight"] for edge in graph.edges)
    assert sum(copy.nodes[node]["flow"] for node in copy) == pytest.approx(1)
    assert len({copy.nodes[node]["path"] for node in copy}) == len(copy)
    assert {copy.nodes[node]["path"][0] - copy.nodes[node]["community"] for node in copy} == {1}
    arrows = find_communities([(0, 1), (1, 2), (2, 0)], directed=True).to_networkx()
    assert sorted(arrows.edges) == [(0, 1), (1, 2), (2, 0)]


@pytest.mark.parametrize("threads", [1, 2])
def test_one_seed_one_result(threads):
    graph = networkx.gnm_random_graph(60, 150, seed=1)
    results = [find_communities(graph, trials=5, seed=3, threads=threads) for _ in range(2)]
    assert np.array_equal(results[0].labels, results[1].labels)
    alone = min(find_communities(graph, seed=seed).codelength for seed in range(3, 8))
    assert results[0].codelength == alone


def test_codelength_of_a_given_partition_in_files(tmp_path):
    found = find_communities(NINE)
    found.write_tree(tmp_path / "a.tree")
    assert codelength(NINE, tmp_path / "a.tree") == pytest.approx(found.codelength, abs=1e-12)
    again = find_communities(NINE, start=tmp_path / "a.tree")
    assert again.codelength <= found.codelength + 1e-12


@pytest.mark.parametrize("nodes", [6, 3000])
def test_pictures(nodes):
    ring = networkx.connected_caveman_graph(nodes // 3, 3)
    axes = find_communities(ring).plot()
    assert "communities" in axes.get_title()
    assert bool(axes.get_legend()) == (nodes > 2000)
    matplotlib.pyplot.close(axes.figure)


def test_the_map_keeps_neighbours_near():
    from zoo.infomap.plot import layout

    found = find_communities(networkx.connected_caveman_graph(4, 6))
    network = found.walk.network
    places = layout(network.sources, network.targets, network.weights, found.labels)
    assert np.isfinite(places).all()
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    together = found.labels[:, None] == found.labels
    assert apart[together].mean() < 0.5 * apart[~together].mean()


def test_stages_are_shown_on_standard_error(capsys):
    find_communities(TRIANGLES, progress=True)
    shown = capsys.readouterr()
    assert not shown.out
    assert all(stage in shown.err for stage in ("reading", "walking", "searching"))
    find_communities(TRIANGLES)
    assert capsys.readouterr() == ("", "")


def test_the_command_writes_files_and_a_summary(tmp_path, capsys):
    files = [str(tmp_path / f"a.{suffix}") for suffix in ("tree", "ftree", "clu", "png")]
    cli.main(["infomap", NINE, "--trials", "3", "-o", *files])
    shown = capsys.readouterr().out
    found = find_communities(NINE, trials=3)
    assert f"{found.codelength:.6f} bits" in shown
    assert "27 nodes, 39 links, flow undirected" in shown
    table = read_partition(files[0], found.walk.ids)
    assert np.array_equal(table[:, 0], found.labels + 1)
    assert codelength(NINE, files[1]) == pytest.approx(found.codelength)
    assert np.array_equal(read_partition(files[2], found.walk.ids)[:, 0], table[:, 0])
    assert Path(files[3]).read_bytes().startswith(b"\x89PNG")


def test_the_command_takes_all_options(tmp_path, capsys):
    output = str(tmp_path / "a.tree")
    cli.main(["infomap", NINE, "--two-level", "-o", output, "-q"])
    assert not capsys.readouterr().out
    options = ["--directed", "--recorded", "--to-nodes", "--teleportation", "0.2", "--seed", "5"]
    more = ["--markov-time", "1.5", "--no-self-links", "--start", output, "--threads", "1"]
    cli.main(["infomap", NINE, *options, *more])
    assert "flow directed" in capsys.readouterr().out
    cli.main(["infomap", str(DATA / "states.net"), "--states", "-o", output])
    assert "# state level" in Path(output).read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.net"], "nothing.net: no such file"),
        ([str(DATA / "modular_wd.net")], "modular_wd.net, line 27: *Arcs have directions"),
        ([NINE, "-o", "a.xls"], "expected a file to write that ends in .tree"),
        ([NINE, "--flow", "sideways"], "Expected a"),
        ([NINE, "--trials", "0"], "trials"),
        ([NINE, "--nonsense"], "nonsense"),
        ([NINE, "-o", "nowhere/a.tree"], "nowhere/a.tree"),
    ],
)
def test_the_command_says_what_is_wrong_on_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["infomap", *arguments])
    shown = capsys.readouterr().err
    assert left.value.code == 2
    assert message in shown
    assert shown.count("\n") == 1


def test_states_go_by_their_numbers():
    network = from_edges([0, 1, 2], [1, 2, 3], physical=np.array([7, 8, 7, 9]), names=list("abac"))
    found = find_communities(network)
    assert list(found.to_dict()) == [0, 1, 2, 3]


def test_the_start_must_fit():
    for start in ([0, 1], [[0] * 5] * 2, [0.5] * 6):
        with pytest.raises(ValueError, match="labels"):
            find_communities(TRIANGLES, start=start)


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_the_network_of_a_result_can_be_searched_again(weight):
    first = find_communities([(0, 1, weight), (1, 2, weight), (2, 0, weight), (3, 2, weight)])
    again = find_communities(first.walk.network)
    assert again.codelength == first.codelength
    assert [data for *_, data in again.to_networkx().edges(data="weight")] == [weight] * 4


def test_the_command_takes_options_of_layers(tmp_path, capsys):
    path = tmp_path / "layers.net"
    path.write_text("*Intra\n1 1 2\n1 2 3\n1 1 3\n2 3 4\n2 4 5\n2 3 5\n")
    shown = []
    for rate in ("0.1", "0.9"):
        cli.main(["infomap", str(path), "--relax-rate", rate])
        shown.append(capsys.readouterr().out.splitlines()[2])
    assert "codelength" in shown[0]
    assert shown[0] != shown[1]
