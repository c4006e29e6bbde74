import numpy as np
import pytest
from scipy.sparse import csr_array

from zoo.infomap.flow import make_flow
from zoo.infomap.kernels.aggregation import LEAVE, aggregate, induced
from zoo.infomap.kernels.multilevel import LEAST, climb, divide
from zoo.infomap.networks.network import from_edges
from zoo.infomap.search.trials import level_of

NODES, SIZE = 3 * LEAST, 700  # the modules fill three pieces and do not end where these might


def level_in_modules(model):
    """Random weighted links, most of them within modules of nodes side by side."""
    random = np.random.default_rng(3)
    sources, targets = random.integers(0, NODES, (2, 6 * NODES))
    inside = random.random(sources.size) < 0.7
    near = np.minimum(sources // SIZE * SIZE + targets % SIZE, NODES - 1)
    ends = sources, np.where(inside, near, targets)
    directed = model == "directed"
    flow = make_flow(
        from_edges(*ends, random.random(sources.size), nodes=NODES, directed=directed),
        model=model,
        recorded=directed,
    )
    return level_of(flow), (np.arange(NODES) // SIZE).astype(np.uint32)


@pytest.mark.parametrize("model", ["undirected", "directed"])
def test_dividing_some_modules_at_a_time_is_dividing_all_at_once(model):
    level, labels = level_in_modules(model)
    order = np.arange(NODES, dtype=np.uint32)
    exits = np.bincount(labels, level.rates[:, LEAVE]) / 2
    parts, top = divide(level, labels, order, labels, exits, 5)
    whole = induced(level, labels, order)
    expected = order.copy()
    rates, saved, _ = climb(whole, expected, whole.rates, labels, exits, 5, 0)
    together = aggregate(whole, expected, len(rates))
    assert saved > 1
    np.testing.assert_array_equal(parts, expected)
    np.testing.assert_allclose(top.rates, together.rates, rtol=1e-13, atol=1e-16)
    links, expected = (
        csr_array((x.half, x.targets, x.starts.astype(int))) for x in (top, together)
    )
    assert abs(links - expected).max() < 1e-15
