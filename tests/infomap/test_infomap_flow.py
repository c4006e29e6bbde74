from dataclasses import replace

import numpy as np
import pytest
from infomap_reference import describe

from zoo.infomap.flow import make_flow
from zoo.infomap.map_equation import one_level, parts
from zoo.infomap.networks.network import from_edges

ROOM = 1e-11  # a hundredth of what is asked for

DIRECTED = {
    "--directed": {},
    "--directed --no-self-links": {"self_links": False},
    "--directed --recorded-teleportation": {"recorded": True},
    "--directed --to-nodes": {"to_nodes": True},
    "--directed --recorded-teleportation --to-nodes": {"recorded": True, "to_nodes": True},
    "--directed --recorded-teleportation --no-self-links": {
        "recorded": True,
        "self_links": False,
    },
    "--directed --teleportation-probability 0.6": {"teleportation": 0.6},
    "--directed --markov-time 1.7": {"markov_time": 1.7},
    "--directed --recorded-teleportation --markov-time 0.6": {
        "recorded": True,
        "markov_time": 0.6,
    },
    "--flow-model rawdir": {"model": "rawdir"},
    "--flow-model undirdir": {"model": "undirdir"},
    "--flow-model outdirdir": {"model": "outdirdir"},
    "--flow-model precomputed": {"model": "precomputed"},
}
UNDIRECTED = {
    "": {},
    "--no-self-links": {"self_links": False},
    "--markov-time 1.7": {"markov_time": 1.7},
    "--markov-time 0.5 --no-self-links": {"markov_time": 0.5, "self_links": False},
}


def network_of(kind, directed, seed=0):
    """A small network with self-links, and what its kind says."""
    random = np.random.default_rng(seed)
    sources, targets = random.integers(0, 12, (2, 30))
    attributes = {}
    if kind == "disconnected":  # nodes that nothing enters or leaves, and two parts
        sources, targets = sources % 6 + 6 * (sources % 2), targets % 6
        targets += 6 * (sources > 5)
    if kind == "dangling":  # half of the nodes have no links out
        sources %= 6
    if kind == "node weights":
        attributes["node_weights"] = random.random(14) + 0.1
    if kind == "states":
        attributes["physical"] = random.integers(0, 7, 14).astype(np.int32)
    weights = random.random(30) * 3
    return from_edges(sources, targets, weights, nodes=14, directed=directed, **attributes)


KINDS = ["disconnected", "dangling", "node weights", "states", "plain"]


def assert_equal(flags, network, flow, labels):
    """Compare a flow and the codelength of a partition with the reference's."""
    reference = describe(flags, network, labels)
    expected = [reference.flow.get(node, 0.0) for node in range(network.nodes)]
    np.testing.assert_allclose(flow.node, expected, rtol=0, atol=ROOM)
    ours = parts(flow, labels)
    assert ours.total == pytest.approx(reference.codelength, rel=0, abs=ROOM)
    assert ours.index == pytest.approx(reference.index, rel=0, abs=ROOM)
    assert one_level(flow) == pytest.approx(reference.one_level, rel=0, abs=ROOM)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flags", UNDIRECTED)
def test_undirected_flow_is_the_references(flags, kind):
    network = network_of(kind, directed=False)
    labels = np.arange(network.nodes) % 3
    assert_equal(flags, network, make_flow(network, **UNDIRECTED[flags]), labels)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flags", DIRECTED)
def test_directed_flow_is_the_references(flags, kind):
    network = network_of(kind, directed=True)
    if "precomputed" in flags:
        network = replace(network, physical=None)  # the program takes no weights of states here
        network = replace(network, node_weights=np.linspace(0.2, 1, network.nodes))
    labels = np.arange(network.nodes) % 3
    flow = make_flow(network, **{"model": "directed", **DIRECTED[flags]})
    assert_equal(flags, network, flow, labels)


