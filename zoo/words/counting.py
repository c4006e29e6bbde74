"""Counting every n-gram up to order 4, with its neighbours, by one radix sort.

Each position of the text gives one *row*: the four characters from it on (`key`, 16 bits each,
the first on top), the next one and the previous one (`tail`). Sorted rows hold everything: the
n-grams of every order are runs of equal prefixes, their right neighbours are the next code of
the key, their left neighbours the low half of the tail. A row that meets a break is zero from
there on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from zoo.compiling import kernel

ORDER = 4
CODE = np.uint64(0xFFFF)
ROW = np.dtype([("key", np.uint64), ("tail", np.uint32), ("count", np.uint32)])
Records = Any  # a structured array, whose fields Numba takes as attributes of its elements
LARGEST_COUNT = 0xFFFFFFFF
FIRST = 1 + ORDER  # place of a row's first character, the two of the tail being 0 and 1
BATCH = 1 << 14  # rows sorted at a time: 256 kB and as much scratch
BEFORE, AFTER = 1, ORDER  # characters a position needs on its left and from itself on


def count_rows(codes: np.ndarray, size: int) -> np.ndarray:
    """Counts the distinct rows of a text.

    Args:
        codes: uint16 (1 + length + 4,): codes with one character of context on the left and four
            on the right; 0 is a break.
        size: number of codes, the break included.

    Returns:
        Records of type `ROW` (distinct,), strictly sorted by (key, tail).
    """
    return _counted(_pack(codes, np.empty(codes.size, ROW)), size)


def count_padded_rows(codes: np.ndarray, size: int, space: int) -> np.ndarray:
    """Counts 4-gram windows as kenlm's `count_ngrams -o 4` does, each line padded.

    Args:
        codes: uint16 (1 + length + 4,), whole lines between breaks.
        size: number of codes, the break included.
        space: code of the space, which kenlm drops; 0 if there is none.

    Returns:
        Records of type `ROW`: `key` holds the characters of the window, `tail` says how many
        start symbols (times two) and end symbols it had.
    """
    rows = _pack_padded(codes, space, np.empty(codes.size, ROW))
    return _counted(rows, max(size, 2 * ORDER))


def _counted(rows: np.ndarray, size: int) -> np.ndarray:
    """Sorts and counts rows, a batch that fits the cache at a time.

    Args:
        rows: records of type `ROW`; it is overwritten.
        size: number of codes.
    """
    other = np.empty(rows.size, ROW)  # NumPy lays large arrays on huge pages, Numba does not
    ends = _partition(rows, other, size, max(BATCH, 4 * size))
    _radix_sort(other, rows, ends, size)
    del rows
    return other[: _collapse(other)].copy()


@kernel
def _pack(codes: np.ndarray, rows: Records) -> Records:
    n = 0
    for i in range(BEFORE, codes.size - AFTER):
        if codes[i] == 0:
            continue
        packed = np.uint64(0)
        after = np.uint32(1)
        for j in range(i, i + ORDER):
            after = np.uint32(codes[j]) if after != 0 else np.uint32(0)
            packed = (packed << np.uint64(16)) | np.uint64(after)
        if after != 0:
            after = np.uint32(codes[i + ORDER])
        rows[n].key = packed
        rows[n].tail = (after << np.uint32(16)) | np.uint32(codes[i - 1])
        n += 1
    return rows[:n]


@kernel
def _pack_padded(codes: np.ndarray, space: int, rows: Records) -> Records:
    n = 0
    window = np.uint64(0)
    seen = 0
    for code in codes:
        if code == space and space != 0:
            continue
        ends = code == 0
        if ends and seen == 0:
            continue
        window = (window << np.uint64(16)) | np.uint64(code)
        held = min(seen + 1, ORDER)
        starts = ORDER - held
        rows[n].key = window << np.uint64(16 * starts)
        rows[n].tail = np.uint32(2 * starts + ends)
        n += 1
        seen += 1
        if ends:
            window = np.uint64(0)
            seen = 0
    return rows[:n]


@kernel
def _partition(rows: Records, other: Records, size: int, least: int) -> np.ndarray:
    """Puts `rows` into `other` in batches, by ranges of the first character.

    Returns:
        int64 (batches + 1,): where the batches begin and end; each but the last has `least` rows.
    """
    counts = np.zeros(size, np.int64)
    for i in range(rows.size):
        counts[_character(rows[i], FIRST)] += 1
    batch = np.zeros(size, np.int64)  # of each first character
    ends = np.zeros(size + 1, np.int64)
    n = 1
    for code in range(size):
        if ends[n] - ends[n - 1] >= least:
            ends[n + 1] = ends[n]
            n += 1
        batch[code] = n - 1
        ends[n] += counts[code]
    place = ends[:n].copy()
    for i in range(rows.size):
        here = batch[_character(rows[i], FIRST)]
        other[place[here]].key = rows[i].key
        other[place[here]].tail = rows[i].tail
        place[here] += 1
    return ends[: n + 1]


@kernel
def _radix_sort(rows: Records, scratch: Records, ends: np.ndarray, size: int) -> None:
    """Sorts each batch in place, by the least significant character first."""
    place = np.empty(size + 1, np.int64)
    for batch in range(ends.size - 1):
        source = rows[ends[batch] : ends[batch + 1]]
        target = scratch[ends[batch] : ends[batch + 1]]
        for character in range(FIRST + 1):
            place[:] = 0
            for i in range(source.size):
                place[_character(source[i], character) + 1] += 1
            for code in range(1, size):
                place[code] += place[code - 1]
            for i in range(source.size):
                code = _character(source[i], character)
                target[place[code]].key = source[i].key
                target[place[code]].tail = source[i].tail
                place[code] += 1
            source, target = target, source


@njit(inline="always")
def _character(row: Any, character: int) -> Any:
    """Returns a code of a row: 0 and 1 are those of the tail, 2 to `FIRST` those of the key."""
    if character < 2:
        return np.int64((row.tail >> np.uint32(16 * character)) & np.uint32(CODE))
    return np.int64((row.key >> np.uint64(16 * (character - 2))) & CODE)


@kernel
def _collapse(rows: Records) -> int:
    """Counts equal rows of a sorted array, in place; returns how many are distinct."""
    n = 0
    for i in range(rows.size):
        if n > 0 and rows[i].key == rows[n - 1].key and rows[i].tail == rows[n - 1].tail:
            rows[n - 1].count += 1
        else:
            rows[n].key = rows[i].key
            rows[n].tail = rows[i].tail
            rows[n].count = 1
            n += 1
    return n


@kernel
def merge_rows(first: Records, second: Records) -> Records:
    """Merges two sorted arrays of rows, adding the counts of equal rows.

    Equal rows whose sum passes 32 bits stay two rows: whoever reads rows adds them up anyway.
    """
    merged: Records = np.empty(first.size + second.size, ROW)
    i = j = n = 0
    while i < first.size or j < second.size:
        order = 0
        if i == first.size:
            order = 1
        elif j == second.size:
            order = -1
        elif first[i].key != second[j].key:
            order = -1 if first[i].key < second[j].key else 1
        elif first[i].tail != second[j].tail:
            order = -1 if first[i].tail < second[j].tail else 1
        if order <= 0:
            merged[n] = first[i]
            i += 1
        else:
            merged[n] = second[j]
            j += 1
        if order == 0 and np.int64(merged[n].count) + second[j].count <= LARGEST_COUNT:
            merged[n].count += second[j].count
            j += 1
        n += 1
    return merged[:n]


@kernel
def translate_rows(rows: Records, table: np.ndarray) -> np.ndarray:
    """Returns rows with their codes replaced by `table[code]`; the order is kept if it rises."""
    out = rows.copy()
    for i in range(rows.size):
        key = np.uint64(0)
        for shift in range(48, -1, -16):
            code = table[(rows[i].key >> np.uint64(shift)) & CODE]
            key = (key << np.uint64(16)) | np.uint64(code)
        out[i].key = key
        tail = np.uint64(rows[i].tail)
        out[i].tail = np.uint32(table[tail >> np.uint64(16)]) << np.uint32(16)
        out[i].tail |= np.uint32(table[tail & CODE])
    return out


@kernel
def rows_up_to(rows: Records, key: int, tail: int) -> int:
    """Returns how many of the sorted rows are at most (key, tail)."""
    low, high = 0, rows.size
    while low < high:
        middle = (low + high) // 2
        row = rows[middle]
        if row.key < key or (row.key == key and row.tail <= tail):
            low = middle + 1
        else:
            high = middle
    return low
