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

from zoo.kernels import inline, kernel

ORDER = 4
CODE = np.uint64(0xFFFF)
ROW = np.dtype([("key", np.uint64), ("tail", np.uint32), ("count", np.uint32)])
Records = Any  # a structured array, whose fields Numba takes as attributes of its elements
LARGEST_COUNT = 0xFFFFFFFF
FIRST = 1 + ORDER  # place of a row's first character, the two of the tail being 0 and 1
BATCH = 1 << 14  # rows sorted at a time: 256 kB and as much scratch
BEFORE, AFTER = 1, ORDER  # characters a position needs on its left and from itself on


@kernel
def batches(codes: np.ndarray, size: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide the rows of a text by ranges of their first character.

    Returns:
        The batch of each code, and where batches begin and end: int64 (batches + 1,); each but
        the last has `least` rows, or more: few enough for the cache.
    """
    counts = np.zeros(size, np.int64)
    for i in range(BEFORE, codes.size - AFTER):
        counts[codes[i]] += 1
    batch = np.zeros(size, np.int64)
    ends = np.zeros(size + 1, np.int64)
    n = 1
    for code in range(1, size):
        if ends[n] - ends[n - 1] >= least:
            ends[n + 1] = ends[n]
            n += 1
        batch[code] = n - 1
        ends[n] += counts[code]
    return batch, ends[: n + 1]


@kernel
def pack(codes: np.ndarray, batch: np.ndarray, place: np.ndarray, rows: Records) -> None:
    """Write the row of each character, batch by batch; `place` is where the batches begin."""
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
        here = batch[codes[i]]
        rows[place[here]].key = packed
        rows[place[here]].tail = (after << np.uint32(16)) | np.uint32(codes[i - 1])
        place[here] += 1


@kernel
def pack_padded(codes: np.ndarray, space: int, rows: Records) -> int:
    """Write the padded windows of each line; return how many there are."""
    n = 0
    window = np.uint64(0)
    seen = 0
    for code in codes[: codes.size - AFTER]:  # the next line is another chunk's
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
    return n


@kernel
def sort_and_count(rows: Records, scratch: Records, ends: np.ndarray, size: int) -> int:
    """Sort each batch in place and count equal rows; return how many are distinct."""
    place = np.empty((FIRST + 1, size + 1), np.int32)
    n = 0
    for batch in range(ends.size - 1):
        source = rows[ends[batch] : ends[batch + 1]]
        _radix_sort(source, scratch[: source.size], place)
        n = _collapse(source, rows, n)
    return n


@kernel
def _radix_sort(rows: Records, scratch: Records, place: np.ndarray) -> None:
    """Sort rows, by the least significant character first."""
    # How often each code stands at each place, all places in one pass.
    place[:] = 0
    for i in range(rows.size):
        for character in range(FIRST + 1):
            place[character, _character(rows[i], character) + 1] += 1
    # Sort by one place after the other, to and fro; the number of places is even.
    source, target = rows, scratch
    for character in range(FIRST + 1):
        to = place[character]
        for code in range(1, to.size):
            to[code] += to[code - 1]
        for i in range(source.size):
            code = _character(source[i], character)
            target[to[code]].key = source[i].key
            target[to[code]].tail = source[i].tail
            to[code] += 1
        source, target = target, source


@inline
def _character(row: Any, character: int) -> Any:
    """Return a code of a row: 0 and 1 are those of the tail, 2 to `FIRST` those of the key."""
    if character < 2:
        return np.int64((row.tail >> np.uint32(16 * character)) & np.uint32(CODE))
    return np.int64((row.key >> np.uint64(16 * (character - 2))) & CODE)


@kernel
def _collapse(batch: Records, rows: Records, n: int) -> int:
    """Append sorted rows to the first `n` of `rows`, equal ones as one; return the new `n`."""
    first = n
    for i in range(batch.size):
        if n > first and batch[i].key == rows[n - 1].key and batch[i].tail == rows[n - 1].tail:
            rows[n - 1].count += 1
        else:
            rows[n].key = batch[i].key
            rows[n].tail = batch[i].tail
            rows[n].count = 1
            n += 1
    return n


@kernel
def merge_rows(first: Records, second: Records) -> Records:
    """Merge two sorted arrays of rows, adding the counts of equal rows.

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
def translate_rows(rows: Records, table: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """Return rows with the codes of their keys replaced by `table[code]`, of their tails alike.

    The order is kept, since both tables rise.
    """
    out = rows.copy()
    for i in range(rows.size):
        key = np.uint64(0)
        for shift in range(48, -1, -16):
            code = table[(rows[i].key >> np.uint64(shift)) & CODE]
            key = (key << np.uint64(16)) | np.uint64(code)
        out[i].key = key
        tail = np.uint64(rows[i].tail)
        out[i].tail = np.uint32(tails[tail >> np.uint64(16)]) << np.uint32(16)
        out[i].tail |= np.uint32(tails[tail & CODE])
    return out


@kernel
def rows_up_to(rows: Records, key: Any, tail: Any) -> int:
    """Return how many of the sorted rows are at most (key, tail)."""
    low, high = 0, rows.size
    while low < high:
        middle = (low + high) // 2
        row = rows[middle]
        if row.key < key or (row.key == key and row.tail <= tail):
            low = middle + 1
        else:
            high = middle
    return low