BIPARTITE = {
    **{f: options for f, options in DIRECTED.items() if "precomputed" not in f},
    "--directed --bipartite-teleportation": {"bipartite_teleportation": True},
    "--directed --bipartite-teleportation --to-nodes": {
        "bipartite_teleportation": True,
        "to_nodes": True,
    },
    "--directed --bipartite-teleportation --recorded-teleportation": {
        "bipartite_teleportation": True,
        "recorded": True,
    },
    "--directed --bipartite-teleportation --recorded-teleportation --to-nodes": {
        "bipartite_teleportation": True,
        "recorded": True,
        "to_nodes": True,
    },
}


@pytest.mark.parametrize("flags", [*UNDIRECTED, *BIPARTITE])
def test_bipartite_flow_is_the_references(flags):
    random = np.random.default_rng(1)
    members, features = random.integers(0, 6, 20), random.integers(6, 10, 20)
    features[:4], members[4:10] = np.arange(6, 10), np.arange(6)
    ways = np.r_[members, features], np.r_[features, members]  # there and back
    directed = flags in BIPARTITE
    if not directed:
        ways = members, features
    weights = random.random(len(ways[0])) + 0.1
    network = from_edges(*ways, weights, directed=directed, first_feature=6)
    options = {"model": "directed", **BIPARTITE[flags]} if directed else UNDIRECTED[flags]
    flow = make_flow(network, **options)
    assert_equal(flags, network, flow, [0, 0, 0, 1, 1, 1, 0, 0, 1, 1])
    assert not flow.node[6:].any()


def transition_matrix(network):
    matrix = np.zeros((network.nodes, network.nodes))
    source = np.repeat(np.arange(network.nodes), np.diff(network.starts))
    matrix[source, network.targets] = network.weights
    return matrix / np.maximum(matrix.sum(1, keepdims=True), 1e-300)


