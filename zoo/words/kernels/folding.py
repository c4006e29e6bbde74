"""Loops over code points."""

from __future__ import annotations

import numpy as np

from zoo.kernels import kernel

BREAK = 0
DIGIT = ord("0")  # stands for a whole number when numbers are one class
UNSEEN = 0xFFFFFFFF
CODE_POINTS = 0x110000


@kernel
def unseen(points: np.ndarray, table: np.ndarray) -> list[np.uint32]:
    """Return the code points that the table has no entry for, and mark them as seen."""
    found = [np.uint32(0) for _ in range(0)]
    for point in points:
        if table[point] == UNSEEN:
            table[point] = 0
            found.append(point)
    return found


@kernel
def fold(points: np.ndarray, table: np.ndarray, numbers_are_one: bool) -> np.ndarray:
    """Return folded text, uint32 (length,); of breaks, and of digits, a run becomes one."""
    folded = np.empty(points.size, np.uint32)
    length = 0
    previous = np.uint32(UNSEEN)
    for point in points:
        code = table[point]
        if code == previous and (code == BREAK or (numbers_are_one and code == DIGIT)):
            continue
        folded[length] = code
        length += 1
        previous = code
    return folded[:length].copy()


@kernel
def look_up(table: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return `table[points]`, without the int64 indices that NumPy would make."""
    codes = np.empty(points.size, table.dtype)
    for i in range(points.size):
        codes[i] = table[points[i]]
    return codes


@kernel
def present_in(points: np.ndarray) -> np.ndarray:
    """Return which code points a text has, bool (code points,), breaks apart."""
    present = np.zeros(CODE_POINTS, np.bool_)
    for point in points:
        present[point] = True
    present[BREAK] = False
    return present
