"""Graphs to measure on: planted partitions, words, and small ones from libraries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MEAN_DEGREE = 18
DEGREE_EXPONENT, SIZE_EXPONENT = 2.5, 1.5  # of the power laws of Lancichinetti et al., 2008
NETWORKX = (
    "karate_club davis_southern_women florentine_families les_miserables krackhardt_kite "
    "bull chvatal desargues diamond dodecahedral frucht heawood hoffman_singleton house "
    "icosahedral moebius_kantor octahedral pappus petersen sedgewick_maze tutte "
    "truncated_cube truncated_tetrahedron"
)
IGRAPH = (
    "Coxeter Cubical Folkman Franklin Grotzsch Levi McGee Meredith Noperfectmatching Nonline "
    "Robertson Smallestcyclicgroup Thomassen Uniquely3colorable Walther Zachary"
)


@dataclass(frozen=True)
class Graph:
    """A graph as columns.

    Attributes:
        sources: int32 (edges,).
        targets: int32 (edges,).
        weights: float64 (edges,).
        directed: whether edges have a direction.
        planted: int32 (nodes,), the modules that it was made of; (0,) if it was not.
    """

    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    directed: bool
    planted: np.ndarray

    def save(self, path: Path) -> None:
        """Write a .npz file."""
        np.savez(path, **vars(self))

    @classmethod
    def read(cls, path: str | Path) -> Graph:
        """Read what `save` wrote."""
        with np.load(path) as saved:
            return cls(**{name: saved[name] for name in saved.files})


def planted(
    nodes: int,
    mixing: float,
    *,
    degree: float = MEAN_DEGREE,
    sizes: tuple[int, int] = (20, 400),
    directed: bool = False,
    seed: int = 1,
) -> Graph:
    """Make a graph of the LFR type: degrees and module sizes follow power laws.

    Args:
        nodes: number of nodes.
        mixing: share of each node's links that lead out of its module.
        degree: mean degree, in and out; the largest is ten times as large.
        sizes: smallest and largest module.
        directed: whether each link is given a direction, at random.
        seed: of everything.
    """
    random = np.random.default_rng(seed)
    degrees = _whole(_power(random, nodes, DEGREE_EXPONENT, *_degree_range(degree)), random)
    modules = _modules(random, nodes, sizes)
    inner = np.minimum(_whole((1 - mixing) * degrees, random), np.bincount(modules)[modules] - 1)
    first, second = _pairs(random, inner, modules)
    third, fourth = _pairs(random, degrees - inner, np.zeros_like(modules))
    apart = modules[third] != modules[fourth]
    ends = np.stack([np.r_[first, third[apart]], np.r_[second, fourth[apart]]])
    low, high = np.divmod(np.unique(ends.min(0) * nodes + ends.max(0)), nodes)
    low, high = low[low != high].astype(np.int32), high[low != high].astype(np.int32)
    if directed:
        turned = random.random(low.size) < 0.5
        low, high = np.where(turned, high, low), np.where(turned, low, high)
    return Graph(low, high, np.ones(low.size), directed, modules.astype(np.int32))


def _power(random: np.random.Generator, count: int, exponent: float, low: float, high: float):
    """Draw from a power law between two bounds."""
    power = 1 - exponent
    uniform = random.random(count)
    return (low**power + uniform * (high**power - low**power)) ** (1 / power)


def _degree_range(mean: float) -> tuple[float, float]:
    """Return the bounds of the degrees, the upper one ten times the mean."""
    high, one, two = 10 * mean, 1 - DEGREE_EXPONENT, 2 - DEGREE_EXPONENT
    lows = np.linspace(1, mean, 10_000)
    means = one / two * (high**two - lows**two) / (high**one - lows**one)
    return float(lows[np.searchsorted(means, mean)]), high


def _whole(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Round up or down at random so that the mean stays."""
    return np.floor(values + random.random(values.size)).astype(np.int64)


def _modules(random: np.random.Generator, nodes: int, sizes: tuple[int, int]) -> np.ndarray:
    """Return the module of each node."""
    drawn = _power(random, nodes // sizes[0] + 1, SIZE_EXPONENT, *sizes).astype(np.int64)
    count = 1 + int(np.searchsorted(np.cumsum(drawn), nodes))
    return random.permutation(np.repeat(np.arange(count), drawn[:count])[:nodes])


def _pairs(random: np.random.Generator, stubs: np.ndarray, groups: np.ndarray):
    """Join stubs at random within each group; one of an odd number is left."""
    ends = np.repeat(np.arange(stubs.size), stubs)
    order = np.lexsort((random.random(ends.size), groups[ends]))
    ends, group = ends[order], groups[ends[order]]
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    place = np.arange(ends.size) - np.repeat(first, np.diff(np.r_[first, ends.size]))
    left = np.flatnonzero((place[:-1] % 2 == 0) & (group[1:] == group[:-1]))
    return ends[left], ends[left + 1]


def words(lines: list[list[str]]) -> Graph:
    """Link the words of a corpus that stand side by side or one apart, by how often they do."""
    numbers: dict[str, int] = {}
    text = [[numbers.setdefault(word, len(numbers)) for word in line] for line in lines]
    pairs = [
        np.stack([line[:-step], line[step:]])
        for line in map(np.array, text)
        for step in (1, 2)
        if len(line) > step
    ]
    ends = np.concatenate(pairs, axis=1)
    keys, counts = np.unique(ends.min(0) * len(numbers) + ends.max(0), return_counts=True)
    low, high = np.divmod(keys, len(numbers))
    columns = low.astype(np.int32), high.astype(np.int32)
    return Graph(*columns, counts.astype(float), False, np.empty(0, np.int32))


def small() -> Iterator[tuple[str, Graph]]:
    """Yield the graphs that come with networkx, igraph and infomap, all of them undirected."""
    import igraph
    import networkx

    for name in NETWORKX.split():
        graph = networkx.convert_node_labels_to_integers(getattr(networkx, f"{name}_graph")())
        yield f"networkx {name}", _of_rows(list(graph.edges(data="weight", default=1)))
    for name in IGRAPH.split():
        graph = igraph.Graph.Famous(name)
        yield f"igraph {name}", _of_rows([(*edge, 1) for edge in graph.get_edgelist()])
    yield from _reference_graphs()


def _reference_graphs() -> Iterator[tuple[str, Graph]]:
    """Yield those of infomap's example networks that are plain and undirected."""
    import infomap.datasets

    folder = Path(infomap.datasets.__file__).parent / "data"
    for name in ("twotriangles", "ninetriangles", "modular_w"):
        lines = (folder / f"{name}.net").read_text().splitlines()
        rows = [line.split() for line in lines if line[:1].isdigit() and '"' not in line]
        yield f"infomap {name}", _of_rows([(*row, 1)[:3] for row in rows])


def _of_rows(rows: list) -> Graph:
    """Make a graph of (source, target, weight)."""
    table = np.array(rows, float)
    numbers = np.unique(table[:, :2], return_inverse=True)[1].reshape(-1, 2).astype(np.int32)
    return Graph(numbers[:, 0], numbers[:, 1], table[:, 2], False, np.empty(0, np.int32))
