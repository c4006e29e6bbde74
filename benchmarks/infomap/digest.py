"""Digests of what the search finds: equal before and after a change that must change nothing.

    python -m benchmarks.infomap.digest > before.txt    # and again after the change
    diff before.txt after.txt

A line for each graph and set of options: the codelength to the last bit, and a digest of the
labels on all levels and of the visit rates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.infomap.graphs import planted, small
from zoo import find_communities
from zoo.infomap import knn_graph

PLAIN: list[dict[str, Any]] = [
    {},
    {"two_level": True, "trials": 3, "seed": 7},
    {"markov_time": 2.0, "self_links": False},
    {"preferred_modules": 3},
    {"flow": "rawdir"},
    {"directed": True, "recorded": True, "to_nodes": True, "teleportation": 0.3},
]
DIRECTED: list[dict[str, Any]] = [
    {"directed": True},
    {"directed": True, "recorded": True, "trials": 2},
    {"flow": "undirected"},
    {"flow": "outdirdir", "two_level": True},
]
LAYERED: list[dict[str, Any]] = [{}, {"directed": True}, {"relax_rate": 0.4, "relax_up": 1}]


def cases() -> Iterator[tuple[str, Any, list[dict[str, Any]]]]:
    """Yield names of graphs, the graphs, and the options to try."""
    for name, graph in small():
        if name.split()[1] in ("karate_club", "les_miserables", "Nonline", "ninetriangles"):
            yield name, (graph.sources, graph.targets, graph.weights), PLAIN
    for nodes, mixing in ((1000, 0.5), (10_000, 0.5)):
        graph = planted(nodes, mixing, seed=2)
        yield f"planted {nodes}", (graph.sources, graph.targets, graph.weights), PLAIN
        graph = planted(nodes, mixing, directed=True, seed=2)
        yield f"directed {nodes}", (graph.sources, graph.targets, graph.weights), DIRECTED
    yield "neighbours", knn_graph(np.random.default_rng(1).normal(size=(800, 6)), 8), DIRECTED
    import infomap.datasets

    folder = Path(infomap.datasets.__file__).parent / "data"
    for path in sorted(folder.glob("*.net")):
        yield path.name, path, LAYERED


def digest(arrays: list[np.ndarray]) -> str:
    """Return a short digest of arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def main() -> None:
    """Print the lines."""
    for name, graph, choices in cases():
        for options in choices:
            told = " ".join(f"{key}={value}" for key, value in options.items())
            try:
                found = find_communities(graph, **options)
            except ValueError as error:
                print(f"{name} | {told} | {str(error).partition(':')[0]}", flush=True)
                continue
            bits = digest([*found.tree.levels, found.flow])
            print(f"{name} | {told} | {found.codelength!r} {bits}", flush=True)


if __name__ == "__main__":
    main()
