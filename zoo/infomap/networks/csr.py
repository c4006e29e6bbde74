"""Sparse rows: how links are kept, sorted and turned round.

All sorting is by counting; the arrays are made by NumPy, which lays large ones on huge pages.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zoo.kernels import kernel


class Rows(NamedTuple):
    """Links, a row for each node.

    Attributes:
        starts: int64 (nodes + 1,), where the rows start.
        ends: int32 (links,), the other end of each link.
        values: float64 (links,).
    """

    starts: np.ndarray
    ends: np.ndarray
    values: np.ndarray


def sorted_by(keys: np.ndarray, others: np.ndarray, values: np.ndarray, nodes: int) -> Rows:
    """Return links in rows by one end, those of a row in the order given.

    Args:
        keys: int32 (links,), the ends to sort by.
        others: int32 (links,), the other ends.
        values: float64 (links,), or (1,), the value of all.
        nodes: the number of rows.
    """
    rows = _empty(nodes, len(keys))
    _sort_links(keys, others, values, *rows)
    return rows


def transposed(rows: Rows) -> Rows:
    """Return rows by the other end; each is sorted, for the rows are read in order."""
    turned = _empty(len(rows.starts) - 1, len(rows.ends))
    _transpose(*rows, *turned)
    return turned


def merged(rows: Rows) -> Rows:
    """Add the values of equal links in sorted rows and drop those that are 0, in place."""
    links = _merge(*rows)
    for column in rows[1:]:
        column.resize(links, refcheck=False)  # in place: a copy would double the memory
    return rows


def mirrored(rows: Rows) -> Rows:
    """Return sorted rows of both ends, from those of the larger ends."""
    starts = np.zeros_like(rows.starts)
    links = _mirrored_starts(rows.starts, rows.ends, starts)
    full = Rows(starts, np.empty(links, np.int32), np.empty(links))
    _mirror(*rows, *full)
    return full


def without_loops(rows: Rows) -> tuple[Rows, np.ndarray]:
    """Return rows without links of a node to itself, and the values of these, float64 (nodes,).

    The rows are the same if they have no such links, else copies.
    """
    loops = np.zeros(len(rows.starts) - 1)
    if not _find_loops(*rows, loops):
        return rows, loops
    starts, ends, values = (column.copy() for column in rows)
    links = _drop_loops(starts, ends, values)
    return Rows(starts, ends[:links], values[:links]), loops


def _empty(nodes: int, links: int) -> Rows:
    return Rows(np.zeros(nodes + 1, np.int64), np.empty(links, np.int32), np.empty(links))


@kernel
def row_sums(starts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the sum of each row, float64 (nodes,)."""
    sums = np.zeros(len(starts) - 1)
    for node in range(len(sums)):
        for entry in range(starts[node], starts[node + 1]):
            sums[node] += values[entry]
    return sums


@kernel
def _sort_links(
    keys: np.ndarray,
    others: np.ndarray,
    given: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    values: np.ndarray,
) -> None:
    """Counting sort by key; a single value is that of all links."""
    for key in keys:
        starts[key + 1] += 1
    for node in range(len(starts) - 1):
        starts[node + 1] += starts[node]
    fill = starts[:-1].copy()
    step = 1 if len(given) > 1 else 0
    for edge in range(len(keys)):
        place = fill[keys[edge]]
        fill[keys[edge]] += 1
        ends[place] = others[edge]
        values[place] = given[edge * step]


@kernel
def _transpose(
    starts: np.ndarray,
    ends: np.ndarray,
    values: np.ndarray,
    new_starts: np.ndarray,
    new_ends: np.ndarray,
    new_values: np.ndarray,
) -> None:
    """Counting sort by the other end, read row by row."""
    nodes = len(starts) - 1
    for end in ends:
        new_starts[end + 1] += 1
    for node in range(nodes):
        new_starts[node + 1] += new_starts[node]
    fill = new_starts[:-1].copy()
    for node in range(nodes):
        for entry in range(starts[node], starts[node + 1]):
            place = fill[ends[entry]]
            fill[ends[entry]] += 1
            new_ends[place] = node
            new_values[place] = values[entry]


@kernel
def _merge(starts: np.ndarray, ends: np.ndarray, values: np.ndarray) -> int:
    """Add the values of equal ends within a row and drop zeros; return the number left."""
    kept = 0
    entry = 0
    for node in range(len(starts) - 1):
        first, stop = kept, starts[node + 1]
        while entry < stop:
            end, total = ends[entry], 0.0
            while entry < stop and ends[entry] == end:
                total += values[entry]
                entry += 1
            if total > 0:
                ends[kept] = end
                values[kept] = total
                kept += 1
        starts[node] = first
    starts[-1] = kept
    return kept


@kernel
def _find_loops(starts: np.ndarray, ends: np.ndarray, values: np.ndarray, loops: np.ndarray) -> int:
    """Write the weight of each node's self-link; return their number."""
    found = 0
    for node in range(len(starts) - 1):
        for entry in range(starts[node], starts[node + 1]):
            if ends[entry] == node:
                loops[node] = values[entry]
                found += 1
    return found


@kernel
def _drop_loops(starts: np.ndarray, ends: np.ndarray, values: np.ndarray) -> int:
    """Drop self-links, in place; return the number of links left."""
    kept = entry = 0
    for node in range(len(starts) - 1):
        first, stop = kept, starts[node + 1]
        while entry < stop:
            if ends[entry] != node:
                ends[kept] = ends[entry]
                values[kept] = values[entry]
                kept += 1
            entry += 1
        starts[node] = first
    starts[-1] = kept
    return kept


@kernel
def _mirrored_starts(starts: np.ndarray, ends: np.ndarray, full: np.ndarray) -> int:
    """Write where the rows of both ends start; return the number of their entries."""
    nodes = len(starts) - 1
    for node in range(nodes):
        full[node + 1] += starts[node + 1] - starts[node]
        for entry in range(starts[node], starts[node + 1]):
            if ends[entry] != node:
                full[ends[entry] + 1] += 1
    for node in range(nodes):
        full[node + 1] += full[node]
    return full[nodes]


@kernel
def _mirror(
    starts: np.ndarray,
    ends: np.ndarray,
    values: np.ndarray,
    full: np.ndarray,
    full_ends: np.ndarray,
    full_values: np.ndarray,
) -> None:
    """Fill rows with the ends up to their node, then, rows being read in order, those above."""
    nodes = len(starts) - 1
    fill = full[:-1].copy()
    for node in range(nodes):
        for entry in range(starts[node], starts[node + 1]):
            end, value = ends[entry], values[entry]
            full_ends[fill[node]] = end
            full_values[fill[node]] = value
            fill[node] += 1
            if end != node:
                full_ends[fill[end]] = node
                full_values[fill[end]] = value
                fill[end] += 1
