"""Is this n-gram a word? A weighted sum of what the corpus says about it.

The score is the logit of a logistic regression with one row of weights for each length. Its
inputs come from the raw text alone; its weights were fitted once, by
`benchmarks/words/fit.py`, on the gold words of the first half of the People's Daily of January
1998, and are the same for every corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zoo.words.coarse_cut import Pieces
from zoo.words.kernels.coarse_cut import ALONE, BEGIN, END
from zoo.words.kernels.rows import CODE, ORDER
from zoo.words.ngram_table import Ngrams

# From this score on an n-gram is listed, by its length; long words are those of more than four
# characters. A word is more probably one than none from 0 on, but then few of four characters or
# more are ever listed: these two values list some 40 % of them on the People's Daily.
LEAST = {2: 0.0, 3: 0.0, 4: -1.25}
LEAST_LONG = -2.0
BLOCK = 1 << 12  # n-grams scored at a time
MEASURED = ("left_entropy", "right_entropy", "left_most", "right_most")  # fields of a table row


@dataclass(frozen=True)
class Evidence:
    """What the corpus says of n-grams s of one length, each float64 (n-grams,).

    Attributes:
        count: occurrences of s.
        pmi: cohesion, see `ngram_statistics`.
        left_entropy: branching entropy on the left.
        right_entropy: branching entropy on the right.
        left_most: occurrences of the commonest longer n-gram on the left.
        right_most: occurrences of the commonest longer n-gram on the right.
        least_inner: least freedom at a cut, see `Ngrams.freedom`.
        most_inner: largest freedom at a cut.
        left_growth: variation of branching entropy on the left.
        right_growth: variation of branching entropy on the right.
        pieces: occurrences of s that are pieces of the coarse cut.
        first: of its first character, float64 (3, n-grams): ln of the share of occurrences in
            which it begins a piece of the coarse cut, ends one or is one alone.
        last: the same of its last character.
    """

    count: np.ndarray
    pmi: np.ndarray
    left_entropy: np.ndarray
    right_entropy: np.ndarray
    left_most: np.ndarray
    right_most: np.ndarray
    least_inner: np.ndarray
    most_inner: np.ndarray
    left_growth: np.ndarray
    right_growth: np.ndarray
    pieces: np.ndarray
    first: np.ndarray
    last: np.ndarray


class Feature(NamedTuple):
    """An input of the score.

    Attributes:
        value: gives float64 (n-grams,) of the evidence.
        weights: for n-grams of two, three and four characters.
    """

    value: Callable[[Evidence], np.ndarray]
    weights: tuple[float, float, float]


# Independence is low where s is mostly a part of one longer n-gram; alone, begins and ends are the
# boundary-character prior.
FEATURES = {
    "constant": Feature(lambda s: np.ones(s.count.size), (2.789, 4.616, 8.020)),
    "count": Feature(lambda s: np.log(s.count), (0.339, 0.620, 1.055)),
    "pmi": Feature(lambda s: s.pmi, (0.419, 0.101, -0.405)),
    "least_entropy": Feature(
        lambda s: np.minimum(s.left_entropy, s.right_entropy), (1.064, 1.202, 0.684)
    ),
    "right_entropy": Feature(lambda s: s.right_entropy, (-0.428, 0.023, -1.111)),
    "left_entropy": Feature(lambda s: s.left_entropy, (-0.023, -1.420, -1.060)),
    "left_independence": Feature(
        lambda s: np.log(1.01 - s.left_most / s.count), (0.253, 0.568, 0.859)
    ),
    "right_independence": Feature(
        lambda s: np.log(1.01 - s.right_most / s.count), (0.929, 0.658, 0.843)
    ),
    "left_growth": Feature(lambda s: s.left_growth, (0.091, 0.310, 0.429)),
    "right_growth": Feature(lambda s: s.right_growth, (-0.073, -0.351, 0.108)),
    "first_alone": Feature(lambda s: s.first[ALONE], (-0.237, 0.189, 0.589)),
    "last_alone": Feature(lambda s: s.last[ALONE], (-0.200, -0.224, -0.124)),
    "first_begins": Feature(lambda s: s.first[BEGIN], (0.456, 0.479, 0.197)),
    "last_ends": Feature(lambda s: s.last[END], (0.343, 0.527, -0.006)),
    "first_ends": Feature(lambda s: s.first[END], (0.230, 0.212, 0.149)),
    "last_begins": Feature(lambda s: s.last[BEGIN], (0.178, 0.176, 0.005)),
    "piece": Feature(lambda s: np.log((s.pieces + 0.5) / (s.count + 1)), (0.297, 0.354, 0.349)),
    "least_inner": Feature(lambda s: s.least_inner, (-0.167, -0.015, -0.503)),
    "most_inner": Feature(lambda s: s.most_inner, (-0.167, -0.583, -0.785)),
}


def evidence(ngrams: Ngrams, pieces: Pieces) -> Iterator[Evidence]:
    """Yield what is known of n-grams of two characters or more, block by block of one length."""
    role = role_shares(ngrams, pieces)
    for length in range(2, ORDER + 1):
        end = ngrams.starts[length + 1]
        for start in range(ngrams.starts[length], end, BLOCK):
            stop = min(start + BLOCK, end)
            grams = ngrams.grams[start:stop]
            first = (grams["key"] >> np.uint64(16 * (length - 1))).astype(np.int64)
            last = (grams["key"] & CODE).astype(np.int64)
            yield Evidence(
                count=grams["count"].astype(float),
                pmi=ngrams.pmi[start:stop],
                **{name: grams[name] for name in MEASURED},
                **ngrams.freedom(start, stop)._asdict(),
                pieces=pieces.short[start:stop],
                first=role[:, first],
                last=role[:, last],
            )


def role_shares(ngrams: Ngrams, pieces: Pieces) -> np.ndarray:
    """Return ln of the share of each code's occurrences in each role: float64 (3, codes)."""
    return np.log((pieces.roles + 1) / (_characters(ngrams) + 3))


def features(ngrams: Ngrams, pieces: Pieces) -> Iterator[np.ndarray]:
    """Yield the inputs of the score, float64 (n-grams, features), in blocks as `evidence` does."""
    for known in evidence(ngrams, pieces):
        yield np.column_stack([feature.value(known) for feature in FEATURES.values()])


def score(ngrams: Ngrams, pieces: Pieces) -> np.ndarray:
    """Return the score of each n-gram, ln of the odds that it is a word: float64 (n-grams,).

    Single characters get minus infinity.
    """
    weights = np.array([feature.weights for feature in FEATURES.values()]).T  # by length - 2
    result = np.full(ngrams.grams.size, -np.inf)
    start = ngrams.starts[2]
    for values in features(ngrams, pieces):
        stop = start + len(values)
        length = np.searchsorted(ngrams.starts, start, "right") - 1
        result[start:stop] = (values * weights[length - 2]).sum(axis=1)
        start = stop
    return result


def _characters(ngrams: Ngrams) -> np.ndarray:
    """Return the count of each code: float64 (codes,)."""
    counts = np.zeros(ngrams.alphabet.size + 1)
    single = ngrams.grams[: ngrams.starts[2]]
    counts[single["key"].astype(np.int64)] = single["count"]
    return counts
