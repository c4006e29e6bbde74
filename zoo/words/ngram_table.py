"""The table of frequent n-grams: an index, and what follows from counts and entropies alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from zoo.kernels import inline, kernel
from zoo.words.kernels.rows import CODE, ORDER, Records
from zoo.words.memory import InMemory, Stored

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
HASH = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci's
NOWHERE = -1  # the place of an n-gram that is not there


@dataclass(frozen=True)
class Ngrams:
    """All n-grams of order 1 to 4 with a minimum count, and an index of them.

    The least count may be lower for those of two and three characters, see `statistics.measure`.

    Attributes:
        grams: records of type `GRAM` (n-grams,), by order, then by key.
        starts: int64 (6,): order n is `grams[starts[n]:starts[n + 1]]`; `starts[0]` is 0.
        prefix: int32 (n-grams,): place of the n-gram without its last character.
        suffix: int32 (n-grams,): place of the n-gram without its first one.
        slots: int32 (slots,): an open-addressing table from key to place in `grams`.
        alphabet: uint32 (alphabet,): code i stands for `alphabet[i - 1]`.
        total: the N of the formulas: occurrences of all the single characters in `grams`.
        min_count: the least count, the lower one if there are two.
    """

    grams: np.ndarray
    starts: np.ndarray
    prefix: np.ndarray
    suffix: np.ndarray
    slots: np.ndarray
    alphabet: np.ndarray
    total: int
    min_count: int

    @property
    def lengths(self) -> np.ndarray:
        """The order of each n-gram: int8 (n-grams,)."""
        return np.repeat(np.arange(ORDER + 1, dtype=np.int8), np.diff(self.starts))

    def words(self, chosen: np.ndarray) -> list[str]:
        """Returns the n-grams at these places as text."""
        points = np.append(np.uint32(0), self.alphabet)
        shifts = np.array([48, 32, 16, 0], np.uint64)
        # Zeros come last, where NumPy's fixed-width text drops them.
        keys = self.grams["key"][chosen] << shifts[self.lengths[chosen] - 1]
        codes = (keys[:, None] >> shifts) & CODE
        return points[codes].view(f"<U{ORDER}").ravel().tolist()

    @cached_property
    def pmi(self) -> np.ndarray:
        """The cohesion of each n-gram: float64 (n-grams,); infinite for single characters."""
        return _cohesion(self.grams, self.starts, self.prefix, self.suffix, float(self.total))

    def at_least(self, min_count: int) -> Ngrams:
        """Returns the n-grams that occur so often, as a table of their own."""
        orders = [self.grams[a:b] for a, b in itertools.pairwise(self.starts)]
        return tabulate([[InMemory(grams)] for grams in orders], self.alphabet, min_count)

    def freedom(self, start: int = 0, stop: int | None = None) -> tuple[np.ndarray, ...]:
        """Returns how free the n-grams from `start` to `stop` are inside and at their ends.

        Returns:
            Four times float64 (n-grams,): the least and the largest freedom at a cut s = ab, the
            right entropy of a plus the left entropy of b; the variation of branching entropy on
            the left and on the right. The right one is h(x1..xn) - h(x1..x(n-1)) (Magistry and
            Sagot, ACL 2012): entropy falls inside a word and rises at its end. Single characters
            have no cut, infinities, and no variation, zero.
        """
        stop = self.grams.size if stop is None else min(stop, self.grams.size)
        return _freedom(self.grams, self.starts, self.prefix, self.suffix, start, stop)


def tabulate(parts: list[list[Stored]], alphabet: np.ndarray, min_count: int) -> Ngrams:
    """Returns the frequent n-grams of `parts[order]`, which is emptied, with an index."""
    sizes = [sum(_frequent(part, min_count).sum() for part in order) for order in parts]
    starts = np.append(0, np.cumsum(sizes, dtype=np.int64))
    grams = np.empty(starts[-1], GRAM)
    start = 0
    for order in parts:
        while order:  # each part goes as soon as it is copied: there may be no room for two
            part = order.pop(0)
            frequent = part.read(0, part.size)[_frequent(part, min_count)]
            grams[start : start + frequent.size] = frequent
            start += frequent.size
    total = int(grams["count"][: starts[2]].sum())
    slots = index(grams)
    prefix, suffix = _prefixes(grams, starts), _suffixes(grams, starts, slots)
    return Ngrams(grams, starts, prefix, suffix, slots, alphabet, total, min_count)


def _frequent(part: Stored, min_count: int) -> np.ndarray:
    return part.read(0, part.size)["count"] >= min_count


def spell(codes: np.ndarray, alphabet: np.ndarray) -> str:
    """Returns the text of codes, none of them a break."""
    return "".join(map(chr, alphabet[codes.astype(np.int64) - 1].tolist()))


@kernel
def index(grams: Records) -> np.ndarray:
    """Returns an open-addressing table of the places of distinct keys, half full."""
    slots = np.full(max(16, 2 * grams.size), NOWHERE, np.int32)
    for place in range(grams.size):
        slot = slot_of(grams[place].key, slots.size)
        while slots[slot] != NOWHERE:
            slot = slot + 1 if slot + 1 < slots.size else 0
        slots[slot] = place
    return slots


@inline
def slot_of(key: int, slots: int) -> Any:
    """Returns where to look for a key first: its hash times the table's size."""
    mixed = np.uint64(key) * HASH
    return np.int64(((mixed >> np.uint64(32)) * np.uint64(slots)) >> np.uint64(32))


