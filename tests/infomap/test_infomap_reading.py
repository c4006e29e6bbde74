"""Every form of a network file, and every way for one to be bad."""

import gzip
import re

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.infomap import from_edges, read_network
from zoo.infomap.files.node_ids import NodeIds, distinct
from zoo.infomap.files.number_rows import scan

TRIANGLES = "1 2\n1 3\n2 3 1\n3 4\n4 5\n4 6\n5 6\n"
PAJEK = '*Vertices 4\n1 "a" 2\n2 "b c"\n3 d 0.5\n4\n*Edges\n1 2 0.5\n2 3\n# so\n3 4 2e0\n'


def same(one, other):
    assert np.array_equal(one.starts, other.starts)
    assert np.array_equal(one.targets, other.targets)
    assert np.allclose(one.weights, other.weights, rtol=1e-15)


@pytest.fixture
def read(tmp_path):
    def read(text, name="a.net", **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_network(path, **options)

    return read


def test_a_list_of_links_keeps_the_numbers_of_its_nodes(read):
    network = read("# links\n\n 7\t9  2.5\r\n9 1000000000000 .5\n7 9\n")
    assert network.ids.tolist() == [7, 9, 1000000000000]
    same(network, from_edges([0, 1], [1, 2], [3.5, 0.5]))


@pytest.mark.parametrize("ids", [[5, 6, 7], [5, 60, 7000], [5, 60, 10**15]])
def test_places_of_nodes(ids):
    nodes = NodeIds(np.array(ids))
    numbers = np.array([ids[2], ids[0], 4, ids[1], ids[1] + 1000, 10**16])
    assert nodes.places(numbers).tolist() == [2, 0, -1, 1, -1, -1]
    assert distinct([numbers[:1], numbers[1::2], numbers[:0]]).tolist() == sorted(
        {ids[2], ids[0], ids[1], 10**16}
    )


def test_pajek(read):
    network = read(PAJEK)
    assert network.names == ["a", "b c", "d", "4"]
    assert network.node_weights.tolist() == [2, 1, 0.5, 1]
    same(network, from_edges([0, 1, 2], [1, 2, 3], [0.5, 1, 2]))
    same(read(PAJEK.replace("*Edges", "*edges").replace("\n", "\r\n")), network)
    same(read(b"\xef\xbb\xbf" + PAJEK.encode()), network)
    same(read(PAJEK.removesuffix("\n")), network)


def test_vertices_without_rows_are_numbered_from_1(read):
    network = read("*Vertices 4\n*Edges\n1 2\n2 4\n")
    assert network.names is None
    assert network.ids.tolist() == [1, 2, 3, 4]
    same(network, from_edges([0, 1], [1, 3], nodes=4))


def test_places_in_a_drawing_are_no_weights(read):
    assert (
        read('*Vertices 2\n1 "a" 0.1 0.2 0.5\n2 "b" 0.3 0.4 0.5\n*Edges\n1 2\n').node_weights
        is None
    )


def test_arcs_want_a_word_on_their_directions(read):
    arcs = "*Vertices 2\n*Arcs\n2 1\n"
    with pytest.raises(ValueError, match=r"a\.net, line 2: .*directed=True"):
        read(arcs)
    same(read(arcs, directed=True), from_edges([1], [0], nodes=2, directed=True))
    same(read(arcs, drop_directions=True), from_edges([1], [0]))


def test_bipartite(read):
    network = read("*Vertices 5\n*Bipartite 4\n1 4\n2 4\n2 5 0.25\n3 5\n")
    assert network.first_feature == 3
    same(network, from_edges([0, 1, 1, 2], [3, 3, 4, 4], [1, 1, 0.25, 1]))


def test_states(read):
    network = read('*Vertices 2\n1 "i"\n2 "j"\n*States\n5 2 "x"\n3 1\n4 1\n*Links\n3 5 2\n5 4\n')
    assert network.ids.tolist() == [3, 4, 5]
    assert network.physical.tolist() == [1, 1, 2]
    assert network.names == ["i", "i", "j"]
    same(network, from_edges([0, 2], [2, 1], [2, 1]))


def test_layers(read):
    network = read(
        '*Vertices 3\n1 "i"\n2 "j"\n3 "k"\n*Multilayer\n1 1 1 2\n2 1 2 3 2\n1 1 2 1 .5\n'
    )
    assert list(zip(network.layers, network.names, strict=True)) == [
        (1, "i"), (1, "j"), (2, "i"), (2, "k"),
    ]  # fmt: skip
    same(network, from_edges([0, 2, 0], [1, 3, 2], [1, 2, 0.5]))
    assert read("*Intra\n1 1 2\n2 1 3\n", relax_rate=0.5).weights[:2].tolist() == [0.75, 0.25]
    assert read("*Intra\n1 1 2\n2 1 3\n*Inter\n1 1 2\n").nodes == 4


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("directed", [True, False])
def test_matrix_market(symmetric, directed, tmp_path):
    matrix = scipy.sparse.random_array((9, 9), density=0.3, rng=np.random.default_rng(1))
    if symmetric or not directed:
        matrix = matrix + matrix.T
    path = tmp_path / "a.mtx"
    scipy.io.mmwrite(path, matrix, symmetry="symmetric" if symmetric else "general", precision=17)
    wanted = scipy.sparse.coo_array(matrix)
    if not directed:
        wanted = scipy.sparse.coo_array(scipy.sparse.triu(wanted))
    links = from_edges(wanted.row, wanted.col, wanted.data, nodes=9, directed=directed)
    same(read_network(path, directed=directed), links)


def test_a_matrix_that_is_not_symmetric_wants_a_word(read):
    text = "%%MatrixMarket matrix coordinate real general\n% so\n3 3 2\n1 2 5\n3 1 1\n"
    with pytest.raises(ValueError, match="from node 0 to 1 the weight is 5, back it is 0"):
        read(text, "a.mtx")
    same(read(text, "a.mtx", directed=True), from_edges([0, 2], [1, 0], [5, 1], directed=True))
    same(read(text, "a.mtx", drop_directions=True), from_edges([0, 2], [1, 0], [5, 1]))


def test_gzip(read):
    same(read(gzip.compress(TRIANGLES.encode()), "a.txt.gz"), read(TRIANGLES))
    with pytest.raises(ValueError, match="damaged or cut"):
        read(gzip.compress(PAJEK.encode())[:-9], "a.net.gz")
    with pytest.raises(ValueError, match="damaged or cut"):
        read(PAJEK, "a.net.gz")


BAD = {
    "1 2\n3\n": (2, "expected 2 node numbers"),
    "1 2\n3 4 5 6\n": (2, "expected 2 node numbers"),
    "1 2\n\n# x\nalice bob\n": (4, "whole numbers from 0 up"),
    "1 2\n-1 2\n": (2, "whole numbers from 0 up"),
    "1 2\n1.5 2\n": (2, "whole numbers"),
    "1 2\n99999999999999999999 2\n": (2, "below 2"),
    "1 2 3\n2 3 x\n": (2, "the weight is no number; found '2 3 x'"),
    "1 2 3\n2 3 -0.5\n": (2, "weight -0.5"),
    "1 2 3\n2 3 nan\n": (2, "weight nan"),
    "1 2 3\n2 3 1e999\n": (2, "weight inf"),
    "1 2 0.5\n2 3 0.25\n3 4": (3, "is the file cut?"),
    "": (1, "no links"),
    "# nothing\n": (2, "no links"),
    "*Vertices 3\n1 \"a\"\n2 \"b": (3, "expected node"),
    "*Vertices 3\n1 \"a\"\n2 \"b\"\n": (4, "no links: is the file cut?"),
    "*Vertices 3\n*Edges\n1 2\n2 4\n": (4, "2 4: no such node"),
    "*Vertices 2\n1 a\n2 b\n3 c\n*Edges\n1 2\n": (1, "2 vertices announced, 3 listed"),
    "*Vertices 9\n1 a\n1 b\n*Edges\n1 2\n": (3, "1: this number was there before"),
    "*Vertices 9\n10 a\n*Edges\n1 2\n": (2, "numbers are 1 to 9"),
    "*Vertices many\n*Edges\n1 2\n": (1, "expected *Vertices and their number"),
    "*Vertices 99999999999\n*Edges\n1 2\n": (1, "is the file cut?"),
    "*Vertices 2\n1 a x\n*Edges\n1 2\n": (2, "the weight 'x' is no number"),
    "*Vertices 2\n1 a -1\n*Edges\n1 2\n": (2, "weight -1"),
    "*Vertices 2\n*Arcslist\n1 2\n": (2, "unknown heading '*Arcslist'"),
    "*Edges\n1 2\n*Bipartite\n1 2\n": (3, "expected *Bipartite and the first feature"),
    "*States\n1 1\n2 1\n*Links\n1 2\n2 3\n": (6, "2 3: no such node"),
    "*States\n1 1\n1 2\n*Links\n1 2\n": (3, "this number was there before"),
    "*Vertices 1\n*States\n1 1\n2 2\n*Links\n1 2\n": (4, "2 2: no such node"),
    "*Inter\n1 1 2\n": (1, "add *Intra"),
    "*Intra\n1 1 2\n*Inter\n1 1 1\n": (4, "stays in its layer"),
    "*Intra\n1 2\n": (2, "expected 3 node numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), BAD.items())
def test_a_bad_line_is_named(text, wanted, read):
    line, message = wanted
    with pytest.raises(ValueError, match=rf"a\.net, line {line}: .*{re.escape(message)}"):
        read(text)


BAD_MATRICES = {
    "%%MatrixMarket matrix array real general\n2 2\n1\n": (1, "expected %%MatrixMarket"),
    "1 2\n": (1, "expected %%MatrixMarket"),
    "%%MatrixMarket matrix coordinate real general\n": (2, "expected the numbers of rows"),
    "%%MatrixMarket matrix coordinate real general\n2 3 1\n1 1 1\n": (2, "square"),
    "%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 1\n": (4, "2 announced"),
    "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 3 1\n": (3, "no such node"),
    "%%MatrixMarket matrix coordinate real general\n2 2 1\n*Edges\n1 2 1\n": (3, "unknown heading"),
}


@pytest.mark.parametrize(("text", "wanted"), BAD_MATRICES.items())
def test_a_bad_matrix_is_named(text, wanted, read):
    line, message = wanted
    with pytest.raises(ValueError, match=rf"a\.mtx, line {line}: .*{re.escape(message)}"):
        read(text, "a.mtx")


def test_no_file():
    with pytest.raises(FileNotFoundError, match=r"nothing\.net: no such file"):
        read_network("nothing.net")


def test_lines_are_counted_across_blocks(read):
    lines = [f"{i} {i + 1} 0.5\n" for i in range(300_000)]
    lines[250_000] = "1 2 -3\n"
    with pytest.raises(ValueError, match=r"line 250001: weight -3"):
        read("".join(lines))
    lines[250_000] = "*Bipartite\n"
    with pytest.raises(ValueError, match="line 250001: expected"):
        read("".join(lines))


@given(
    st.lists(
        st.tuples(st.integers(0, 2**59), st.integers(0, 9), st.floats(0, allow_infinity=False))
    )
)
def test_numbers_are_read_as_python_reads_them(rows):
    text = "".join(f"{a} {b} {weight!r}\n" for a, b, weight in rows).encode()
    found = scan(text, 0, 2)
    assert not found.fault
    assert found.numbers.tolist() == [[a, b] for a, b, _ in rows]
    assert found.weights.tolist() == [weight for *_, weight in rows]


@given(st.from_regex(r"[0-9]{0,17}\.?[0-9]{0,25}", fullmatch=True).filter(lambda t: t.strip(".")))
def test_decimals_are_read_as_python_reads_them(token):
    assert scan(f"1 2 {token}\n".encode(), 0, 2).weights.tolist() == [float(token)]


WORDS = ["*Vertices", "*Edges", "*Arcs", "*States", "*Links", "*Bipartite", "*Intra", "*Inter"]
TOKENS = st.sampled_from(
    [*WORDS, "*Multilayer", "*", "#", "%", '"', '"a"', "b", "\n", "\n", "\n", " ", "\t", "1", "2",
     "3", "10", "0", "-1", "0.5", "1e3", "nan", "99999999999", "\r", "é", "%%MatrixMarket matrix"]
)  # fmt: skip


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(TOKENS, max_size=40).map(lambda tokens: " ".join(tokens).encode()),
        st.lists(TOKENS, max_size=40).map(lambda tokens: "".join(tokens).encode()),
        st.tuples(
            st.sampled_from([PAJEK, TRIANGLES]), st.integers(0, 90), st.binary(max_size=3)
        ).map(lambda t: t[0].encode()[: t[1]] + t[2] + t[0].encode()[t[1] + len(t[2]) :]),
    ),
    st.sampled_from(["a.net", "a.mtx", "a.gz"]),
    st.booleans(),
)
@settings(max_examples=400)
def test_whatever_the_file_it_is_a_network_or_the_line_is_named(
    tmp_path_factory, text, name, directed
):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(text)
    network, error = outcome(path, directed)
    if network is None:
        assert error.startswith(str(path))
    else:
        assert network.nodes > 0
        assert len(network.targets) == network.starts[-1]


def outcome(path, directed):
    try:
        return read_network(path, directed=directed), None
    except ValueError as error:
        return None, str(error)
