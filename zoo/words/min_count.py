"""The least count of an n-gram: as given, or chosen by the size of the corpus and the memory."""

from __future__ import annotations

import math

import numpy as np

from zoo.words.memory import Budget

LARGEST = 1 << 16  # a least count that is chosen stays below


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
