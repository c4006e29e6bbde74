import warnings

import numpy as np
import pytest
from infomap import Infomap
from infomap_reference import answer

from zoo.infomap.flow import make_flow
from zoo.infomap.map_equation import one_level, parts
from zoo.infomap.networks.multilayer import InterLinks, from_layers, from_multilayer

ROOM = 1e-11


def columns(seed=1, rows=60, layers=4):
    """Layers, sources, targets and weights of links; one number of a layer is left out."""
    random = np.random.default_rng(seed)
    layer = np.array([1, 2, 3, 5])[random.integers(0, layers, rows)]
    return layer, *random.integers(0, 12, (2, rows)), random.random(rows) + 0.05


def inter_columns():
    random = np.random.default_rng(2)
    layer = random.integers(1, 3, 10)
    return layer, random.integers(0, 12, 10), np.full(10, 3), random.random(10)


def reference(flags, intra=(), inter=(), every=()):
    program = Infomap(f"--silent --two-level {flags}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for layer, source, target, weight in zip(*intra, strict=True):
            program.add_multilayer_intra_link(int(layer), int(source), int(target), float(weight))
        for layer, node, other, weight in zip(*inter, strict=True):
            program.add_multilayer_inter_link(int(layer), int(node), int(other), float(weight))
        for layer, source, other, target, weight in zip(*every, strict=True):
            ends = (int(layer), int(source)), (int(other), int(target))
            program.add_multilayer_link(*ends, float(weight))
    return answer(program)


def assert_equal(network, expected, **options):
    flow = make_flow(network, model="directed" if network.directed else "undirected", **options)
    states = list(zip(network.layers.tolist(), network.physical.tolist(), strict=True))
    assert not any(flow for state, flow in expected.flow.items() if state not in states)
    reference_flow = [expected.flow[state] for state in states]
    np.testing.assert_allclose(flow.node, reference_flow, rtol=0, atol=ROOM)
    ours = parts(flow, [expected.modules[state] for state in states])
    assert ours.total == pytest.approx(expected.codelength, rel=0, abs=ROOM)
    if len(set(expected.modules.values())) > 1:  # else it says that of a partition it gave up
        assert ours.index == pytest.approx(expected.index, rel=0, abs=ROOM)
    assert one_level(flow) == pytest.approx(expected.one_level, rel=0, abs=ROOM)


RELAXED = [
    ("", {}, {}),
    ("--multilayer-relax-rate 0.4", {"relax_rate": 0.4}, {}),
    ("--multilayer-relax-rate 0", {"relax_rate": 0.0}, {}),
    ("--multilayer-relax-rate 1", {"relax_rate": 1.0}, {}),
    ("--multilayer-relax-limit 1", {"relax_up": 1, "relax_down": 1}, {}),
    ("--multilayer-relax-limit-up 1", {"relax_up": 1}, {}),
    ("--multilayer-relax-limit-down 0", {"relax_down": 0}, {}),
    ("--no-self-links", {}, {"self_links": False}),
    ("--to-nodes", {}, {"to_nodes": True}),
]


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize(("flags", "layered", "options"), RELAXED)
def test_relaxation_is_the_references(flags, layered, options, directed):
    flags += " --directed" if directed else ""
    network = from_layers(*columns(), directed=directed, **layered)
    assert_equal(network, reference(flags, columns()), **options)


@pytest.mark.parametrize("directed", [False, True])
def test_inter_layer_links_are_the_references(directed):
    intra, inter = columns(layers=3), inter_columns()
    network = from_layers(*intra, directed=directed, inter=InterLinks(*inter))
    assert_equal(network, reference("--directed" if directed else "", intra, inter))


@pytest.mark.parametrize("directed", [False, True])
def test_links_between_states_are_the_references(directed):
    layer, source, target, weight = columns()
    every = layer, source, np.roll(layer, 1), target, weight
    network = from_multilayer(*every, directed=directed)
    assert_equal(network, reference("--directed" if directed else "", every=every))


def test_a_walker_relaxes_in_proportion_to_the_weights_of_a_nodes_links():
    network = from_layers([1, 1, 2], [0, 0, 0], [1, 2, 1], [1, 2, 9], directed=True, relax_rate=0.4)
    states = list(zip(network.layers.tolist(), network.physical.tolist(), strict=True))
    assert states == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    row = slice(network.starts[0], network.starts[1])
    assert network.targets[row].tolist() == [1, 2, 4]
    expected = [0.6 / 3 + 0.4 / 12, 0.6 * 2 / 3 + 0.4 * 2 / 12, 0.4 * 9 / 12]
    np.testing.assert_allclose(network.weights[row], expected)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (([1], [0, 1], [1, 2]), {}, "1 layers, 2 sources, 2 targets"),
        (([1, -1], [0, 1], [1, 2]), {}, r"layers\[1\] is -1: expected 0 or more"),
        (([1, 1], [0, 1], [1, 2]), {"relax_rate": 1.5}, "relax_rate is 1.5"),
        (([1, 1], [0, 1], [1, 2]), {"relax_down": -1}, "relax_down is -1"),
        (
            ([1, 1], [0, 1], [1, 2]),
            {"inter": InterLinks([1], [0], [1])},
            "inter-layer link 0, of node 0, stays in layer 1",
        ),
        (
            ([1, 1], [0, 1], [1, 2]),
            {"inter": InterLinks([1], [0], [2], [-1.0])},
            r"weights\[0\] is -1.0",
        ),
        (([1, 1], [0, 1], [1, 2], [1, np.nan]), {}, r"weights\[1\] is nan"),
        (([], [], []), {}, "no links"),
    ],
)
def test_what_is_wrong_is_named(rows, options, message):
    with pytest.raises(ValueError, match=message):
        from_layers(*rows, **options)
