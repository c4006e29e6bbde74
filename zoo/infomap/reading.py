"""Networks from files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.infomap.matrices import DIRECTED, from_matrix
from zoo.infomap.network import Network, from_edges
from zoo.infomap.parsing import CUT, find_line, read_sections
from zoo.infomap.sections import Section

MANY = 10_000_000  # nodes that a file with few links is not believed to have


def read_network(
    path: str | Path,
    *,
    directed: bool = False,
    drop_directions: bool = False,
    advance: Callable[[int], Any] = lambda _: None,
) -> Network:
    """Read a network from a file.

    Args:
        path: Pajek's `.net` with `*Vertices`, `*Edges`, `*Arcs`; Infomap's extensions `*Links`,
            `*Bipartite`, `*States`, `*Intra`, `*Inter` and `*Multilayer`; a list of links
            `source target weight`, the weight 1 if missing; a square Matrix Market file `.mtx`.
            Lines that begin with `#` or `%` are comments. `.gz` is unpacked.
        directed: whether links have a direction. As in Infomap, this argument decides, and not
            the heading above the links.
        drop_directions: take `*Arcs`, or a matrix that is not symmetric, as undirected.
        advance: called with the bytes of text read since the last call.

    Returns:
        The network; nodes in the order of their numbers in the file, which are its `ids`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file, and the line of what is wrong.
    """
    file = _File(Path(path), read_sections(Path(path), advance), directed, drop_directions)
    return file.matrix() if file.having("matrix") else file.plain()


@dataclass(frozen=True)
class Nodes:
    """The nodes of a file.

    Attributes:
        ids: int64 (nodes,), their numbers in the file, rising.
        names: their names, or None if no node has one.
        weights: float64 (nodes,), or None if no node has one.
    """

    ids: np.ndarray
    names: list[str] | None = None
    weights: np.ndarray | None = None

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Return the places of nodes among `ids` as int32, -1 for what is no node."""
        first, last = int(self.ids[0]), int(self.ids[-1])
        inside = (numbers >= first) & (numbers <= last)
        offsets = numbers - first if inside.all() else np.where(inside, numbers - first, 0)
        if last - first >= len(self.ids):  # there are gaps
            offsets = self.places_of_offsets(offsets)
        return np.where(inside, offsets, -1).astype(np.int32, copy=False)

    def places_of_offsets(self, offsets: np.ndarray) -> np.ndarray:
        """Return the places of nodes whose distance from the first is given, -1 for no node."""
        known = self.ids - self.ids[0]
        if known[-1] < max(MANY, 8 * len(offsets)):
            table = np.full(known[-1] + 1, -1, np.int32)
            table[known] = np.arange(len(known), dtype=np.int32)
            return table[offsets]
        found = np.searchsorted(known, offsets)
        return np.where(known[found] == offsets, found, -1)


