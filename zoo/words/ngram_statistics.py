"""What is known of each frequent n-gram: count, cohesion, freedom on both sides.

With N characters in the text and n(s) occurrences of s:

- cohesion `pmi(s) = min over cuts s = ab of ln(N n(s) / (n(a) n(b)))`, in nats
  (kexue.fm/archives/4256, 6920);
- right branching entropy `ln n(s) - sum_r n(sr) ln n(sr) / n(s)` over the characters r that
  follow, and the left one alike; a break counts as a neighbour never seen before, since
  punctuation is a boundary (it adds to n(s) and nothing to the sum).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zoo.words.counting.counts import Counts
from zoo.words.counting.memory import Budget, InMemory, Storage, Stored
from zoo.words.kernels.ngram_statistics import finish_characters, measure_characters, measure_ngrams
from zoo.words.kernels.ngram_table import GRAM
from zoo.words.kernels.rows import ORDER
from zoo.words.ngram_table import Ngrams, tabulate

LARGEST = 1 << 16  # a least count that is chosen stays below


def measure(
    counts: Counts,
    min_count: int | None,
    budget: Budget | None = None,
    *,
    rarer: int | None = None,
    progress: bool = False,
) -> Ngrams:
    """Read the statistics of all frequent n-grams off the counts, in one pass.

    Args:
        counts: counts with exact windows.
        min_count: least count of an n-gram; None chooses it by the size of corpus and budget.
        budget: memory to keep to; None means half of the machine's.
        rarer: a lower least count, or as near to it as there is room, for all n-grams of two
            characters, and those of three that no longer one contains every time; the `min_count`
            of the result. None means no other.
        progress: show a progress bar.

    Raises:
        ValueError: if there are more n-grams than the budget has room for.
    """
    budget = budget or Budget.of(None)
    least = Least(min_count, counts.length, budget, rarer)
    size = counts.alphabet.size + 1
    single = np.zeros(size, GRAM)
    single["key"] = np.arange(size)
    scratch = np.zeros(size, np.int64)
    found: list[list[Stored]] = [[] for _ in range(ORDER + 1)]
    with Storage(budget.held) as storage:
        for rows in _whole_bigrams(counts.rows(budget.block, progress=progress)):
            measure_characters(rows, single)
            frequent = least.count if min_count is None else min_count
            grams, orders = measure_ngrams(rows, least.count, frequent, scratch)
            least.admit(grams["count"])
            for order in range(2, ORDER + 1):
                found[order].append(storage.keep(grams[orders == order]))
        finish_characters(single)
        found[1].append(InMemory(single))
        return tabulate(found, counts.alphabet, least.count)


def _whole_bigrams(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Regroup blocks of rows so that all rows of a bigram come in one block."""
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


class Least:
    """A least count that rises until the n-grams have room, unless it was given.

    Where it ends does not depend on the order in which the n-grams come.

    Args:
        min_count: the least count; None chooses it.
        length: size of the corpus, in characters.
        budget: memory to keep to.
        rarer: begin here, if it is lower, and rise to `min_count` at most. There must be room for
            a second table, of the n-grams with `min_count`.

    Attributes:
        count: the least count so far.
    """

    def __init__(
        self, min_count: int | None, length: int, budget: Budget, rarer: int | None = None
    ) -> None:
        first = automatic_min_count(length) if min_count is None else min_count
        self.count = min(first, rarer or first)
        self.budget = budget
        self._most = LARGEST if min_count is None else min(min_count, LARGEST)
        self._twice = math.inf if min_count is None else self._most
        self._ngrams = self._second = 0
        self._with_count = np.zeros(LARGEST + 1, np.int64)

    def admit(self, counts: np.ndarray) -> None:
        """Take in the counts of more n-grams, of which those below `count` are left out.

        Raises:
            ValueError: if there is no room, naming the limit and the ways out.
        """
        counts = np.minimum(counts[counts >= self.count], LARGEST).astype(np.int64)
        self._with_count += np.bincount(counts, minlength=LARGEST + 1)
        self._ngrams += counts.size
        self._second += np.count_nonzero(counts >= self._twice)
        while self._ngrams + self._second * (self.count < self._most) > self.budget.ngrams:
            if self.count >= self._most:
                raise ValueError(
                    f"memory={self.budget.limit // 10**6}MB: room for {self.budget.ngrams:,} "
                    f"n-grams, but more occur {self.count} times: raise min_count or memory"
                )
            self._ngrams -= self._with_count[self.count]
            self.count += 1


def automatic_min_count(length: int) -> int:
    """Return a least count that grows as the square root of the corpus, in characters.

    3 MB of Chinese gives 2, the People's Daily of a month 3, 1 GB 41, 10 GB 129. On the first half
    of that month 2 segments best, at its whole size and at smaller ones; the growth is a choice.
    """
    return max(2, round(math.sqrt(length / 200_000)))
