"""The table of frequent n-grams: an index, and what follows from counts and entropies alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from zoo.words.counting.memory import InMemory, Stored
from zoo.words.kernels.ngram_table import GRAM, cohesion, freedom, index, prefixes, suffixes
from zoo.words.kernels.rows import CODE, ORDER


class Freedom(NamedTuple):
    """How free n-grams are inside and at their ends, each float64 (n-grams,).

    Attributes:
        least_inner: least freedom at a cut.
        most_inner: largest freedom at a cut.
        left_growth: variation of branching entropy on the left.
        right_growth: the same on the right, h(x1..xn) - h(x1..x(n-1)) (Magistry and Sagot, ACL
            2012): entropy falls inside a word and rises at its end.
    """

    least_inner: np.ndarray
    most_inner: np.ndarray
    left_growth: np.ndarray
    right_growth: np.ndarray


@dataclass(frozen=True)
class Ngrams:
    """All n-grams of order 1 to 4 with a minimum count, and an index of them.

    The least count may be lower for those of two and three characters, see
    `ngram_statistics.measure`.

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
        """Return the n-grams at these places as text."""
        points = np.append(np.uint32(0), self.alphabet)
        shifts = np.array([48, 32, 16, 0], np.uint64)
        # Zeros come last, where NumPy's fixed-width text drops them.
        keys = self.grams["key"][chosen] << shifts[self.lengths[chosen] - 1]
        codes = (keys[:, None] >> shifts) & CODE
        return points[codes].view(f"<U{ORDER}").ravel().tolist()

    @cached_property
    def pmi(self) -> np.ndarray:
        """The cohesion of each n-gram: float64 (n-grams,); infinite for single characters."""
        return cohesion(self.grams, self.starts, self.prefix, self.suffix, float(self.total))

    def at_least(self, min_count: int) -> Ngrams:
        """Return the n-grams that occur so often, as a table of their own."""
        orders = [self.grams[a:b] for a, b in itertools.pairwise(self.starts)]
        return tabulate([[InMemory(grams)] for grams in orders], self.alphabet, min_count)

    def freedom(self, start: int = 0, stop: int | None = None) -> Freedom:
        """Return how free the n-grams from `start` to `stop` are inside and at their ends.

        The freedom at a cut s = ab is the right entropy of a plus the left entropy of b. Single
        characters have no cut (infinities) and no growth (zero).
        """
        stop = self.grams.size if stop is None else min(stop, self.grams.size)
        return Freedom(*freedom(self.grams, self.starts, self.prefix, self.suffix, start, stop))


def tabulate(parts: list[list[Stored]], alphabet: np.ndarray, min_count: int) -> Ngrams:
    """Return the frequent n-grams of `parts[order]`, which is emptied, with an index."""
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
    prefix, suffix = prefixes(grams, starts), suffixes(grams, starts, slots)
    return Ngrams(grams, starts, prefix, suffix, slots, alphabet, total, min_count)


def _frequent(part: Stored, min_count: int) -> np.ndarray:
    return part.read(0, part.size)["count"] >= min_count


def spell(codes: np.ndarray, alphabet: np.ndarray) -> str:
    """Return the text of codes, none of them a break."""
    return "".join(map(chr, alphabet[codes.astype(np.int64) - 1].tolist()))
