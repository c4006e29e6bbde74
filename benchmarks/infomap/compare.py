"""Codelength and CPU time beside the reference program, on many graphs with many options.

    python -m benchmarks.infomap.compare --seeds 10 --cells cells.jsonl

The networks that come with `infomap` (`infomap.datasets`) are tried with 22 sets of options, and a
hundred others (benchmarks/infomap/families.py) with ten. A cell is one graph and one set: the mean
codelength and the mean CPU time over the seeds, of reading the graph and of the search, one thread.
Each cell is a line of the file as soon as it is done; the command goes on where it was stopped, and
prints one table of all that is there. `--seeds 3` takes a third of the time; `--print` only prints.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.infomap.families import hundred
from zoo.infomap.communities import find_communities

TIE = 1e-6  # of the codelength: what differs by less is equal
MUCH = 1e-3  # of the codelength
LONG = 0.05  # CPU seconds of either
FLAGS = {
    "directed": "--directed",
    "two_level": "--two-level",
    "recorded": "--recorded-teleportation",
    "to_nodes": "--to-nodes",
    "teleportation": "--teleportation-probability {}",
    "markov_time": "--markov-time {}",
    "flow": "--flow-model {}",
    "trials": "--num-trials {}",
}
SHORT: list[dict[str, Any]] = [
    {},
    {"two_level": True},
    {"directed": True},
    {"directed": True, "two_level": True},
    {"directed": True, "recorded": True},
    {"directed": True, "recorded": True, "two_level": True},
    {"directed": True, "recorded": True, "to_nodes": True},
    {"flow": "rawdir"},
    {"markov_time": 0.5},
    {"markov_time": 2.0},
]
LONGER: list[dict[str, Any]] = [
    *SHORT,
    {"directed": True, "to_nodes": True},
    {"directed": True, "recorded": True, "to_nodes": True, "two_level": True},
    {"directed": True, "teleportation": 0.4},
    {"directed": True, "recorded": True, "teleportation": 0.05},
    {"flow": "undirdir"},
    {"flow": "outdirdir"},
    {"flow": "rawdir", "two_level": True},
    {"flow": "undirdir", "two_level": True},
    {"directed": True, "markov_time": 0.5},
    {"directed": True, "markov_time": 2.0, "two_level": True},
    {"markov_time": 1.5, "two_level": True},
    {"trials": 5},
]


class Case(NamedTuple):
    """A graph, and the options to try; a path, or (edges, 3) sources, targets, weights."""

    name: str
    kind: str
    graph: Path | np.ndarray
    options: list[dict[str, Any]]


def cases() -> Iterator[Case]:
    """Yield all graphs with their options."""
    import infomap.datasets

    folder = Path(infomap.datasets.__file__).parent / "data"
    for path in sorted(folder.glob("*.net")):
        yield Case(path.stem, "infomap.datasets", path, LONGER)
    for name, graph in hundred():
        table = np.stack([graph.sources, graph.targets, graph.weights], axis=1)
        yield Case(name, "others", table, SHORT)


def ours(graph: Path | np.ndarray, options: dict[str, Any], seed: int) -> float:
    """Return the codelength that we find."""
    return find_communities(graph, seed=seed, threads=1, **options).codelength


def theirs(graph: Path | np.ndarray, options: dict[str, Any], seed: int) -> float:
    """Return the codelength that the reference finds."""
    from infomap import Infomap

    flags = [FLAGS[name].format(value) for name, value in options.items()]
    program = Infomap(" ".join(["--silent --num-threads 1", f"--seed {seed + 1}", *flags]))
    if isinstance(graph, Path):
        program.read_file(str(graph))
    else:
        program.add_links(graph)
    return program.run().codelength


def measure(case: Case, options: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Return a cell; the two take turns, after a first run that does not count."""
    row: dict[str, Any] = {"graph": case.name, "kind": case.kind, "options": options}
    engines: dict[str, Callable] = {"ours": ours, "theirs": theirs}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    try:
        ours(case.graph, options, 0)
        for seed in range(seeds):
            for name, engine in engines.items():
                begun = time.process_time()
                length = engine(case.graph, options, seed)
                found[name].append((length, time.process_time() - begun))
    except (ValueError, RuntimeError) as error:
        return {**row, "refused": str(error)[:100]}
    for name, runs in found.items():
        lengths, seconds = zip(*runs, strict=True)
        row |= {name: statistics.fmean(lengths), f"{name}_s": statistics.fmean(seconds)}
    return {**row, "seeds": seeds}


def key(row: dict[str, Any]) -> str:
    """Return what tells a cell from others."""
    return json.dumps([row["kind"], row["graph"], row["options"]])


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print wins, ties, losses and ratios of CPU time, a line each kind; then the losses."""
    print("| graphs | cells | refused | wins | ties | losses | of them > 0.1 % | worst loss "
          "| CPU, median ours / theirs | cells > 50 ms above 1.2 |")  # fmt: skip
    print("|" + " --- |" * 10)
    for kind in (*dict.fromkeys(row["kind"] for row in rows), None):
        print_line(kind or "all", [row for row in rows if kind in (None, row["kind"])])
    print()
    for row in rows:
        if "seeds" in row and gap(row) > TIE:
            told = " ".join(f"{name}={value}" for name, value in row["options"].items())
            print(f"- {row['graph']} | {told or 'defaults'} | {row['ours']:.6f} "
                  f"{row['theirs']:.6f} | {gap(row):+.3%}")  # fmt: skip


def gap(row: dict[str, Any]) -> float:
    """Return how far ours is above theirs, as a share."""
    return (row["ours"] - row["theirs"]) / max(row["theirs"], 1e-12)


def print_line(kind: str, rows: list[dict[str, Any]]) -> None:
    """Print a line of the table."""
    done = [row for row in rows if "seeds" in row]
    gaps = [gap(row) for row in done]
    losses = [share for share in gaps if share > TIE]
    ratios = [row["ours_s"] / row["theirs_s"] for row in done]
    long = [max(row["ours_s"], row["theirs_s"]) > LONG for row in done]
    slow = sum(far and ratio > 1.2 for far, ratio in zip(long, ratios, strict=True))
    cells = (
        kind,
        len(done),
        len(rows) - len(done),
        sum(share < -TIE for share in gaps),
        sum(abs(share) <= TIE for share in gaps),
        len(losses),
        sum(share > MUCH for share in losses),
        f"{max(losses, default=0):.2%}",
        f"{statistics.median(ratios):.2f}" if ratios else "",
        f"{slow} of {sum(long)}",
    )
    print("| " + " | ".join(map(str, cells)) + " |")


def main() -> None:
    """Measure what is not measured yet, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cells", type=Path, default=Path("cells.jsonl"))
    parser.add_argument("--print", action="store_true", help="only print what is there")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = asked.cells.read_text().splitlines() if asked.cells.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {key(row) for row in rows}
    with asked.cells.open("a") as file:
        for case in () if asked.print else cases():
            for options in case.options:
                row = {"kind": case.kind, "graph": case.name, "options": options}
                if key(row) not in done:
                    rows.append(measure(case, options, asked.seeds))
                    print(json.dumps(rows[-1]), file=file, flush=True)
    print_table(rows)


if __name__ == "__main__":
    main()
