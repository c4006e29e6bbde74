"""The counts of the 2019 repository: only 4-gram windows, truncated, lower orders by prefix.

kexue.fm/archives/6920 takes kenlm's `count_ngrams -o 4`, whose file holds one 4-gram window for
each character of a line and one for its end, padded with start symbols: `..a .ab .abc abcd bcd$`.
Windows with too small a count are dropped, padding is dropped, and what remains adds to the
count of each of its prefixes. So a line's first characters count several times, its last ones
less, and a word whose continuations vary never reaches the minimum.
"""

from __future__ import annotations

import numpy as np

from zoo.words.counting.counts import Counts
from zoo.words.counting.memory import Budget, InMemory, Stored
from zoo.words.kernels.ngram_table import GRAM
from zoo.words.kernels.rows import ORDER, ROW
from zoo.words.ngram_statistics import Least
from zoo.words.ngram_table import Ngrams, tabulate


def measure_truncated(
    counts: Counts, min_count: int | None, budget: Budget | None = None, *, progress: bool = False
) -> Ngrams:
    """Return the n-grams of the 2019 repository; their entropies are not known (NaN).

    Args:
        counts: counts with padded windows.
        min_count: least count of a window; None chooses it, see `ngram_statistics.measure`.
        budget: see there.
        progress: see there.
    """
    budget = budget or Budget.of(None)
    least = Least(min_count, counts.length, budget)
    parts = [np.empty(0, ROW)]
    for rows in counts.rows(budget.block, progress=progress):
        before = least.count
        least.admit(rows["count"])
        parts.append(rows[rows["count"] >= least.count])
        if least.count > before:
            parts = [part[part["count"] >= least.count] for part in parts]
    rows = np.concatenate(parts)
    tables: list[list[Stored]] = [
        [InMemory(_prefixes(rows, order))] if order else [] for order in range(ORDER + 1)
    ]
    return tabulate(tables, counts.alphabet, least.count)


def _prefixes(rows: np.ndarray, order: int) -> np.ndarray:
    """Return the prefixes of this order of all windows, with the sums of their counts."""
    key = rows["key"] >> np.uint64(16 * (ORDER - order))
    long_enough = (key & np.uint64(0xFFFF)) != 0
    keys, inverse = np.unique(key[long_enough], return_inverse=True)
    grams = np.zeros(keys.size, GRAM)
    grams["key"] = keys
    np.add.at(grams["count"], inverse, rows["count"][long_enough].astype(np.int64))
    grams["left_entropy"] = grams["right_entropy"] = np.nan
    return grams
