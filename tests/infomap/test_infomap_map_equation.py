from dataclasses import replace
from importlib.resources import files
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from infomap import Infomap
from infomap_reference import answer, load

from zoo.infomap.flow import make_flow
from zoo.infomap.map_equation import codelength, one_level, parts
from zoo.infomap.networks.multilayer import InterLinks, from_layers, from_multilayer
from zoo.infomap.networks.network import from_edges
from zoo.infomap.networks.states import from_states

ROOM = 1e-11


def bits(rates):
    """Entropy of rates, times their sum."""
    total = sum(rates)
    return -sum(rate * log2(rate / total) for rate in rates if rate > 0)


def textbook(flow, tree, nodes):
    """The map equation as it is printed: a codebook for each module, by dense matrices.

    Args:
        flow: matrix of flow from node to node, recorded teleportation included.
        tree: a list of subtrees, or of nodes.
        nodes: visit rates.
    """

    def leaves(part):
        return [part] if isinstance(part, int) else [leaf for p in part for leaf in leaves(p)]

    def crossing(part):
        inside = leaves(part)
        outside = [node for node in range(len(nodes)) if node not in inside]
        return flow[np.ix_(outside, inside)].sum(), flow[np.ix_(inside, outside)].sum()

    def codebooks(part, root=False):
        rates = [0.0 if root else crossing(part)[1]]
        rates += [nodes[p] if isinstance(p, int) else crossing(p)[0] for p in part]
        return bits(rates) + sum(codebooks(p) for p in part if not isinstance(p, int))

    return codebooks(tree, root=True)


def levels_of(tree, nodes):
    """The labels of a tree of three levels, as a column a level."""
    labels = np.zeros((nodes, 2), int)
    for top, module in enumerate(tree):
        for sub, part in enumerate(module):
            for node in [part] if isinstance(part, int) else part:
                labels[node] = top, sub if isinstance(part, list) else 0
    return labels


STATES = "# path flow name state_id node_id"
TREES = [
    [[0, 1, 2], [3, 4], [5, 6, 7, 8]],
    [[[0, 1], [2, 3]], [[4, 5, 6], [7], [8]]],
    [[[0, 1], [2, 3]], [4, 5, 6, 7, 8]],  # the second branch ends early
    [[list(range(9))[::2], list(range(9))[1::2]]],  # all in one module of two
]


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("options", [{}, {"recorded": False}, {"recorded": True}])
def test_codelength_is_the_printed_formulas(options, tree):
    random = np.random.default_rng(2)
    edges = random.integers(0, 9, (2, 40))
    network = from_edges(*edges, random.random(40), nodes=9, directed=bool(options))
    how = {"model": "directed", "to_nodes": True, **options} if options else {}
    flow = make_flow(network, **how)
    matrix = np.zeros((9, 9))
    matrix[np.repeat(np.arange(9), np.diff(flow.starts)), flow.targets] = flow.link
    if flow.teleport is not None:
        matrix += np.outer(flow.teleport, flow.landing)
    expected = textbook(matrix, tree, flow.node)
    if len(tree) == 1:  # a module that is the whole has no name, and no exit
        expected = textbook(matrix, tree[0], flow.node)
    assert codelength(flow, levels_of(tree, 9)) == pytest.approx(expected, rel=0, abs=1e-13)


def test_forms_of_labels():
    flow = make_flow(from_edges([0, 1, 2, 3, 4], [1, 2, 3, 4, 5]))
    table = levels_of([[[0, 1], [2]], [[3, 4], [5]]], 6)
    expected = codelength(flow, table)
    assert codelength(flow, list(table.T)) == expected
    assert codelength(flow, [[7, 7, 7, -2, -2, -2], table[:, 1].tolist()]) == expected
    assert codelength(flow, [3] * 6) == pytest.approx(one_level(flow))
    assert codelength(flow, table[:, 0]) == codelength(flow, table[:, [0, 0]])
    whole = parts(flow, table)
    assert whole.index + whole.module == whole.total == expected
    assert whole.index == parts(flow, table[:, 0]).index


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"labels of shape \(2,\) for 6 nodes"),
        (np.zeros((3, 6), int), r"shape \(3,\) for 6 nodes"),
        ([0.5] * 6, "expected integers"),
        ([[0] * 6, [0] * 5], r"labels of shape \(5,\) for 6 nodes"),
        ([], r"labels of shape \(0,\) for 6 nodes"),
    ],
)
def test_labels_that_do_not_fit(labels, message):
    flow = make_flow(from_edges([0, 1, 2, 3, 4], [1, 2, 3, 4, 5]))
    with pytest.raises(ValueError, match=message):
        codelength(flow, labels)