@pytest.mark.parametrize("teleportation", [0.01, 0.15, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_recorded_visits_solve_the_equation_of_the_walk(kind, teleportation):
    network = network_of(kind, directed=True)
    steps = transition_matrix(network)
    flow = make_flow(
        network, model="directed", recorded=True, to_nodes=True, teleportation=teleportation
    )
    assert flow.landing is not None
    jump = np.where(steps.any(1), teleportation, 1)
    walk = (1 - jump)[:, None] * steps + jump[:, None] * flow.landing
    others = np.linalg.solve(
        np.vstack([(walk.T - np.eye(network.nodes))[1:], np.ones(network.nodes)]),
        np.eye(network.nodes)[-1],
    )
    np.testing.assert_allclose(flow.node, others, rtol=0, atol=1e-13)
    np.testing.assert_allclose(walk.T @ flow.node, flow.node, rtol=0, atol=1e-13)


def slow_networks():
    """Networks on which a walker takes long to forget where it began."""
    ring = np.arange(400)
    yield "ring against the order of the nodes", ring, (ring - 1) % 400
    random = np.random.default_rng(5)
    ends = random.integers(0, 200, (2, 1500))
    halves = np.hstack([ends, ends + 200, [[0], [399]]])  # one link between two halves
    yield "halves", *halves
    hub = np.arange(1, 400)
    yield "hub", np.r_[np.zeros(399, int), hub[:50]], np.r_[hub, np.zeros(50, int)]
    yield "there and back", np.r_[ring[:-1], ring[1:]], np.r_[ring[1:], ring[:-1]]


@pytest.mark.parametrize(("name", "sources", "targets"), list(slow_networks()))
@pytest.mark.parametrize("recorded", [False, True])
def test_visits_where_the_walk_mixes_slowly(name, sources, targets, recorded):
    network = from_edges(sources, targets, np.arange(len(sources)) % 7 + 1.0, directed=True)
    flags = "--directed --to-nodes" + (" --recorded-teleportation" if recorded else "")
    flow = make_flow(network, model="directed", to_nodes=True, recorded=recorded)
    assert_equal(flags, network, flow, np.arange(network.nodes) // 100)


@pytest.mark.parametrize("options", [{}, {"model": "directed"}, {"model": "rawdir"}])
def test_flow_is_conserved(options):
    network = network_of("dangling", directed=bool(options))
    flow = make_flow(network, **options, self_links=False)
    assert flow.node.sum() == pytest.approx(1)
    source = np.repeat(np.arange(flow.nodes), np.diff(flow.starts))
    assert (source != flow.targets).all()
    entered = np.bincount(flow.targets, flow.link, flow.nodes)
    np.testing.assert_allclose(entered, flow.node, atol=1e-14)  # every visit comes by a link


def test_the_network_is_left_as_it_was():
    network = network_of("plain", directed=True)
    before = network.weights.copy()
    make_flow(network, model="directed", markov_time=2.0)
    np.testing.assert_array_equal(network.weights, before)


@pytest.mark.parametrize(
    ("directed", "options", "message"),
    [
        (True, {}, "'undirected' of a network that is directed: read the network with directed=F"),
        (False, {"model": "directed"}, "read the network with directed=True"),
        (False, {"model": "walk"}, "no flow model 'walk': expected undirected, directed"),
        (True, {"model": "directed", "teleportation": 0.0}, "teleportation is 0.0"),
        (True, {"model": "directed", "teleportation": 1.1}, "teleportation is 1.1"),
        (False, {"markov_time": 0.0}, "markov_time is 0.0"),
        (False, {"markov_time": np.nan}, "markov_time is nan"),
        (False, {"recorded": True}, "recorded teleportation is for model='directed'"),
        (True, {"model": "rawdir", "to_nodes": True}, "to_nodes teleportation is for"),
        (True, {"model": "precomputed"}, "give node_weights"),
        (True, {"model": "directed", "bipartite_teleportation": True}, "give first_feature"),
    ],
)
def test_what_makes_no_flow_is_refused(directed, options, message):
    with pytest.raises(ValueError, match=message):
        make_flow(network_of("plain", directed), **options)


def test_a_network_of_self_links_only():
    network = from_edges([0, 1], [0, 1])
    assert make_flow(network).node.tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="no links but self-links"):
        make_flow(network, self_links=False)


def test_weights_that_overflow():
    network = from_edges([0, 1], [1, 2], [1e308, 1e308])
    with pytest.raises(ValueError, match="the weights add up to inf"):
        make_flow(network)


def test_bipartite_flow_that_reaches_nobody():
    network = from_edges([0, 1], [2, 2], directed=True, first_feature=2)
    with pytest.raises(ValueError, match="no flow at nodes of the first kind"):
        make_flow(network, model="directed", recorded=True)
    with pytest.raises(ValueError, match="needs links back"):
        make_flow(network, model="directed", bipartite_teleportation=True)


@pytest.mark.parametrize(
    ("links", "weights", "options", "message"),
    [
        # from the second kind to the first only: nothing leaves the first, where most lands
        (([2, 2], [0, 1]), None, {"bipartite_teleportation": True}, "no node of the first kind"),
        (
            ([2, 2], [0, 1]),
            None,
            {"bipartite_teleportation": True, "to_nodes": True},
            "comes by no node that links leave",
        ),
        (
            ([0, 2, 1], [2, 1, 2]),
            [0, 0, 1],
            {"bipartite_teleportation": True, "to_nodes": True},
            "no node of the first kind",
        ),
        (
            ([0, 2, 1], [2, 1, 2]),
            [0, 0, 1],
            {"recorded": True, "to_nodes": True},
            "no node of the first kind",
        ),
    ],
)
def test_teleportation_that_leads_nowhere_is_told(links, weights, options, message):
    network = from_edges(*links, directed=True, first_feature=2, node_weights=weights)
    with pytest.raises(ValueError, match=message):
        make_flow(network, model="directed", **options)


def test_teleportation_to_an_end_only_is_told():
    network = from_edges([0], [1], directed=True, node_weights=[0, 1])
    with pytest.raises(ValueError, match="comes by no node that links leave"):
        make_flow(network, model="directed", to_nodes=True)
    flow = make_flow(network, model="directed", to_nodes=True, recorded=True)
    assert flow.node.tolist() == [0, 1]


def test_visits_that_do_not_come_to_rest_are_told(monkeypatch):
    monkeypatch.setattr("zoo.infomap.stationary.SWEEPS", 2)
    with pytest.warns(UserWarning, match="still changed by .* after 2 sweeps"):
        make_flow(network_of("plain", directed=True), model="directed")