@kernel
def find(key: int, grams: Records, slots: np.ndarray) -> Any:
    """Returns the place of an n-gram, or `NOWHERE`."""
    slot = slot_of(key, slots.size)
    while slots[slot] != NOWHERE:
        if grams[slots[slot]].key == key:
            return np.int64(slots[slot])
        slot = slot + 1 if slot + 1 < slots.size else 0
    return NOWHERE


@kernel
def _prefixes(grams: Records, starts: np.ndarray) -> np.ndarray:
    prefix = np.full(grams.size, NOWHERE, np.int32)
    for order in range(2, ORDER + 1):
        shorter = starts[order - 1]
        for place in range(starts[order], starts[order + 1]):
            key = grams[place].key >> np.uint64(16)
            while shorter < starts[order] and grams[shorter].key < key:
                shorter += 1
            if shorter < starts[order] and grams[shorter].key == key:
                prefix[place] = shorter
    return prefix


@kernel
def _suffixes(grams: Records, starts: np.ndarray, slots: np.ndarray) -> np.ndarray:
    suffix = np.full(grams.size, NOWHERE, np.int32)
    for order in range(2, ORDER + 1):
        rest = (np.uint64(1) << np.uint64(16 * (order - 1))) - np.uint64(1)
        for place in range(starts[order], starts[order + 1]):
            suffix[place] = find(grams[place].key & rest, grams, slots)
    return suffix


@inline
def _halves(place: int, at: int, order: int, prefix: np.ndarray, suffix: np.ndarray) -> Any:
    """Returns the places of the two parts of an n-gram cut after `at` characters.

    With truncated counts a suffix may be missing, and then all its own suffixes count as missing.
    """
    left = right = place
    for _ in range(order - at):
        left = prefix[left] if left != NOWHERE else NOWHERE
    for _ in range(at):
        right = suffix[right] if right != NOWHERE else NOWHERE
    return left, right


@kernel
def _cohesion(
    grams: Records, starts: np.ndarray, prefix: np.ndarray, suffix: np.ndarray, total: float
) -> np.ndarray:
    pmi = np.full(grams.size, np.inf)
    for order in range(2, ORDER + 1):
        for place in range(starts[order], starts[order + 1]):
            least = np.inf
            for at in range(1, order):
                left, right = _halves(place, at, order, prefix, suffix)
                left_count = float(grams[left].count) if left >= 0 else total
                right_count = float(grams[right].count) if right >= 0 else total
                least = min(least, total * grams[place].count / (left_count * right_count))
            pmi[place] = np.log(least)
    return pmi


@kernel
def _freedom(
    grams: Records,
    starts: np.ndarray,
    prefix: np.ndarray,
    suffix: np.ndarray,
    start: int,
    stop: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    least = np.full(stop - start, np.inf)
    most = np.full(stop - start, -np.inf)
    left_growth = np.zeros(stop - start)
    right_growth = np.zeros(stop - start)
    for order in range(2, ORDER + 1):
        for place in range(max(start, starts[order]), min(stop, starts[order + 1])):
            n = place - start
            for at in range(1, order):
                left, right = _halves(place, at, order, prefix, suffix)
                freedom = grams[left].right_entropy + grams[right].left_entropy
                least[n] = min(least[n], freedom)
                most[n] = max(most[n], freedom)
            gram = grams[place]
            left_growth[n] = gram.left_entropy - grams[suffix[place]].left_entropy
            right_growth[n] = gram.right_entropy - grams[prefix[place]].right_entropy
    return least, most, left_growth, right_growth
