"""Rows of numbers from bytes, about as fast as bytes can be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.kernels import kernel

SPACE, TAB, LINE, RETURN, STAR, HASH, PERCENT, POINT, ZERO = (ord(c) for c in " \t\n\r*#%.0")
RAGGED, NOT_WHOLE = 1, 2
POWERS = 10.0 ** np.arange(23)  # the powers of ten that float64 holds exactly
EXACT = 1 << 53  # so are the whole numbers below
LARGEST = np.iinfo(np.int64).max // 10 - 1


@dataclass(frozen=True)
class Rows:
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


def scan(text: bytes, position: int, columns: int) -> Rows:
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
    stop, rows, difficult, code = _scan(
        data, position, POWERS, numbers, weights, weighted, places, hard
    )
    fault = ("", _ragged(columns), "node numbers are whole numbers from 0 up, below 2^60")[code]
    for row, start, end in hard[:difficult].tolist():
        weight = _number(text[start:end])
        if weight is None:
            rows, stop, fault = row, int(places[row]), "the weight is no number"
            break
        weights[row] = weight
    return Rows(numbers[:rows], weights[:rows], weighted[:rows], places[:rows], stop, fault)


def _number(token: bytes) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None


def _ragged(columns: int) -> str:
    return f"expected {columns} node numbers and perhaps a weight"


@kernel
def _scan(
    text: np.ndarray,
    position: int,
    powers: np.ndarray,
    numbers: np.ndarray,
    weights: np.ndarray,
    weighted: np.ndarray,
    places: np.ndarray,
    hard: np.ndarray,
) -> tuple[int, int, int, int]:
    """Fills the arrays; returns where it stopped, rows, rows of `hard` and the fault's code.

    `hard` gets row, start and end of the weights that `_decimal` cannot read.
    """
    rows = difficult = 0
    while position < len(text):
        position = _after_blanks(text, position)
        if _at_end(text, position):
            position += 1
            continue
        if text[position] == STAR:
            break
        if text[position] in (HASH, PERCENT):
            position = _after_line(text, position)
            continue
        places[rows] = position
        for column in range(numbers.shape[1]):
            if _at_end(text, position):
                return places[rows], rows, difficult, RAGGED
            number, position = _whole(text, position)
            if number < 0:
                return places[rows], rows, difficult, NOT_WHOLE
            numbers[rows, column] = number
        weights[rows] = 1.0
        weighted[rows] = not _at_end(text, position)
        if weighted[rows]:
            weights[rows], end = _decimal(text, position, powers)
            if np.isnan(weights[rows]):
                hard[difficult, 0], hard[difficult, 1], hard[difficult, 2] = rows, position, end
                difficult += 1
            position = _after_blanks(text, end)
            if not _at_end(text, position):
                return places[rows], rows, difficult, RAGGED
        rows += 1
        position += 1
    return min(position, len(text)), rows, difficult, 0


@kernel
def _at_end(text: np.ndarray, position: int) -> bool:
    return position >= len(text) or text[position] == LINE


@kernel
def _is_blank(character: int) -> bool:
    return character in (SPACE, TAB, RETURN)


@kernel
def _after_blanks(text: np.ndarray, position: int) -> int:
    while position < len(text) and _is_blank(text[position]):
        position += 1
    return position


@kernel
def _after_line(text: np.ndarray, position: int) -> int:
    while not _at_end(text, position):
        position += 1
    return position + 1


@kernel
def _whole(text: np.ndarray, position: int) -> tuple[int, int]:
    """Returns a whole number, or -1 if there is none, and where the next token starts."""
    number = 0
    start = position
    while position < len(text) and 0 <= text[position] - ZERO <= 9 and number < LARGEST:
        number = 10 * number + (text[position] - ZERO)
        position += 1
    after = _after_blanks(text, position)
    if position == start or (after == position and not _at_end(text, position)):
        return -1, after
    return number, after


@kernel
def _decimal(text: np.ndarray, position: int, powers: np.ndarray) -> tuple[float, int]:
    """Returns a plain decimal number, or NaN for all others, and the end of the token.

    A quotient of two exact numbers is rounded once: the result is what `float` gives.
    """
    digits = places = points = strange = length = 0
    while not _at_end(text, position) and not _is_blank(text[position]):
        digit = text[position] - ZERO
        if 0 <= digit <= 9:
            strange += digits >= EXACT // 10 - 1
            digits = 10 * digits + digit if digits < EXACT else digits
            places += points
            length += 1
        elif text[position] == POINT:
            points += 1
        else:
            strange += 1
        position += 1
    if strange or points > 1 or length == 0 or places >= len(powers):
        return np.nan, position
    return digits / powers[places], position
