"""Is this n-gram a word? A weighted sum of what the corpus says about it.

The score is the logit of a logistic regression with one row of weights for each length. Its
inputs come from the raw text alone; its 57 weights were fitted once, by
`benchmarks/words_fit.py`, on the gold words of the first half of the People's Daily of January
1998, and are the same for every corpus.
"""

from __future__ import annotations

import numpy as np

from zoo.words.counting import CODE
from zoo.words.cutting import ALONE, BEGIN, END, Pieces
from zoo.words.statistics import Ngrams

FEATURES = (
    "constant",
    "count",
    "pmi",
    "least_entropy",
    "right_entropy",
    "left_entropy",
    "left_independence",
    "right_independence",
    "left_growth",
    "right_growth",
    "first_alone",
    "last_alone",
    "first_begins",
    "last_ends",
    "first_ends",
    "last_begins",
    "piece",
    "least_inner",
    "most_inner",
)
WEIGHTS = np.array(  # (order, feature)
    [
        [0.0] * len(FEATURES),
        [0.0] * len(FEATURES),
        [
            2.790, 0.338, 0.419, 1.064, -0.430, -0.024, 0.254, 0.928, 0.089, -0.072,
            -0.238, -0.204, 0.455, 0.347, 0.231, 0.178, 0.299, -0.167, -0.167,
        ],
        [
            4.612, 0.623, 0.100, 1.196, 0.023, -1.419, 0.564, 0.656, 0.310, -0.351,
            0.185, -0.227, 0.477, 0.522, 0.212, 0.175, 0.364, -0.015, -0.583,
        ],
        [
            8.069, 1.060, -0.410, 0.684, -1.111, -1.062, 0.861, 0.844, 0.430, 0.110,
            0.591, -0.121, 0.201, -0.004, 0.149, 0.004, 0.346, -0.503, -0.788,
        ],
    ]
)


def features(ngrams: Ngrams, pieces: Pieces) -> np.ndarray:
    """Returns the inputs of the score for each n-gram: float64 (n-grams, features).

    - `count`: ln n(s); `pmi`, entropies, growth: see `statistics`; inner: freedom at the cuts;
    - independence: ln(1 - n(longer) / n(s) + 0.01) of the commonest longer n-gram on that side,
      low when s is mostly a part of it;
    - alone, begins, ends: ln of the share of a character's pieces in which it is so, over all
      pieces of the coarse cut: the boundary-character prior;
    - `piece`: ln of the share of the occurrences of s that are pieces of the coarse cut.
    """
    grams, lengths = ngrams.grams, ngrams.lengths
    count = grams["count"].astype(float)
    pmi, least_inner, most_inner = ngrams.cuts()
    left_growth, right_growth = ngrams.growth()
    left, right = grams["left_entropy"], grams["right_entropy"]
    first = (grams["key"] >> (16 * np.maximum(lengths - 1, 0)).astype(np.uint64)).astype(np.int64)
    last = (grams["key"] & CODE).astype(np.int64)
    role = np.log((pieces.roles + 1) / (_characters(ngrams) + 3))
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
            np.log((pieces.short + 0.5) / (count + 1)),
            least_inner,
            most_inner,
        ]
    )


def score(ngrams: Ngrams, pieces: Pieces) -> np.ndarray:
    """Returns the score of each n-gram, positive for words: float64 (n-grams,).

    Single characters get minus infinity.
    """
    lengths = ngrams.lengths
    result = np.full(lengths.size, -np.inf)
    several = lengths > 1
    values = features(ngrams, pieces)[several]
    result[several] = (values * WEIGHTS[lengths[several]]).sum(axis=1)
    return result


def _characters(ngrams: Ngrams) -> np.ndarray:
    """Returns the count of each code: float64 (codes,)."""
    counts = np.zeros(ngrams.alphabet.size + 1)
    single = ngrams.grams[: ngrams.starts[2]]
    counts[single["key"].astype(np.int64)] = single["count"]
    return counts