def write_tree(path, labels, physical=None):
    """Write a tree of three levels for the program to read."""
    lines, seen = ["# path flow name node_id" if physical is None else STATES], {}
    for node in np.lexsort(labels.T[::-1]):
        branch = ":".join(str(label + 1) for label in labels[node])
        seen[branch] = seen.get(branch, 0) + 1
        owner = "" if physical is None else f" {physical[node]}"
        lines.append(f'{branch}:{seen[branch]} 0 "{node}" {node}{owner}')
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ("", {}),
        ("--markov-time 1.5", {"markov_time": 1.5}),
        ("--directed", {"model": "directed"}),
        ("--directed --recorded-teleportation", {"model": "directed", "recorded": True}),
        (
            "--directed --recorded-teleportation --to-nodes",
            {"model": "directed", "recorded": True, "to_nodes": True},
        ),
        ("--flow-model rawdir", {"model": "rawdir"}),
    ],
)
@pytest.mark.parametrize("states", [False, True])
def test_codelength_of_a_given_hierarchy_is_the_references(tmp_path, flags, options, states):
    random = np.random.default_rng(3)
    edges = random.integers(0, 40, (2, 200))
    network = from_edges(*edges, random.random(200), nodes=40, directed="model" in options)
    physical = random.integers(0, 15, 40).astype(np.int32) if states else None
    network = replace(network, physical=physical)
    labels = np.stack([np.arange(40) % 4, random.permutation(40) % 3], axis=1)
    write_tree(tmp_path / "given.tree", labels, physical)
    program = load(flags, network)
    reference = answer(program, no_infomap=True, cluster_data=str(tmp_path / "given.tree"))
    ours = parts(make_flow(network, **options), labels)
    assert ours.total == pytest.approx(reference.codelength, rel=0, abs=ROOM)


@pytest.mark.parametrize("directed", [False, True])
def test_codelength_of_a_found_hierarchy_is_the_references(directed):
    random = np.random.default_rng(4)
    source = random.integers(0, 512, 3000)
    reach = random.choice([8, 64, 512], 3000, p=[0.6, 0.35, 0.05])
    target = source // reach * reach + random.integers(0, reach)
    network = from_edges(source, target, nodes=512, directed=directed)
    program = load("--directed" if directed else "", network)
    reference = answer(program)
    found = reference.result.multilevel_modules(states=True)
    deepest = max(map(len, found.values()))
    assert deepest > 1
    labels = np.array([[*found[node], *[0] * deepest][:deepest] for node in range(512)])
    flow = make_flow(network, model="directed" if directed else "undirected")
    assert codelength(flow, labels) == pytest.approx(reference.codelength, rel=0, abs=ROOM)


def toy_sections(path):
    """The rows of a toy network, by heading; names are left out."""
    sections = {"*links": (rows := [])}  # a list of links has no heading
    for line in path.read_text().splitlines():
        if line.startswith("*"):
            rows = sections.setdefault(line.split()[0].lower(), [])
        elif line.strip() and not line.startswith("#"):
            rows.append([float(word) for word in line.split('"')[0].split()])
    sections["*links"] = [[*row, 1.0][:3] for row in sections["*links"]]
    return {heading: np.array(rows).T for heading, rows in sections.items() if rows}


