"""Words of more than four characters: chains of cohesive 4-grams, and their score.

A candidate is what the coarse cut leaves whole if 4-grams alone hold it together. The score is the
logit of a logistic regression, as in `features`; its inputs are shares, entropies and cohesion
relative to the most that a count allows, so that it does not depend on the size of the corpus.
The weights were fitted by `benchmarks/words/fit.py` on the first half of the People's Daily.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zoo.words.coarse_cut import Pieces
from zoo.words.features import role_shares
from zoo.words.kernels.coarse_cut import ALONE, BEGIN, END
from zoo.words.kernels.ngram_table import find_all
from zoo.words.kernels.rows import ORDER
from zoo.words.ngram_table import Ngrams

COHESION = 4.0  # nats; a 4-gram of so much holds a chain together,
RELATIVE_COHESION = 0.7  # or of this share of ln(N / n), the most that n occurrences allow
SCORES = (-12.0, 6.0)  # scores of n-grams are kept between these


@dataclass(frozen=True)
class LongEvidence:
    """What the corpus says of words of one length, each float64 (words,) but `chain`.

    Attributes:
        count: occurrences as a piece of the cut.
        cohesion: of each 4-gram, as a share of the most possible: float64 (words, 4-grams).
        score: of each 4-gram, see `features.score`: float64 (words, 4-grams).
        freedom: at the places between two 4-grams, the right entropy of the one plus the left
            entropy of the next: float64 (words, 4-grams - 1).
        left_entropy: of the first 4-gram.
        right_entropy: of the last 4-gram.
        left_independence: ln of the share of the first 4-gram without its commonest extension.
        first_pair: score of the first two characters, and the share of their occurrences in
            which they are a piece (ln): float64 (2, words).
        last_pair: the same of the last two.
        first: of the first character, see `features.Evidence`: float64 (3, words).
        last: of the last one.
    """

    count: np.ndarray
    cohesion: np.ndarray
    score: np.ndarray
    freedom: np.ndarray
    left_entropy: np.ndarray
    right_entropy: np.ndarray
    left_independence: np.ndarray
    first_pair: np.ndarray
    last_pair: np.ndarray
    first: np.ndarray
    last: np.ndarray


class LongFeature(NamedTuple):
    """An input of the score, and its weight."""

    value: Callable[[LongEvidence], np.ndarray]
    weight: float


FEATURES = {
    "constant": LongFeature(lambda s: np.ones(s.count.size), -3.417),
    "count": LongFeature(lambda s: np.log(s.count), -0.542),
    "least_cohesion": LongFeature(lambda s: s.cohesion.min(axis=1), 11.819),
    "least_entropy": LongFeature(lambda s: np.minimum(s.left_entropy, s.right_entropy), 3.070),
    "right_entropy": LongFeature(lambda s: s.right_entropy, -2.355),
    "left_independence": LongFeature(lambda s: s.left_independence, -0.361),
    "most_inner": LongFeature(lambda s: s.freedom.max(axis=1), -0.903),
    "first_begins": LongFeature(lambda s: s.first[BEGIN], 0.773),
    "first_alone": LongFeature(lambda s: s.first[ALONE], 0.308),
    "last_ends": LongFeature(lambda s: s.last[END], 0.262),
    "first_pair": LongFeature(lambda s: s.first_pair[0], -0.093),
    "last_pair": LongFeature(lambda s: s.last_pair[0], -0.124),
    "first_pair_piece": LongFeature(lambda s: s.first_pair[1], -0.262),
    "last_pair_piece": LongFeature(lambda s: s.last_pair[1], -0.402),
    "first_score": LongFeature(lambda s: s.score[:, 0], 0.294),
    "last_score": LongFeature(lambda s: s.score[:, -1], -0.340),
    "most_score": LongFeature(lambda s: s.score.max(axis=1), -0.399),
    "mean_score": LongFeature(lambda s: s.score.mean(axis=1), 1.263),
}


def chained(ngrams: Ngrams) -> np.ndarray:
    """Return which n-grams hold long words together: bool (n-grams,), 4-grams alone."""
    cohesive = (ngrams.pmi >= COHESION) | (_relative(ngrams) >= RELATIVE_COHESION)
    return cohesive & (ngrams.lengths == ORDER)


def _relative(ngrams: Ngrams) -> np.ndarray:
    """Return cohesion as a share of ln(N / n), the most that n occurrences allow."""
    return ngrams.pmi / np.log(ngrams.total / np.maximum(ngrams.grams["count"], 1) + 1)


def features(
    ngrams: Ngrams, pieces: Pieces, scores: np.ndarray, words: Sequence[bytes], count: np.ndarray
) -> np.ndarray:
    """Return the inputs of the score: float64 (words, features).

    Args:
        ngrams: the n-grams of the text.
        pieces: of the coarse cut that gave the scores.
        scores: of the n-grams, float64 (n-grams,), see `features.score`.
        words: codes of each word (uint16 bytes), all of whose 4-grams are in `ngrams`.
        count: occurrences of each, int64 (words,).
    """
    inputs = np.empty((len(words), len(FEATURES)))
    for chosen, known in _evidence(ngrams, pieces, scores, words, count):
        values = [feature.value(known) for feature in FEATURES.values()]
        inputs[chosen] = np.column_stack(values)
    return inputs


def score_long(
    ngrams: Ngrams, pieces: Pieces, scores: np.ndarray, words: Sequence[bytes], count: np.ndarray
) -> np.ndarray:
    """Return the score of long words, ln of the odds that it is one: float64 (words,)."""
    weights = np.array([feature.weight for feature in FEATURES.values()])
    return (features(ngrams, pieces, scores, words, count) * weights).sum(axis=1)


def _evidence(
    ngrams: Ngrams, pieces: Pieces, scores: np.ndarray, words: Sequence[bytes], count: np.ndarray
) -> Iterator[tuple[np.ndarray, LongEvidence]]:
    """Yield what is known of the words of each length, and which these are."""
    roles = role_shares(ngrams, pieces)
    cohesion = _relative(ngrams)
    scores = np.clip(scores, *SCORES)
    pair_share = np.log((pieces.short + 0.5) / (ngrams.grams["count"] + 1))
    sizes = np.array([len(word) // 2 for word in words], np.int64)
    grams = ngrams.grams
    for length in np.unique(sizes).tolist():
        chosen = np.flatnonzero(sizes == length)
        codes = np.frombuffer(b"".join(words[i] for i in chosen.tolist()), np.uint16).reshape(
            -1, length
        )
        chain = _places(ngrams, codes)
        first, last = chain[:, 0], chain[:, -1]
        pairs = ngrams.prefix[ngrams.prefix[first]], ngrams.suffix[ngrams.suffix[last]]
        left, right = grams[first], grams[last]
        yield (
            chosen,
            LongEvidence(
                count=count[chosen].astype(float),
                cohesion=cohesion[chain],
                score=scores[chain],
                freedom=grams["right_entropy"][chain[:, :-1]] + grams["left_entropy"][chain[:, 1:]],
                left_entropy=left["left_entropy"],
                right_entropy=right["right_entropy"],
                left_independence=np.log(1.01 - left["left_most"] / left["count"]),
                first_pair=np.array([scores[pairs[0]], pair_share[pairs[0]]]),
                last_pair=np.array([scores[pairs[1]], pair_share[pairs[1]]]),
                first=roles[:, codes[:, 0]],
                last=roles[:, codes[:, -1]],
            ),
        )


def _places(ngrams: Ngrams, codes: np.ndarray) -> np.ndarray:
    """Return the places of the 4-grams of words: int64 (words, length - 3)."""
    wide = codes.astype(np.uint64)
    keys = np.zeros((len(codes), codes.shape[1] - ORDER + 1), np.uint64)
    for i in range(ORDER):
        keys = (keys << np.uint64(16)) | wide[:, i : i + keys.shape[1]]
    return find_all(keys.ravel(), ngrams.grams, ngrams.slots).reshape(keys.shape)
