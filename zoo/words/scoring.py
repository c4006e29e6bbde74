"""Is this n-gram a word? A weighted sum of what the corpus says about it.

The score is the logit of a logistic regression with one row of weights for each length. Its
inputs come from the raw text alone; its 57 weights were fitted once, by
`benchmarks/words_fit.py`, on the gold words of the first half of the People's Daily of January
1998, and are the same for every corpus.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zoo.words.coarse_cut import ALONE, BEGIN, END, Pieces
from zoo.words.kernels.rows import CODE, ORDER
from zoo.words.ngram_table import Ngrams

BLOCK = 1 << 12  # n-grams scored at a time
# Inputs and their weights for n-grams of two, three and four characters.
WEIGHTS = {
    "constant": (2.789, 4.616, 8.020),
    "count": (0.339, 0.620, 1.055),
    "pmi": (0.419, 0.101, -0.405),
    "least_entropy": (1.064, 1.202, 0.684),
    "right_entropy": (-0.428, 0.023, -1.111),
    "left_entropy": (-0.023, -1.420, -1.060),
    "left_independence": (0.253, 0.568, 0.859),
    "right_independence": (0.929, 0.658, 0.843),
    "left_growth": (0.091, 0.310, 0.429),
    "right_growth": (-0.073, -0.351, 0.108),
    "first_alone": (-0.237, 0.189, 0.589),
    "last_alone": (-0.200, -0.224, -0.124),
    "first_begins": (0.456, 0.479, 0.197),
    "last_ends": (0.343, 0.527, -0.006),
    "first_ends": (0.230, 0.212, 0.149),
    "last_begins": (0.178, 0.176, 0.005),
    "piece": (0.297, 0.354, 0.349),
    "least_inner": (-0.167, -0.015, -0.503),
    "most_inner": (-0.167, -0.583, -0.785),
}


def features(ngrams: Ngrams, pieces: Pieces) -> Iterator[np.ndarray]:
    """Yields the inputs of the score of n-grams of two characters or more, block by block.

    Each block is float64 (n-grams, features), in the order of `ngrams.grams`, of one length:

    - `count`: ln n(s); `pmi`, entropies, growth: see `statistics`; inner: freedom at the cuts;
    - independence: ln(1 - n(longer) / n(s) + 0.01) of the commonest longer n-gram on that side,
      low when s is mostly a part of it;
    - alone, begins, ends: ln of the share of a character's occurrences in which it is a whole
      piece of the coarse cut, begins or ends one: the boundary-character prior;
    - `piece`: ln of the share of the occurrences of s that are pieces of the coarse cut.
    """
    role = np.log((pieces.roles + 1) / (_characters(ngrams) + 3))
    columns = (ngrams.grams, pieces.short, ngrams.pmi)
    for length in range(2, ORDER + 1):
        end = ngrams.starts[length + 1]
        for start in range(ngrams.starts[length], end, BLOCK):
            stop = min(start + BLOCK, end)
            block = (column[start:stop] for column in columns)
            yield _features(role, length, *block, *ngrams.freedom(start, stop))


def _features(
    role: np.ndarray,
    length: int,
    grams: np.ndarray,
    short: np.ndarray,
    pmi: np.ndarray,
    least_inner: np.ndarray,
    most_inner: np.ndarray,
    left_growth: np.ndarray,
    right_growth: np.ndarray,
) -> np.ndarray:
    count = grams["count"].astype(float)
    left, right = grams["left_entropy"], grams["right_entropy"]
    first = (grams["key"] >> np.uint64(16 * (length - 1))).astype(np.int64)
    last = (grams["key"] & CODE).astype(np.int64)
    return np.column_stack(
        [
            np.ones(count.size),
            np.log(count),
            pmi,
            np.minimum(left, right),
            right,
            left,
            np.log(1.01 - grams["left_most"] / count),
            np.log(1.01 - grams["right_most"] / count),
            left_growth,
            right_growth,
            role[ALONE, first],
            role[ALONE, last],
            role[BEGIN, first],
            role[END, last],
            role[END, first],
            role[BEGIN, last],
            np.log((short + 0.5) / (count + 1)),
            least_inner,
            most_inner,
        ]
    )


def score(ngrams: Ngrams, pieces: Pieces) -> np.ndarray:
    """Returns the score of each n-gram, positive for words: float64 (n-grams,).

    Single characters get minus infinity.
    """
    weights = np.array(list(WEIGHTS.values())).T  # (length - 2, feature)
    result = np.full(ngrams.grams.size, -np.inf)
    start = ngrams.starts[2]
    for values in features(ngrams, pieces):
        stop = start + len(values)
        length = np.searchsorted(ngrams.starts, start, "right") - 1
        result[start:stop] = (values * weights[length - 2]).sum(axis=1)
        start = stop
    return result


def _characters(ngrams: Ngrams) -> np.ndarray:
    """Returns the count of each code: float64 (codes,)."""
    counts = np.zeros(ngrams.alphabet.size + 1)
    single = ngrams.grams[: ngrams.starts[2]]
    counts[single["key"].astype(np.int64)] = single["count"]
    return counts
