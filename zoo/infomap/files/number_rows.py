"""NumberRows of numbers from bytes, about as fast as bytes can be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.infomap.kernels.number_rows import POWERS, scan_rows


@dataclass(frozen=True)
class NumberRows:
    """The rows of a block of text, up to a heading or a fault.

    Attributes:
        numbers: int64 (rows, columns).
        weights: float64 (rows,), 1 where a row has none.
        weighted: bool (rows,), whether it has one.
        places: int64 (rows,), where each row starts in the text.
        stop: where reading stopped: the end of the text, a `*` or a fault.
        fault: what is wrong with the row at `stop`, in words; empty if nothing is.
    """

    numbers: np.ndarray
    weights: np.ndarray
    weighted: np.ndarray
    places: np.ndarray
    stop: int
    fault: str


def scan(text: bytes, position: int, columns: int) -> NumberRows:
    """Read rows of `columns` whole numbers, and a weight that may be missing.

    Empty lines and lines that begin with `#` or `%` are passed over.

    Args:
        text: whole lines.
        position: where to start.
        columns: whole numbers in each row.

    Returns:
        All rows up to the first line that begins with `*`, or is no such row.
    """
    most = (len(text) - position) // (2 * columns) + 1  # a number and a blank each
    numbers, weights = np.empty((most, columns), np.int64), np.empty(most)
    weighted, places = np.empty(most, np.bool_), np.empty(most, np.int64)
    hard = np.empty((most, 3), np.int64)
    data = np.frombuffer(text, np.uint8)
    stop, rows, difficult, code = scan_rows(
        data, position, POWERS, numbers, weights, weighted, places, hard
    )
    whole = (
        "node numbers are whole numbers from 0 up, below 2^60; "
        "names need a .csv, a .tsv or a Pajek file"
    )
    fault = ("", _ragged(columns), whole)[code]
    for row, start, end in hard[:difficult].tolist():
        weight = _number(text[start:end])
        if weight is None:
            rows, stop, fault = row, int(places[row]), "the weight is no number"
            break
        weights[row] = weight
    return NumberRows(numbers[:rows], weights[:rows], weighted[:rows], places[:rows], stop, fault)


def _number(token: bytes) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None


def _ragged(columns: int) -> str:
    return f"expected {columns} node numbers and perhaps a weight"
