"""Networks from sparse matrices: entry (a, b) is the weight of the link from a to b."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.infomap.networks.network import Network, from_edges

DIRECTED = "directed=True (--directed) follows directions, flow='undirected' drops them"
TOLERANCE = 1e-9  # of the largest entry: how far mirror images may be apart


def from_matrix(matrix: Any, *, directed: bool = False, drop_directions: bool = False) -> Network:
    """Make a network of a square sparse matrix.

    Args:
        matrix: scipy sparse (nodes, nodes); an undirected link stands on both sides of the
            diagonal and counts once.
        directed: whether links have a direction.
        drop_directions: if the matrix is not symmetric, take each entry for an undirected link.

    Raises:
        ValueError: if the matrix is not square, or not symmetric and neither argument is given.
    """
    rows, columns = matrix.shape
    if rows != columns:
        raise ValueError(f"the matrix has shape {matrix.shape}: expected as many rows as columns")
    matrix = matrix.tocsr()
    both_sides = directed
    if not directed:
        entry = _asymmetric_entry(matrix)
        if entry and not drop_directions:
            there, back = matrix[entry], matrix[entry[::-1]]
            raise ValueError(
                f"the links have directions: from node {entry[0]} to {entry[1]} the weight is "
                f"{there:g}, back it is {back:g}; {DIRECTED}"
            )
        both_sides = entry is not None
    entries = matrix.tocoo()
    kept = slice(None) if both_sides else entries.row <= entries.col
    return from_edges(
        entries.row[kept], entries.col[kept], entries.data[kept], nodes=rows, directed=directed
    )


def _asymmetric_entry(matrix: Any) -> tuple[int, int] | None:
    """Return row and column of an entry that differs from its mirror image."""
    difference = (matrix - matrix.T).tocoo()
    least = TOLERANCE * np.abs(matrix.data).max(initial=0.0)
    wrong = np.flatnonzero(np.abs(difference.data) > least)
    return (int(difference.row[wrong[0]]), int(difference.col[wrong[0]])) if len(wrong) else None
