"""Loops over sorted rows that measure each n-gram."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zoo.kernels import inline, kernel
from zoo.words.kernels.ngram_table import GRAM
from zoo.words.kernels.rows import CODE, ORDER, Records

XLOGX = np.array([0.0, 0.0] + [n * math.log(n) for n in range(2, 1024)])


@kernel
def _xlogx(count: int) -> float:
    return XLOGX[count] if count < XLOGX.size else count * np.log(count)


@kernel
def measure_characters(rows: Records, single: Records) -> None:
    """Add bigram (a, b) to the right of a and to the left of b; entropies hold sums for now."""
    i = 0
    while i < rows.size:
        bigram = rows[i].key >> np.uint64(32)
        count = 0
        while i < rows.size and rows[i].key >> np.uint64(32) == bigram:
            count += rows[i].count
            i += 1
        first, second = bigram >> np.uint64(16), bigram & CODE
        single[first].count += count
        if second != 0:
            single[first].right_entropy += _xlogx(count)
            single[first].right_most = max(single[first].right_most, count)
            single[second].left_entropy += _xlogx(count)
            single[second].left_most = max(single[second].left_most, count)


@kernel
def finish_characters(single: Records) -> None:
    """Turn the sums of `measure_characters` into entropies."""
    for i in range(single.size):
        count = single[i].count
        if count > 0:
            single[i].left_entropy = np.log(count) - single[i].left_entropy / count
            single[i].right_entropy = np.log(count) - single[i].right_entropy / count


@kernel
def measure_ngrams(
    rows: Records, rarer: int, min_count: int, scratch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Measure the n-grams of two characters or more: runs of rows with equal prefixes.

    Args:
        rows: sorted rows, all of each bigram.
        rarer: least count of n-grams of two characters, and of those of three whose count is
            more than that of any longer one.
        min_count: least count of all others.
        scratch: int64 (codes,), all zero before and after.

    Returns:
        The n-grams, those of one order sorted by key, and their orders.
    """
    found: Records = np.empty(1024, GRAM)
    orders = np.empty(1024, np.int8)
    n = 0
    seen = 0
    starts = np.zeros(ORDER + 1, np.int64)  # of the run of each order,
    before = np.zeros(ORDER + 1, np.int64)  # and the occurrences seen before it
    for i in range(rows.size + 1):
        for order in range(_first_to_end(rows, i), ORDER + 1):
            # The run of this order ends here: an n-gram, if it occurs often and meets no break.
            start, count = starts[order], seen - before[order]
            starts[order], before[order] = i, seen
            key = rows[start].key >> np.uint64(16 * (ORDER - order))
            if count < (rarer if order < ORDER else min_count) or key & CODE == 0:
                continue
            if n == found.size:
                found = np.append(found, np.empty(n, GRAM))
                orders = np.append(orders, np.empty(n, np.int8))
            # Its neighbours on both sides.
            right, right_most = _followers(rows, start, i, order)
            left, left_most = _predecessors(rows, start, i, scratch)
            contained = left_most == count or right_most == count
            if contained and count < min_count and order > 2:
                continue
            # Note it.
            nats = np.log(count)
            orders[n] = order
            found[n].key = key
            found[n].count = count
            found[n].left_entropy = nats - left / count
            found[n].right_entropy = nats - right / count
            found[n].left_most = left_most
            found[n].right_most = right_most
            n += 1
        if i < rows.size:
            seen += rows[i].count
    return found[:n], orders[:n]


@inline
def _first_to_end(rows: Records, i: int) -> int:
    """Return the least order, from 2 on, of which a run ends before row `i`."""
    if i == 0 or i == rows.size:
        return 2 if i else ORDER + 1
    changed = rows[i].key ^ rows[i - 1].key
    if changed == 0:
        return ORDER + 1
    if changed <= CODE:
        return ORDER
    return 3 if changed >> np.uint64(32) == 0 else 2


@kernel
def _followers(rows: Records, start: int, stop: int, order: int) -> tuple[float, int]:
    """Return the sum of n ln n over the characters after an n-gram, and the largest n."""
    shift = np.uint64(16 * (ORDER - 1 - order)) if order < ORDER else np.uint64(16)
    total, most = 0.0, 0
    run, count = np.uint64(0), 0
    for i in range(start, stop):
        value = rows[i].key if order < ORDER else np.uint64(rows[i].tail)
        code = (value >> shift) & CODE
        if code != run:
            if run != 0:
                total += _xlogx(count)
                most = max(most, count)
            run, count = code, 0
        count += rows[i].count
    if run != 0:
        total += _xlogx(count)
        most = max(most, count)
    return total, most


@kernel
def _predecessors(
    rows: Records, start: int, stop: int, neighbours: np.ndarray
) -> tuple[float, int]:
    """Return the same of the characters before; `neighbours` is all zero before and after."""
    total, most = 0.0, 0
    for i in range(start, stop):
        neighbours[rows[i].tail & np.uint32(CODE)] += rows[i].count
    neighbours[0] = 0
    for i in range(start, stop):
        code = rows[i].tail & np.uint32(CODE)
        count: Any = neighbours[code]
        total += _xlogx(count)
        most = max(most, count)
        neighbours[code] = 0
    return total, most