@dataclass(frozen=True)
class _File:
    path: Path
    sections: list[Section]
    directed: bool
    drop_directions: bool

    def having(self, *kinds: str) -> list[Section]:
        """Return the sections of some kinds."""
        return [section for section in self.sections if section.kind in kinds]

    def fault(self, line: int, message: str) -> ValueError:
        return ValueError(f"{self.path}, line {line}: {message}")

    def refuse(self, section: Section, wrong: np.ndarray, message: str) -> None:
        """Raise an error for the first row that is wrong, if there is one."""
        if wrong.any():
            row = int(wrong.argmax())
            numbers = " ".join(str(column[row]) for column in section.columns)
            raise self.fault(find_line(self.path, section, row), f"{numbers}: {message}")

    def plain(self) -> Network:
        """Return the network of links between nodes."""
        links = self.having("links", "edges", "arcs", "bipartite")
        arcs = self.having("arcs")
        if arcs and not (self.directed or self.drop_directions):
            raise self.fault(arcs[0].line, f"*Arcs have directions: {DIRECTED}")
        nodes = self.nodes([column for section in links for column in section.columns])
        sources, targets = (
            _whole([self.places(section, nodes, end) for section in links]) for end in (0, 1)
        )
        return from_edges(
            sources,
            targets,
            _weights(links),
            nodes=len(nodes.ids),
            directed=self.directed,
            names=nodes.names,
            ids=nodes.ids,
            node_weights=nodes.weights,
            first_feature=self.first_feature(nodes),
        )

    def first_feature(self, nodes: Nodes) -> int | None:
        """Return the place of the first feature of a bipartite network."""
        for section in self.having("bipartite"):
            if not section.argument.isdecimal():
                raise self.fault(section.line, "expected *Bipartite and the first feature's number")
            return int(np.searchsorted(nodes.ids, int(section.argument)))
        return None

    def matrix(self) -> Network:
        """Return the network of a sparse matrix, rows and columns numbered from 1."""
        from scipy.sparse import coo_array

        (section,) = self.having("matrix")
        symmetry, size = section.argument.split()
        nodes = Nodes(self.numbered(section, int(size)))
        rows, columns = (self.places(section, nodes, end) for end in (0, 1))
        weights = np.ones(len(rows)) if section.weights is None else section.weights
        if symmetry == "symmetric":  # one side of the diagonal
            lower = rows != columns
            rows, columns = _whole([rows, columns[lower]]), _whole([columns, rows[lower]])
            weights = _whole([weights, weights[lower]])
        matrix = coo_array((weights, (rows, columns)), shape=(int(size), int(size)))
        network = from_matrix(matrix, directed=self.directed, drop_directions=self.drop_directions)
        return replace(network, ids=nodes.ids)

    def nodes(self, columns: list[np.ndarray]) -> Nodes:
        """Return the nodes that are listed, or else those that columns of links name."""
        lists = self.having("vertices")
        if not lists:
            return Nodes(_distinct(columns))
        vertices = lists[0]
        listed, order = np.unique(vertices.columns[0], return_index=True)
        repeated = np.ones(len(vertices), bool)
        repeated[order] = False
        self.refuse(vertices, repeated, "this node was listed before")
        announced = vertices.argument.split()[:1]
        if announced and not announced[0].isdecimal():
            raise self.fault(vertices.line, "expected *Vertices and their number")
        count = int(announced[0]) if announced else len(listed)
        if len(listed) > count:
            raise self.fault(vertices.line, f"{count} vertices announced, {len(listed)} listed")
        if len(listed) == count:
            return self.named(listed, vertices, order)
        ids = self.numbered(vertices, count)
        self.refuse(vertices, ~np.isin(vertices.columns[0], ids), f"nodes are 1 to {count}")
        return self.named(ids, vertices, order)

    def named(self, ids: np.ndarray, vertices: Section, order: np.ndarray) -> Nodes:
        """Return nodes with the names and weights of a list, whose rows rise in `order`."""
        places = np.searchsorted(ids, vertices.columns[0][order])
        names = weights = None
        if any(name is not None for name in vertices.names):
            names = [str(number) for number in ids]
            for place, row in zip(places.tolist(), order.tolist(), strict=True):
                names[place] = vertices.names[row] or names[place]
        if vertices.weights is not None:
            weights = np.ones(len(ids))
            weights[places] = vertices.weights[order]
        return Nodes(ids, names, weights)

    def numbered(self, section: Section, count: int) -> np.ndarray:
        """Return the numbers of nodes from 1, unless they are too many to be meant."""
        links = sum(len(section) for section in self.sections)
        if not 1 <= count <= max(MANY, 100 * links):
            raise self.fault(section.line, f"{count} nodes with {links} rows in the file: {CUT}")
        return np.arange(1, count + 1)

    def places(self, section: Section, nodes: Nodes, column: int) -> np.ndarray:
        """Return the places of the nodes in a column of a section."""
        places = nodes.places(section.columns[column])
        self.refuse(section, places < 0, "no such node is listed")
        return places


def _distinct(columns: list[np.ndarray]) -> np.ndarray:
    """Returns the different numbers in columns, rising."""
    largest = max(int(column.max()) for column in columns if len(column))
    if largest >= max(MANY, 8 * sum(len(column) for column in columns)):
        return np.unique(np.concatenate(columns))
    there = np.zeros(largest + 1, bool)
    for column in columns:
        there[column] = True
    return np.flatnonzero(there)


def _weights(sections: list[Section]) -> np.ndarray | None:
    if all(section.weights is None for section in sections):
        return None
    weights = [np.ones(len(s)) if s.weights is None else s.weights for s in sections]
    return _whole(weights)


def _whole(pieces: list[np.ndarray]) -> np.ndarray:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
