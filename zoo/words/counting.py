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

ORDER = 4
CODE = np.uint64(0xFFFF)
ROW = np.dtype([("key", np.uint64), ("tail", np.uint32), ("count", np.uint32)])
Records = Any  # a structured array, whose fields Numba takes as attributes of its elements
LARGEST_COUNT = 0xFFFFFFFF
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
    key, tail = _pack(codes)
    return _collapse(*_radix_sort(key, tail, size))


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
    key, tail = _pack_padded(codes, space)
    return _collapse(*_radix_sort(key, tail, max(size, 2 * ORDER + 2)))


@njit(cache=True, nogil=True)
def _pack(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    length = codes.size - BEFORE - AFTER
    key = np.empty(length, np.uint64)
    tail = np.empty(length, np.uint32)
    rows = 0
    for i in range(BEFORE, BEFORE + length):
        if codes[i] == 0:
            continue
        packed = np.uint64(0)
        after = np.uint32(1)
        for j in range(i, i + ORDER):
            after = np.uint32(codes[j]) if after != 0 else np.uint32(0)
            packed = (packed << np.uint64(16)) | np.uint64(after)
        if after != 0:
            after = np.uint32(codes[i + ORDER])
        key[rows] = packed
        tail[rows] = (after << np.uint32(16)) | np.uint32(codes[i - 1])
        rows += 1
    return key[:rows], tail[:rows]


@njit(cache=True, nogil=True)
def _pack_padded(codes: np.ndarray, space: int) -> tuple[np.ndarray, np.ndarray]:
    key = np.empty(2 * codes.size, np.uint64)
    tail = np.empty(2 * codes.size, np.uint32)
    rows = 0
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
        key[rows] = window << np.uint64(16 * starts)
        tail[rows] = np.uint32(2 * starts + ends)
        rows += 1
        seen += 1
        if ends:
            window = np.uint64(0)
            seen = 0
    return key[:rows], tail[:rows]


@njit(cache=True, nogil=True)
def _radix_sort(key: np.ndarray, tail: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorts by the least significant character first: those of the tail, then those of the key."""
    other_key = np.empty_like(key)
    other_tail = np.empty_like(tail)
    place = np.empty(size, np.int64)
    for digit in range(2 + ORDER):
        shift = np.uint64(16 * digit if digit < 2 else 16 * (digit - 2))
        place[:] = 0
        for i in range(key.size):
            value = np.uint64(tail[i]) if digit < 2 else key[i]
            place[(value >> shift) & CODE] += 1
        total = 0
        for code in range(size):
            here = place[code]
            place[code] = total
            total += here
        for i in range(key.size):
            value = np.uint64(tail[i]) if digit < 2 else key[i]
            code = (value >> shift) & CODE
            other_key[place[code]] = key[i]
            other_tail[place[code]] = tail[i]
            place[code] += 1
        key, other_key = other_key, key
        tail, other_tail = other_tail, tail
    return key, tail


@njit(cache=True, nogil=True)
def _collapse(key: np.ndarray, tail: np.ndarray) -> Records:
    distinct = 0
    for i in range(key.size):
        distinct += i == 0 or key[i] != key[i - 1] or tail[i] != tail[i - 1]
    rows: Records = np.empty(distinct, ROW)
    last = -1
    for i in range(key.size):
        if i == 0 or key[i] != key[i - 1] or tail[i] != tail[i - 1]:
            last += 1
            rows[last].key = key[i]
            rows[last].tail = tail[i]
            rows[last].count = 0
        rows[last].count += 1
    return rows


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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