def toy_network(path, directed):
    """A toy network, and what the program calls each of its nodes."""
    rows = toy_sections(path)
    if "*multilayer" in rows:
        network = from_multilayer(*rows["*multilayer"], directed=directed)
    elif "*intra" in rows:
        inter = InterLinks(*rows["*inter"]) if "*inter" in rows else None
        network = from_layers(*rows["*intra"], directed=directed, inter=inter)
    elif "*states" in rows:
        links = rows["*links"]
        network = from_states(*rows["*states"], *links, directed=directed)
        return network, network.ids.tolist()
    else:
        (links,) = (rows[k] for k in ("*edges", "*arcs", "*links", "*bipartite") if k in rows)
        ids = np.unique(links[:2]).astype(int)
        first = 3 if "*bipartite" in rows else None
        ends = np.searchsorted(ids, links[:2])
        network = from_edges(*ends, *links[2:], directed=directed, first_feature=first)
        return network, ids.tolist()
    return network, list(zip(network.layers.tolist(), network.physical.tolist(), strict=True))


TOYS = sorted((files("infomap.datasets") / "data").glob("*.net"))


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("path", TOYS, ids=lambda path: path.stem)
def test_toy_networks(path, directed):
    program = Infomap(f"--silent --two-level {'--directed' if directed else ''}")
    program.read_file(str(path))
    reference = answer(program)
    network, names = toy_network(path, directed)
    flow = make_flow(network, model="directed" if network.directed else "undirected")
    assert set(names) == set(reference.flow)
    expected = [reference.flow[name] for name in names]
    np.testing.assert_allclose(flow.node, expected, rtol=0, atol=ROOM)
    ours = parts(flow, [reference.modules[name] for name in names])
    assert ours.total == pytest.approx(reference.codelength, rel=0, abs=ROOM)
    assert ours.index == pytest.approx(reference.index, rel=0, abs=ROOM)
    assert one_level(flow) == pytest.approx(reference.one_level, rel=0, abs=ROOM)


def test_there_are_nine_toys():
    assert len(TOYS) == 9


networks = st.integers(0, 2**32 - 1)


def random_case(seed, directed):
    random = np.random.default_rng(seed)
    nodes, edges = random.integers(2, 12), random.integers(1, 30)
    ends = random.integers(0, nodes, (2, edges))
    weights = random.random(edges) + 0.1
    labels = random.integers(0, 4, nodes)
    options = {"model": "directed", "recorded": bool(random.integers(2))} if directed else {}
    make = {"nodes": nodes, "directed": directed}
    return random, ends, weights, labels, make, options


@settings(max_examples=60)
@given(networks, st.booleans())
def test_what_does_not_change_a_codelength(seed, directed):
    random, ends, weights, labels, make, options = random_case(seed, directed)

    def value(ends, weights, labels):
        return codelength(make_flow(from_edges(*ends, weights, **make), **options), labels)

    expected = value(ends, weights, labels)
    same = {"rel": 0, "abs": 1e-10}
    order = random.permutation(len(weights))
    assert value(ends[:, order], weights[order], labels) == pytest.approx(expected, **same)
    assert value(ends, weights * 37.5, labels) == pytest.approx(expected, **same)
    share = random.random(len(weights))
    split = np.hstack([ends, ends]), np.r_[share * weights, (1 - share) * weights]
    assert value(*split, labels) == pytest.approx(expected, **same)
    name = random.permutation(make["nodes"])
    renamed = labels[np.argsort(name)]
    assert value(name[ends], weights, renamed) == pytest.approx(expected, **same)
    assert value(ends, weights, 7 - 3 * labels) == pytest.approx(expected, **same)
    if not directed:
        assert value(ends[::-1], weights, labels) == pytest.approx(expected, **same)


@settings(max_examples=30)
@given(networks)
def test_states_of_one_node_each_are_nodes(seed):
    _, ends, weights, labels, make, _ = random_case(seed, directed=False)
    flow = make_flow(from_edges(*ends, weights, **make))
    own = replace(flow, physical=np.arange(flow.nodes, dtype=np.int32)[::-1])
    assert codelength(own, labels) == pytest.approx(codelength(flow, labels))
    shared = replace(flow, physical=np.zeros(flow.nodes, np.int32))
    assert one_level(shared) == pytest.approx(0, abs=1e-14)
    assert codelength(shared, labels) <= codelength(flow, labels) + 1e-12
