"""A hundred graphs to compare codelengths on: famous ones, and families of random ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import networkx as nx
import numpy as np

from benchmarks.infomap.graphs import Graph, planted, small

SEEDS = 4  # graphs of each random family
FAMILIES: dict[str, Callable[[int], nx.Graph]] = {
    "tree": lambda seed: nx.random_labeled_tree(200, seed=seed),
    "balanced tree": lambda seed: nx.balanced_tree(2 + seed % 2, 4 + seed),
    "preferential 1": lambda seed: nx.barabasi_albert_graph(300, 1, seed=seed),
    "preferential 3": lambda seed: nx.barabasi_albert_graph(300, 3, seed=seed),
    "geometric": lambda seed: nx.random_geometric_graph(130, 0.13, seed=20 + seed),
    "small world": lambda seed: nx.watts_strogatz_graph(200, 6, 0.1, seed=seed),
    "grid": lambda seed: nx.grid_2d_graph(8 + 3 * seed, 8),
    "hypercube": lambda seed: nx.hypercube_graph(5 + seed),
    "cavemen": lambda seed: nx.relaxed_caveman_graph(20, 8, 0.2, seed=seed),
    "blocks": lambda seed: nx.planted_partition_graph(8, 20, 0.4, 0.03, seed=seed),
    "clustered": lambda seed: nx.powerlaw_cluster_graph(200, 2, 0.5, seed=seed),
    "regular": lambda seed: nx.random_regular_graph(4, 100, seed=seed),
    "random": lambda seed: nx.gnp_random_graph(100, 0.05, seed=seed),
    "weighted": lambda seed: weighted(nx.gnp_random_graph(120, 0.06, seed=seed), seed),
    "lobster": lambda seed: nx.random_lobster_graph(60, 0.5, 0.5, seed=seed),
}


def weighted(graph: nx.Graph, seed: int) -> nx.Graph:
    """Give the links weights of a heavy-tailed distribution."""
    random = np.random.default_rng(seed)
    for *_, attributes in graph.edges(data=True):
        attributes["weight"] = float(np.ceil(random.pareto(1.2) + 1e-9))
    return graph


def hundred() -> Iterator[tuple[str, Graph]]:
    """Yield 39 graphs of networkx and igraph, four of each family, and one planted partition."""
    for name, graph in small():
        if not name.startswith("infomap"):
            yield name, graph
    for family, make in FAMILIES.items():
        for seed in range(SEEDS):
            graph = nx.convert_node_labels_to_integers(make(seed))
            edges = np.array(list(graph.edges(data="weight", default=1.0)))
            ends = edges[:, :2].astype(np.int32)
            yield f"{family} {seed}", Graph(*ends.T, edges[:, 2], False, np.empty(0, np.int32))
    yield "planted 500", planted(500, 0.4, degree=8, sizes=(10, 60))
