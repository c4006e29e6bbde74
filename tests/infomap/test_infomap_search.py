import itertools
from math import log2

import numpy as np
import pytest
from infomap_graphs import MODELS, random_flow

from zoo.infomap.flow import make_flow
from zoo.infomap.kernels.aggregation import ENTER, FLOW, LEAVE, aggregate, induced
from zoo.infomap.kernels.logarithm import log2 as fast_log2
from zoo.infomap.kernels.logarithm import plogp
from zoo.infomap.kernels.module_rates import index_change, modules_of, term_bound, term_change
from zoo.infomap.kernels.two_level import search
from zoo.infomap.kernels.visits import shuffled
from zoo.infomap.map_equation import boundary, codelength, one_level
from zoo.infomap.networks.network import from_edges
from zoo.infomap.search.trials import level_of, partition


def partitions(nodes):
    """All partitions of a few nodes, as labels."""

    def grow(labels, count):
        if len(labels) == nodes:
            yield labels
            return
        for label in range(count + 1):
            yield from grow([*labels, label], max(count, label + 1))

    return list(grow([0], 1))


def test_logarithm_is_exact_to_fourteen_digits():
    values = np.exp(np.random.default_rng(0).uniform(-60, 3, 2000))
    errors = [abs(fast_log2(x) - log2(x)) for x in values]
    assert max(errors) < 3e-14
    assert plogp(0.0) == 0
    assert abs(plogp(-1e-20)) < 1e-16


def test_a_bound_is_never_above_the_change():
    random = np.random.default_rng(1)
    for columns, options in ((4, MODELS[0]), (8, MODELS[1])):
        level = level_of(random_flow(random, 50, 200, **options))
        modules = modules_of(level.rates, level.symmetric, 0)
        assert modules.shape[1] == columns
        for _ in range(2000):
            m = int(random.integers(50))
            leave, enter = (modules[m, c] * random.uniform(-0.99, 3) for c in (1, 4 % columns or 1))
            if columns == 4:
                enter = leave
            flow = random.uniform(0, 0.1)
            change = term_change(modules, m, flow, leave, enter)
            assert term_bound(modules, m, flow, leave, enter) <= change + 1e-13


def test_index_change_by_series_equals_the_difference():
    for index, change in itertools.product((0.9, 0.01), (1e-3, -9e-4, 3e-6, -1e-9, 0.1)):
        change *= index
        exact = (index + change) * log2(index + change) - index * log2(index)
        assert index_change(index, log2(index), change) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 100, 5000, 20_000])
def test_an_order_holds_every_node_once(count):
    assert np.array_equal(np.sort(shuffled(count, 3)), np.arange(count))
    if count > 2:
        assert not np.array_equal(shuffled(count, 3), shuffled(count, 4))


@pytest.mark.parametrize("options", MODELS)
def test_aggregation_keeps_boundaries(options):
    random = np.random.default_rng(2)
    flow = random_flow(random, 60, 200, **options)
    labels = random.integers(0, 7, 60)
    level = aggregate(level_of(flow), labels.astype(np.uint32), 7)
    enter, leave = boundary(flow, labels)
    np.testing.assert_allclose(level.rates[:, ENTER], enter, atol=1e-15)
    np.testing.assert_allclose(level.rates[:, LEAVE], leave, atol=1e-15)
    np.testing.assert_allclose(level.rates[:, FLOW], np.bincount(labels, flow.node))
    again = aggregate(level, np.array([0, 1, 0, 1, 2, 2, 2], np.uint32), 3)
    enter, leave = boundary(flow, np.array([0, 1, 0, 1, 2, 2, 2])[labels])
    np.testing.assert_allclose(again.rates[:, ENTER], enter, atol=1e-15)
    np.testing.assert_allclose(again.rates[:, LEAVE], leave, atol=1e-15)


def test_an_induced_level_has_the_links_within_modules():
    random = np.random.default_rng(3)
    flow = random_flow(random, 30, 90)
    labels = random.integers(0, 3, 30).astype(np.uint32)
    kept = np.argsort(labels, kind="stable").astype(np.uint32)
    level = induced(level_of(flow), labels, kept)
    dense = np.zeros((30, 30))
    dense[np.repeat(np.arange(30), np.diff(flow.starts)), flow.targets] = flow.link
    dense[labels[:, None] != labels] = 0
    found = np.zeros((30, 30))
    rows = np.repeat(np.arange(30), np.diff(level.starts).astype(int))
    found[kept[rows], kept[level.targets]] = level.half
    np.testing.assert_allclose(found, dense)


@pytest.mark.parametrize("options", [*MODELS, {"model": "directed", "physical": 4}])
def test_the_search_is_bounded_by_brute_force_and_nearly_always_reaches_it(options):
    random = np.random.default_rng(4)
    reached = cases = 0
    for nodes in (4, 5, 6, 7):
        every = partitions(nodes)
        for _ in range(25):
            flow = random_flow(random, nodes, int(random.integers(0, 2 * nodes)), **options)
            best = min(codelength(flow, np.array(labels)) for labels in every)
            found = partition(flow, two_level=True, seed=cases).codelength
            assert found >= best - 1e-9
            reached += found <= best + 1e-9
            cases += 1
    assert reached >= 0.97 * cases, f"{reached} of {cases}"


@pytest.mark.parametrize("options", MODELS)
def test_no_single_move_improves_what_the_search_returns(options):
    random = np.random.default_rng(5)
    flow = random_flow(random, 80, 240, **options)
    labels = np.arange(80, dtype=np.uint32)
    search(level_of(flow), labels, np.zeros_like(labels), np.zeros(1), 0, 0)
    found = codelength(flow, labels)
    for node in range(80):
        row = slice(flow.starts[node], flow.starts[node + 1])
        for label in {*labels[flow.targets[row]].tolist(), labels.max() + 1}:
            moved = labels.copy()
            moved[node] = label
            assert codelength(flow, moved) > found - 1e-6 * 80


def test_one_clique_is_one_module():
    sources, targets = np.triu_indices(8, 1)
    flow = make_flow(from_edges(sources, targets))
    tree = partition(flow)
    assert tree.modules == 1
    assert tree.codelength == one_level(flow) == pytest.approx(3)


def test_components_are_apart():
    sources = np.array([0, 1, 2, 3, 4, 5])
    tree = partition(make_flow(from_edges(sources, [1, 2, 0, 4, 5, 3])), two_level=True)
    assert tree.levels[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert tree.codelength == pytest.approx(log2(3))
