"""One engine on one graph, in a process of its own.

    python -m benchmarks.infomap.engines ENGINE FILE OPTIONS LABELS

Prints a JSON object: CPU seconds of loading and of the search, the peak of memory above the
imports, and where the labels of each level are.
"""

from __future__ import annotations

import json
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

Levels = list[np.ndarray]
Measured = tuple[float, float, Levels]  # CPU seconds of loading and of the search, and labels


def peak_bytes() -> int:
    """Return the most memory this process has held (not ru_maxrss: that counts the parent)."""
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0])


def ours(graph: dict, two_level: bool, seed: int, trials: int) -> Callable[[], Measured]:
    """Import zoo.infomap, load its kernels on a tiny graph, return the measured part."""
    from zoo.infomap.flow import make_flow
    from zoo.infomap.networks.network import from_edges
    from zoo.infomap.search.trials import partition

    directed = bool(graph["directed"])
    model = "directed" if directed else "undirected"

    def run(sources, targets, weights) -> Measured:
        start = time.process_time()
        flow = make_flow(from_edges(sources, targets, weights, directed=directed), model=model)
        loaded = time.process_time()
        tree = partition(flow, two_level=two_level, seed=seed, trials=trials, threads=1)
        return loaded - start, time.process_time() - loaded, tree.levels

    ends = np.array([[0, 1, 2, 3, 4, 5, 0], [1, 2, 0, 4, 5, 3, 3]], graph["sources"].dtype)
    run(ends[0], ends[1], np.ones(7))
    return lambda: run(graph["sources"], graph["targets"], graph["weights"])


def theirs(graph: dict, two_level: bool, seed: int, trials: int) -> Callable[[], Measured]:
    """Import infomap."""
    from infomap import Infomap

    flags = f"--silent --num-threads 1 --seed {seed + 1} --num-trials {trials}"
    flags += " --directed" * bool(graph["directed"]) + " --two-level" * two_level
    nodes = int(max(graph["sources"].max(), graph["targets"].max())) + 1

    def run() -> Measured:
        start = time.process_time()
        program = Infomap(flags)
        program.add_links(np.stack([graph["sources"], graph["targets"], graph["weights"]], axis=1))
        loaded = time.process_time()
        program.run()
        done = time.process_time()
        levels = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for depth in range(1, program.num_levels):
                modules = program.get_modules(depth)
                labels = np.full(nodes, -1)
                labels[list(modules)] = list(modules.values())
                levels.append(labels)
        return loaded - start, done - loaded, levels

    return run


def of_igraph(graph: dict, two_level: bool, seed: int, trials: int) -> Callable[[], Measured]:
    """Import igraph."""
    import random

    import igraph

    def run() -> Measured:
        random.seed(seed)
        start = time.process_time()
        edges = np.stack([graph["sources"], graph["targets"]], axis=1)
        network = igraph.Graph(edges, directed=bool(graph["directed"]))
        network.es["weight"] = graph["weights"]
        loaded = time.process_time()
        found = network.community_infomap(edge_weights="weight", trials=trials)
        return loaded - start, time.process_time() - loaded, [np.array(found.membership)]

    return run


ENGINES = {"ours": ours, "infomap": theirs, "igraph": of_igraph}


def main(engine: str, path: str, options: str, labels: str) -> None:
    """Run an engine on the graph of a .npz file and save the labels."""
    with np.load(path) as saved:
        graph = {name: saved[name] for name in saved.files if name != "planted"}
    run = ENGINES[engine](graph, **json.loads(options))
    imports = peak_bytes()
    load, search, levels = run()
    np.save(labels, np.array(levels))
    edges = graph["sources"].size
    row = {"load": load, "search": search, "peak": peak_bytes(), "edges": edges}
    print(json.dumps({**row, "above": peak_bytes() - imports, "levels": len(levels)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
