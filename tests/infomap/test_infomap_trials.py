from dataclasses import replace

import numpy as np
import pytest
from infomap import Infomap

from zoo.infomap.flow import make_flow
from zoo.infomap.map_equation import codelength
from zoo.infomap.networks.network import from_edges
from zoo.infomap.search.trials import partition

RING = 6  # cliques
SIZE = 5


def ring_of_cliques():
    """Edges of cliques, each joined to the next by one link."""
    sources, targets = np.triu_indices(SIZE, 1)
    steps = SIZE * np.arange(RING)
    inner = (sources + steps[:, None]).ravel(), (targets + steps[:, None]).ravel()
    return np.r_[inner[0], steps], np.r_[inner[1], np.roll(steps, -1) + 1]


def planted_edges(nodes=600, modules=20, inside=8, outside=3, seed=0):
    """Links of a random graph with planted modules, with weights."""
    random = np.random.default_rng(seed)
    sources = np.repeat(np.arange(nodes), inside + outside)
    size = nodes // modules
    targets = sources // size * size + random.integers(0, size, sources.size)
    away = np.tile(np.arange(inside + outside) >= inside, nodes)
    targets[away] = random.integers(0, nodes, away.sum())
    keep = sources != targets
    return sources[keep], targets[keep], random.integers(1, 4, keep.sum()).astype(float)


def flow_of(sources, targets, weights=None, **options):
    directed = options.get("model") == "directed"
    return make_flow(from_edges(sources, targets, weights, directed=directed), **options)


def same_partition(first, second):
    pairs = np.unique(np.stack([first, second]), axis=1)
    return pairs.shape[1] == len(np.unique(first)) == len(np.unique(second))


@pytest.mark.parametrize(
    "options", [{}, {"model": "directed"}, {"model": "directed", "recorded": True}]
)
@pytest.mark.parametrize("two_level", [True, False])
def test_codelength_is_the_evaluators(options, two_level):
    flow = flow_of(*planted_edges(), **options)
    tree = partition(flow, two_level=two_level)
    assert tree.codelength == pytest.approx(codelength(flow, tree.levels), abs=1e-9)


def test_cliques_are_found():
    tree = partition(flow_of(*ring_of_cliques()), two_level=True)
    assert same_partition(tree.levels[0], np.arange(RING * SIZE) // SIZE)


def test_modules_are_numbered_by_flow():
    flow = flow_of(*planted_edges())
    for labels in partition(flow).levels:
        assert (np.diff(np.bincount(labels, flow.node)) <= 1e-12).all()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_the_result(threads):
    flow = flow_of(*planted_edges(seed=1, outside=6))
    alone = partition(flow, trials=6, threads=1)
    together = partition(flow, trials=6, threads=threads)
    assert alone.codelength == together.codelength
    assert all(map(np.array_equal, alone.levels, together.levels))


def test_more_trials_are_never_worse():
    flow = flow_of(*planted_edges(nodes=2500, modules=80, outside=7))
    lengths = [partition(flow, two_level=True, trials=n).codelength for n in (1, 2, 4)]
    assert lengths == sorted(lengths, reverse=True)


def test_splitting_and_scaling_weights_changes_nothing():
    sources, targets, weights = planted_edges()
    flow = flow_of(sources, targets, weights)
    halves = flow_of(np.r_[sources, sources], np.r_[targets, targets], np.r_[weights, weights] / 2)
    scaled = flow_of(sources, targets, 1024 * weights)
    expected = partition(flow)
    for other in (halves, scaled):
        tree = partition(other)
        assert tree.codelength == pytest.approx(expected.codelength, abs=1e-12)
        assert np.array_equal(tree.levels[0], expected.levels[0])


def test_the_order_of_links_changes_nothing():
    sources, targets, weights = planted_edges()
    order = np.random.default_rng(0).permutation(sources.size)
    first = partition(flow_of(sources, targets, weights))
    second = partition(flow_of(targets[order], sources[order], weights[order]))
    assert np.array_equal(first.levels[0], second.levels[0])


def test_relabelling_finds_the_same_clear_modules():
    sources, targets, weights = planted_edges()
    new = np.random.default_rng(0).permutation(600)
    first = partition(flow_of(sources, targets, weights), two_level=True)
    second = partition(flow_of(new[sources], new[targets], weights), two_level=True)
    assert second.codelength == pytest.approx(first.codelength, abs=1e-9)
    assert same_partition(first.levels[0], second.levels[0][new])


def test_a_start_is_kept_or_bettered():
    flow = flow_of(*planted_edges(outside=6))
    best = partition(flow, two_level=True, trials=5)
    again = partition(flow, two_level=True, start=best.levels[0], seed=9)
    assert again.codelength <= best.codelength + 1e-12


@pytest.mark.parametrize("wanted", [2, 3, 6, 10])
def test_a_preferred_number_of_modules_is_met(wanted):
    tree = partition(flow_of(*ring_of_cliques()), preferred_modules=wanted, two_level=True)
    assert tree.modules == wanted


def overlapping_flow():
    """Walk over two groups of eight physical nodes each, with two nodes, 6 and 7, in both."""
    random = np.random.default_rng(0)
    group = np.repeat([0, 1], 8)
    physical = np.r_[np.arange(8), np.arange(6, 14)].astype(np.int32)
    sources, targets = np.nonzero(random.random((16, 16)) < 0.7)
    weights = np.where(group[sources] == group[targets], 20.0, 0.5)
    network = from_edges(sources, targets, weights, directed=True, physical=physical)
    return make_flow(network, model="directed"), group


def test_states_of_one_physical_node_may_part():
    flow, group = overlapping_flow()
    tree = partition(flow)
    assert same_partition(tree.levels[0], group)
    assert tree.codelength == pytest.approx(codelength(flow, tree.levels), abs=1e-9)


def test_states_in_one_module_share_a_name():
    """Modules that hold the same physical nodes say nothing that one of them does not."""
    flow, group = overlapping_flow()
    same = replace(flow, physical=np.tile(np.arange(8, dtype=np.int32), 2))
    tree = partition(same)
    assert tree.modules == 1
    assert tree.codelength < codelength(same, group)


@pytest.mark.slow
@pytest.mark.parametrize("two_level", [True, False])
@pytest.mark.parametrize("directed", [False, True])
def test_mean_codelength_is_not_above_infomaps(two_level, directed):
    flags = "--silent" + " --two-level" * two_level + " --directed" * directed
    for seed in range(3):
        columns = planted_edges(outside=8, seed=seed)
        flow = flow_of(*columns, model="directed" if directed else "undirected")
        ours = [partition(flow, two_level=two_level, seed=s).codelength for s in range(10)]
        theirs = []
        for s in range(1, 11):
            program = Infomap(f"{flags} --seed {s}")
            program.add_links(np.stack(columns, axis=1))
            theirs.append(program.run().codelength)
        assert np.mean(ours) <= np.mean(theirs) + 1e-9
