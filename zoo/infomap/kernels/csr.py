"""Loops over sparse rows: node `a` has the entries `starts[a]:starts[a + 1]`."""

from __future__ import annotations

import numpy as np

from zoo.kernels import kernel


@kernel
def row_sums(starts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the sum of each row, float64 (nodes,)."""
    sums = np.zeros(len(starts) - 1)
    for node in range(len(sums)):
        for entry in range(starts[node], starts[node + 1]):
            sums[node] += values[entry]
    return sums


@kernel
def sort_links(
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
def transpose(
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
def merge(starts: np.ndarray, ends: np.ndarray, values: np.ndarray) -> int:
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
def find_loops(starts: np.ndarray, ends: np.ndarray, values: np.ndarray, loops: np.ndarray) -> int:
    """Write the weight of each node's self-link; return their number."""
    found = 0
    for node in range(len(starts) - 1):
        for entry in range(starts[node], starts[node + 1]):
            if ends[entry] == node:
                loops[node] = values[entry]
                found += 1
    return found


@kernel
def drop_loops(starts: np.ndarray, ends: np.ndarray, values: np.ndarray) -> int:
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
def mirrored_starts(starts: np.ndarray, ends: np.ndarray, full: np.ndarray) -> int:
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
def mirror(
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


@kernel
def divide_rows(starts: np.ndarray, values: np.ndarray, divisor: np.ndarray) -> None:
    """Divide each row by a number of its own, in place."""
    for node in range(len(divisor)):
        for entry in range(starts[node], starts[node + 1]):
            values[entry] /= divisor[node]


@kernel
def multiply_rows(starts: np.ndarray, values: np.ndarray, factor: np.ndarray) -> None:
    """Multiply each row by a number of its own, in place."""
    for node in range(len(factor)):
        for entry in range(starts[node], starts[node + 1]):
            values[entry] *= factor[node]
