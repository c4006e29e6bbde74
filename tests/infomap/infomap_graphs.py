"""Random graphs for tests, and the kinds of walk on them."""

import numpy as np

from zoo.infomap.flow import make_flow
from zoo.infomap.networks.network import from_edges

MODELS = [
    {},
    {"model": "directed"},
    {"model": "directed", "recorded": True},
    {"model": "directed", "recorded": True, "to_nodes": True},
]


def random_flow(random, nodes, edges, physical=None, **options):
    """Flow of a random weighted graph that is connected by a path; some states share a node."""
    sources = np.r_[random.integers(0, nodes, edges), np.arange(nodes - 1)]
    targets = np.r_[random.integers(0, nodes, edges), np.arange(1, nodes)]
    weights = random.integers(1, 5, sources.size).astype(float)
    directed = options.get("model", "undirected") == "directed"
    names = None if physical is None else random.integers(0, physical, nodes).astype(np.int32)
    network = from_edges(sources, targets, weights, directed=directed, physical=names)
    return make_flow(network, **options)
