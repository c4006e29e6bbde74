"""What is known of each frequent n-gram: count, cohesion, freedom on both sides.

With N characters in the text and n(s) occurrences of s:

- cohesion `pmi(s) = min over cuts s = ab of ln(N n(s) / (n(a) n(b)))`, in nats
  (kexue.fm/archives/4256, 6920);
- right branching entropy `ln n(s) - sum_r n(sr) ln n(sr) / n(s)` over the characters r that
  follow, and the left one alike; a break counts as a neighbour never seen before, since
  punctuation is a boundary (it adds to n(s) and nothing to the sum).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from zoo.words.counting import CODE, ORDER, Records
from zoo.words.counts import Counts

GRAM = np.dtype(
    [
        ("key", np.uint64),  # the codes, 16 bits each, the last one lowest
        ("count", np.int64),
        ("left_entropy", np.float64),
        ("right_entropy", np.float64),
        ("left_most", np.int64),  # count of the commonest extension by one character
        ("right_most", np.int64),
    ]
)
SLOT = np.dtype([("key", np.uint64), ("place", np.int64)])
EMPTY = np.uint64(0)  # no n-gram has key 0


@dataclass(frozen=True)
class Ngrams:
    """All n-grams of order 1 to 4 with a minimum count, and an index of them.

    Attributes:
        grams: records of type `GRAM` (n-grams,), by order, then by key.
        starts: int64 (6,): order n is `grams[starts[n]:starts[n + 1]]`; `starts[0]` is 0.
        slots: records of type `SLOT`: an open-addressing table from key to place in `grams`.
        alphabet: uint32 (alphabet,): code i stands for `alphabet[i - 1]`.
        total: the N of the formulas: occurrences of all the single characters in `grams`.
    """

    grams: np.ndarray
    starts: np.ndarray
    slots: np.ndarray
    alphabet: np.ndarray
    total: int

    @property
    def lengths(self) -> np.ndarray:
        """The order of each n-gram: int64 (n-grams,)."""
        return np.repeat(np.arange(ORDER + 1), np.diff(self.starts))

    def words(self, chosen: np.ndarray) -> list[str]:
        """Returns the n-grams at these places as text."""
        points = np.append(np.uint32(0), self.alphabet)
        shifts = np.array([48, 32, 16, 0], np.uint64)
        codes = (self.grams["key"][chosen, None] >> shifts) & CODE
        # Leading zeros go to the end, where NumPy's fixed-width text drops them.
        codes = np.take_along_axis(codes, np.argsort(codes == 0, axis=1, kind="stable"), axis=1)
        return points[codes].view(f"<U{ORDER}").ravel().tolist()

    def cuts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns what the cuts s = ab of each n-gram s say, three times float64 (n-grams,).

        Returns:
            `pmi`; the least and the largest freedom at a cut, the right entropy of a plus the
            left entropy of b. Single characters have no cut: infinities.
        """
        return _cuts(self.grams, self.slots, self.starts, float(self.total))

    def growth(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the variation of branching entropy, left and right: float64 (n-grams,).

        The right one is h(x1..xn) - h(x1..x(n-1)) (Magistry and Sagot, ACL 2012): entropy falls
        inside a word and rises at its end. Zero for single characters.
        """
        return _growth(self.grams, self.slots, self.starts)


def measure(counts: Counts, min_count: int) -> Ngrams:
    """Reads the statistics of all frequent n-grams off the counts, in one pass.

    Args:
        counts: counts with exact windows.
        min_count: least count of an n-gram.
    """
    size = counts.alphabet.size + 1
    single = np.zeros(size, GRAM)
    single["key"] = np.arange(size)
    found: list[list[np.ndarray]] = [[] for _ in range(ORDER + 1)]
    for rows in _whole_bigrams(counts.rows()):
        _measure_characters(rows, single)
        for order in range(2, ORDER + 1):
            found[order].append(_measure_order(rows, order, min_count, size))
    _finish_characters(single)
    found[1].append(single[single["count"] >= min_count])
    return tabulate(found, counts.alphabet)


def tabulate(parts: list[list[np.ndarray]], alphabet: np.ndarray) -> Ngrams:
    """Returns the n-grams of `parts[order]`, which is emptied, with an index."""
    starts = np.append(0, np.cumsum([sum(table.size for table in tables) for tables in parts]))
    grams = np.empty(starts[-1], GRAM)
    for order, tables in enumerate(parts):
        start = starts[order]
        while tables:  # each part goes as soon as it is copied: there may be no room for two
            table = tables.pop(0)
            grams[start : start + table.size] = table
            start += table.size
    total = int(grams["count"][: starts[2]].sum())
    return Ngrams(grams, starts, index(grams["key"].copy()), alphabet, total)


def spell(codes: Iterable[int], alphabet: np.ndarray) -> str:
    """Returns the text of codes."""
    return "".join(chr(alphabet[code - 1]) for code in codes)


def _whole_bigrams(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Regroups blocks of rows so that all rows of a bigram come in one block."""
    held: list[np.ndarray] = []
    for rows in blocks:
        last = rows["key"][-1] >> np.uint64(32)
        stop = int(np.searchsorted(rows["key"], last << np.uint64(32)))
        if stop:
            yield np.concatenate([*held, rows[:stop]]) if held else rows[:stop]
            held = []
        held.append(rows[stop:])
    if held:
        yield np.concatenate(held)


@njit(cache=True, nogil=True)
def _xlogx(count: int) -> float:
    return count * np.log(count) if count > 1 else 0.0


@njit(cache=True, nogil=True)
def _measure_characters(rows: Records, single: Records) -> None:
    """Adds bigram (a, b) to the right of a and to the left of b; entropies hold sums for now."""
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


@njit(cache=True, nogil=True)
def _finish_characters(single: Records) -> None:
    for i in range(single.size):
        count = single[i].count
        if count > 0:
            single[i].left_entropy = np.log(count) - single[i].left_entropy / count
            single[i].right_entropy = np.log(count) - single[i].right_entropy / count


@njit(cache=True, nogil=True)
def _measure_order(rows: Records, order: int, min_count: int, size: int) -> np.ndarray:
    """Measures the n-grams of one order: runs of rows with equal prefixes."""
    shift = np.uint64(16 * (ORDER - order))
    found: Records = np.empty(1024, GRAM)
    n = 0
    neighbours = np.zeros(size, np.int64)
    start = 0
    while start < rows.size:
        key = rows[start].key >> shift
        stop, count = start, 0
        while stop < rows.size and rows[stop].key >> shift == key:
            count += rows[stop].count
            stop += 1
        if count >= min_count and key & CODE != 0:
            if n == found.size:
                found = np.append(found, np.empty(n, GRAM))
            found[n].key = key
            found[n].count = count
            _measure_right(rows[start:stop], order, found, n)
            _measure_left(rows[start:stop], neighbours, found, n)
            n += 1
        start = stop
    return found[:n].copy()


@njit(cache=True, nogil=True)
def _measure_right(rows: Records, order: int, found: Records, n: int) -> None:
    shift = np.uint64(16 * (ORDER - 1 - order)) if order < ORDER else np.uint64(16)
    total, most = 0.0, 0
    run, count = np.uint64(0), 0
    for i in range(rows.size):
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
    found[n].right_entropy = np.log(found[n].count) - total / found[n].count
    found[n].right_most = most


@njit(cache=True, nogil=True)
def _measure_left(rows: Records, neighbours: np.ndarray, found: Records, n: int) -> None:
    """`neighbours` is scratch, all zero before and after."""
    total, most = 0.0, 0
    for i in range(rows.size):
        neighbours[rows[i].tail & np.uint32(CODE)] += rows[i].count
    neighbours[0] = 0
    for i in range(rows.size):
        code = rows[i].tail & np.uint32(CODE)
        count: Any = neighbours[code]
        total += _xlogx(count)
        most = max(most, count)
        neighbours[code] = 0
    found[n].left_entropy = np.log(found[n].count) - total / found[n].count
    found[n].left_most = most


@njit(cache=True, nogil=True)
def index(keys: np.ndarray) -> np.ndarray:
    """Returns an open-addressing table of the places of distinct keys, at most half full."""
    slots = 16
    while slots < 2 * keys.size:
        slots *= 2
    table: Records = np.zeros(slots, SLOT)
    for place in range(keys.size):
        slot = _slot(keys[place], slots)
        while table[slot].key != EMPTY:
            slot = (slot + 1) & (slots - 1)
        table[slot].key = keys[place]
        table[slot].place = place
    return table


@njit(cache=True, nogil=True, inline="always")
def _slot(key: int, slots: int) -> int:
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
    return np.int64(mixed >> np.uint64(32)) & (slots - 1)


@njit(cache=True, nogil=True)
def find(key: int, slots: Records) -> int:
    """Returns the place of an n-gram, or -1."""
    slot = _slot(key, slots.size)
    while slots[slot].key != EMPTY:
        if slots[slot].key == key:
            return slots[slot].place
        slot = (slot + 1) & (slots.size - 1)
    return -1


@njit(cache=True, nogil=True)
def _cuts(
    grams: Records, slots: Records, starts: np.ndarray, total: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pmi = np.full(grams.size, np.inf)
    least = np.full(grams.size, np.inf)
    most = np.full(grams.size, -np.inf)
    for order in range(2, ORDER + 1):
        for place in range(starts[order], starts[order + 1]):
            key, count = grams[place].key, grams[place].count
            for cut in range(1, order):
                shift = np.uint64(16 * cut)
                right = find(key & ((np.uint64(1) << shift) - np.uint64(1)), slots)
                left = find(key >> shift, slots)
                left_count = float(grams[left].count) if left >= 0 else total
                right_count = float(grams[right].count) if right >= 0 else total
                pmi[place] = min(pmi[place], np.log(total * count / (left_count * right_count)))
                freedom = grams[left].right_entropy + grams[right].left_entropy
                least[place] = min(least[place], freedom)
                most[place] = max(most[place], freedom)
    return pmi, least, most


@njit(cache=True, nogil=True)
def _growth(grams: Records, slots: Records, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    left = np.zeros(grams.size)
    right = np.zeros(grams.size)
    for order in range(2, ORDER + 1):
        rest = (np.uint64(1) << np.uint64(16 * (order - 1))) - np.uint64(1)
        for place in range(starts[order], starts[order + 1]):
            gram = grams[place]
            suffix = find(gram.key & rest, slots)
            prefix = find(gram.key >> np.uint64(16), slots)
            left[place] = gram.left_entropy - grams[suffix].left_entropy
            right[place] = gram.right_entropy - grams[prefix].right_entropy
    return left, right
