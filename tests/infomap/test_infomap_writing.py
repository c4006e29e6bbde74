"""Files of communities against those that the program `infomap` writes of the same partition."""

import warnings
from pathlib import Path

import infomap
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from infomap import datasets

from zoo.infomap import codelength, find_communities
from zoo.infomap.files.read_partition import read_partition
from zoo.infomap.result import Communities
from zoo.infomap.tree import Tree
from zoo.infomap.walk import walk_on

DATA = Path(datasets.__file__).parent / "data"
FILES = sorted(path.name for path in DATA.glob("*.net"))
HIGHER_ORDER = [name for name in FILES if name.startswith(("states", "multilayer"))]
ARROWS = "modular_wd.net"  # has *Arcs


def reference(path, folder, flags, states):
    """Let the program find communities, and write them; returns its codelength."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = infomap.Infomap(f"{flags} --silent")
        program.read_file(str(path))
        program.run()
        program.write_tree(str(folder / "a.tree"), states=states)
        program.write_tree(str(folder / "states.tree"), states=True)
        program.write_flow_tree(str(folder / "a.ftree"), states=states)
        program.write_clu(str(folder / "a.clu"), states=states)
        return program.codelength


def as_tree(table, bits):
    """Make a tree of the modules above each node."""
    prefixes = [table[:, : depth + 1] for depth in range(table.shape[1])]
    levels = [np.unique(p, axis=0, return_inverse=True)[1].ravel() for p in prefixes]
    return Tree(levels, bits, bits)


def lines(path):
    return [line for line in path.read_text().splitlines() if not line.startswith("# ")]


def require_same(ours, theirs):
    """Compare lines word for word; numbers have six digits, and zeros are rounded."""
    for our, their in zip(ours, theirs, strict=True):
        words = [[word for word in line.split() if not is_float(word)] for line in (our, their)]
        assert words[0] == words[1]
        numbers = ([float(w) for w in line.split() if is_float(w)] for line in (our, their))
        np.testing.assert_allclose(*numbers, rtol=2e-5, atol=1e-12)


def is_float(word):
    return "." in word or "e-" in word or word == "0"


def without_rank(line):
    """A line of a tree but for the place of the leaf: the program orders equals otherwise."""
    path, _, rest = line.partition(" ")
    return f"{path.rpartition(':')[0]} {rest}"


CASES = [
    (name, states)
    for name in FILES
    for states in ([False, True] if name in ("states.net", "multilayer.net") else [False])
]  # of other layers the program numbers states in another order


@pytest.mark.parametrize("flags", ["", "--directed", "--directed --recorded-teleportation"])
@pytest.mark.parametrize(("name", "states"), CASES)
def test_files_are_those_of_infomap(name, states, flags, tmp_path):
    directed, recorded = "--directed" in flags, "recorded" in flags
    if name == "bipartite.net" and recorded:
        pytest.skip("the program finds no flow")
    flow = "undirected" if name == ARROWS and not directed else None
    walk = walk_on(DATA / name, directed=directed, flow=flow, recorded=recorded)
    if walk.model == "directed" and not directed:
        pytest.skip("the same as with --directed, but states are numbered in another order")
    bits = reference(DATA / name, tmp_path, flags, states)
    table = read_partition(tmp_path / "states.tree", walk.ids)
    assert codelength(walk.flow, table) == pytest.approx(bits, abs=1e-9)
    found = Communities(as_tree(table, bits), walk)
    for suffix in ("tree", "clu", "ftree"):
        getattr(found, f"write_{suffix}")(tmp_path / f"ours.{suffix}", states=states)
    ours, theirs = (lines(tmp_path / f"{stem}.tree") for stem in ("ours", "a"))
    require_same(sorted(map(without_rank, ours)), sorted(map(without_rank, theirs)))
    clu = (lines(tmp_path / f"{stem}.clu") for stem in ("ours", "a"))
    require_same(*map(sorted, clu))
    counts_states = found.modules == 1 and name in HIGHER_ORDER and not states
    if ours == theirs and not counts_states:
        require_same(lines(tmp_path / "ours.ftree"), lines(tmp_path / "a.ftree"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("directed", [False, True])
def test_trees_are_read_back(name, directed, tmp_path):
    flow = "undirected" if name == ARROWS and not directed else None
    options = {"directed": directed, "flow": flow}
    found = find_communities(DATA / name, **options)
    for suffix in ("tree", "ftree"):
        path = tmp_path / f"a.{suffix}"
        getattr(found, f"write_{suffix}")(path, states=True)
        bits = codelength(found.walk.flow, np.stack(found.tree.levels, 1))
        assert codelength(DATA / name, path, **options) == pytest.approx(bits, abs=1e-12)
    found.write_clu(tmp_path / "a.clu", states=True)
    table = read_partition(tmp_path / "a.clu", found.walk.ids)
    assert table[:, 0].tolist() == (found.labels + 1).tolist()


def test_the_program_reads_our_tree(tmp_path):
    found = find_communities(DATA / "ninetriangles.net")
    found.write_tree(tmp_path / "ours.tree")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = infomap.Infomap(f"--silent --no-infomap --cluster-data {tmp_path}/ours.tree")
        program.read_file(str(DATA / "ninetriangles.net"))
        result = program.run()
    assert result.codelength == pytest.approx(found.codelength, abs=1e-9)


def test_a_branch_that_ends_early_has_a_shorter_path(tmp_path):
    links = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    levels = [np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2, 2])]
    Communities(Tree(levels, 1.0, 2.0), walk_on(links)).write_tree(tmp_path / "a.tree")
    assert lines(tmp_path / "a.tree") == [
        '1:1:1 0.2 "1" 1', '1:1:2 0.1 "0" 0', '1:2:1 0.2 "2" 2', '1:2:2 0.2 "3" 3',
        '2:1 0.2 "4" 4', '2:2 0.1 "5" 5',
    ]  # fmt: skip
    assert read_partition(tmp_path / "a.tree", np.arange(6)).tolist() == [
        [1, 1], [1, 1], [1, 2], [1, 2], [2, 0], [2, 0],
    ]  # fmt: skip


BAD = {
    "a.tree": {
        '1:1 0.5 "a" 0\n1:2 0.5 "b" 7\n': "line 2: the network has no node 7",
        '1:1 0.5 "a" 0\n1:2 0.5 "b" 0\n': "line 2: node 0 was there before",
        '1:1 0.5 "a" 0\n1:2 0.5 "b\n': "line 2: expected path flow",
        '1:1 0.5 "a" 0\n': "1 nodes are missing, of them 1",
        "": "2 nodes are missing",
    },
    "a.clu": {"0 1 0.5\n1 x\n": "line 2: expected node module flow"},
    "a.txt": {"": r"expected a \.clu, a \.tree or a \.ftree"},
}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [(name, text, message) for name, cases in BAD.items() for text, message in cases.items()],
)
def test_bad_partitions(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_partition(tmp_path / name, np.arange(2))


def test_no_partition(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_partition(tmp_path / "a.clu", np.arange(2))


@given(
    st.lists(
        st.sampled_from(["1:1", "2:1:3", "1", "0.5", '"a"', '"', "#", "*", "\n", "\n", " ", "x"]),
        max_size=30,
    ).map(" ".join),
    st.sampled_from(["a.tree", "a.clu"]),
)
def test_whatever_the_file_it_is_a_partition_or_told(tmp_path_factory, text, name):
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(text)
    table, error = outcome(path)
    assert error.startswith(str(path)) if table is None else len(table) == 2


def outcome(path):
    try:
        return read_partition(path, np.array([0, 1])), None
    except ValueError as error:
        return None, str(error)
