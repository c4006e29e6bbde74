from itertools import pairwise

import numpy as np
import pytest

from zoo.infomap.flow import make_flow
from zoo.infomap.kernels.aggregation import ENTER, FLOW, aggregate
from zoo.infomap.kernels.hierarchy import gains, kept_modules
from zoo.infomap.map_equation import codelength, one_level
from zoo.infomap.networks.network import from_edges
from zoo.infomap.search.trials import level_of, partition


def nested(depth):
    """Triangles of triangles ..., each side of three parts joined by one light link."""
    sources, targets, weights = np.array([0, 1, 2]), np.array([1, 2, 0]), np.ones(3)
    size = 3
    for level in range(1, depth):
        shifts = size * np.arange(3)[:, None]
        ends = size * np.arange(3)
        sources = np.r_[(sources + shifts).ravel(), ends + size - 1]
        targets = np.r_[(targets + shifts).ravel(), np.roll(ends, -1)]
        weights = np.r_[np.tile(weights, 3), np.full(3, 0.5**level)]
        size *= 3
    return make_flow(from_edges(sources, targets, weights))


@pytest.mark.parametrize("depth", [3, 4, 5])
def test_nested_triangles_have_levels(depth):
    flow = nested(depth)
    tree = partition(flow)
    two = partition(flow, two_level=True)
    assert len(tree.levels) >= 2
    assert tree.codelength < two.codelength
    assert tree.codelength == pytest.approx(codelength(flow, tree.levels), abs=1e-9)


def test_levels_are_nested():
    levels = partition(nested(5)).levels
    for upper, lower in pairwise(levels):
        assert len(np.unique(np.stack([upper, lower]), axis=1).T) == lower.max() + 1


def test_gains_are_differences_of_codelength():
    flow = nested(4)
    labels = (np.arange(81) // 9).astype(np.uint32)
    modules = aggregate(level_of(flow), labels, 9)
    gain = gains(modules, np.zeros(9, np.uint32), np.zeros(1))
    assert gain[0] == pytest.approx(one_level(flow) - codelength(flow, labels), abs=1e-12)


def test_a_module_with_one_child_is_not_kept():
    flow = nested(4)
    labels = (np.arange(81) // 9).astype(np.uint32)
    modules = aggregate(level_of(flow), labels, 9)
    rates = modules.rates.copy()
    rates[:, FLOW] = rates[:, ENTER]
    kept = kept_modules(rates, np.zeros(9, np.uint32), np.zeros(1))
    assert not kept.any()
