"""Sparse rows: how links are kept, sorted and turned round.

All sorting is by counting; the arrays are made by NumPy, which lays large ones on huge pages.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zoo.infomap.kernels.csr import (
    drop_loops,
    find_loops,
    merge,
    mirror,
    mirrored_starts,
    sort_links,
    transpose,
)


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
    sort_links(keys, others, values, *rows)
    return rows


def transposed(rows: Rows) -> Rows:
    """Return rows by the other end; each is sorted, for the rows are read in order."""
    turned = _empty(len(rows.starts) - 1, len(rows.ends))
    transpose(*rows, *turned)
    return turned


def merged(rows: Rows) -> Rows:
    """Add the values of equal links in sorted rows and drop those that are 0, in place."""
    links = merge(*rows)
    for column in rows[1:]:
        column.resize(links, refcheck=False)  # in place: a copy would double the memory
    return rows


def mirrored(rows: Rows) -> Rows:
    """Return sorted rows of both ends, from those of the larger ends."""
    starts = np.zeros_like(rows.starts)
    links = mirrored_starts(rows.starts, rows.ends, starts)
    full = Rows(starts, np.empty(links, np.int32), np.empty(links))
    mirror(*rows, *full)
    return full


def without_loops(rows: Rows) -> tuple[Rows, np.ndarray]:
    """Return rows without links of a node to itself, and the values of these, float64 (nodes,).

    The rows are the same if they have no such links, else copies.
    """
    loops = np.zeros(len(rows.starts) - 1)
    if not find_loops(*rows, loops):
        return rows, loops
    starts, ends, values = (column.copy() for column in rows)
    links = drop_loops(starts, ends, values)
    return Rows(starts, ends[:links], values[:links]), loops


def _empty(nodes: int, links: int) -> Rows:
    return Rows(np.zeros(nodes + 1, np.int64), np.empty(links, np.int32), np.empty(links))
