"""Rows of numbers from bytes, about as fast as bytes can be read."""

from __future__ import annotations

import numpy as np

from zoo.kernels import kernel

SPACE, TAB, LINE, RETURN, STAR, HASH, PERCENT, POINT, ZERO = (ord(c) for c in " \t\n\r*#%.0")
RAGGED, NOT_WHOLE = 1, 2  # codes of faults
POWERS = 10.0 ** np.arange(23)  # the powers of ten that float64 holds exactly
EXACT = 1 << 53  # so are the whole numbers below
LARGEST = np.iinfo(np.int64).max // 10 - 1


@kernel
def scan_rows(
    text: np.ndarray,
    position: int,
    powers: np.ndarray,
    numbers: np.ndarray,
    weights: np.ndarray,
    weighted: np.ndarray,
    places: np.ndarray,
    hard: np.ndarray,
) -> tuple[int, int, int, int]:
    """Fill the arrays; return where it stopped, rows, rows of `hard` and the fault's code.

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
    """Return a whole number, or -1 if there is none, and where the next token starts."""
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
    """Return a plain decimal number, or NaN for all others, and the end of the token.

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
