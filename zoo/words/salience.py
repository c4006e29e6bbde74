"""Which words are peculiar to a corpus: log-odds against other text, with a Dirichlet prior."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

PRIOR = 1000.0  # the weight of the prior, in words


def salience(
    words: np.ndarray,
    count: np.ndarray,
    total: float,
    against: Mapping[str, float],
    prior: float = PRIOR,
) -> np.ndarray:
    """Return how peculiar words are to a corpus, in standard deviations: float64 (words,).

    The z-score of the log-odds ratio under an informative Dirichlet prior (Monroe, Colaresi and
    Quinn, "Fightin' Words", Political Analysis 2008, eqs. 16, 20 and 22). The prior's mean is the
    share of a word in both texts together, so a rare word has to be much commoner here to count.
    It is 0 where the word has the same share in both, and below where it is rarer here.

    Args:
        words: object (words,).
        count: occurrences of each in the corpus, (words,).
        total: occurrences of all words of the corpus.
        against: words of the other text and how often each occurs there.
        prior: the sum of the Dirichlet parameters, in words.

    Raises:
        ValueError: if the other text has no words, or a count is negative.

    >>> words, count = np.array(["今天", "电阻"], object), np.array([50, 50])
    >>> salience(words, count, 1000, {"今天": 50, "天气": 950}).round(1).tolist()
    [0.0, 4.9]
    """
    other_total = float(sum(against.values()))
    if other_total <= 0 or min(against.values()) < 0:
        raise ValueError("the counts to compare with have no words: expected counts above 0")
    other = np.array([against.get(word, 0.0) for word in words], float)
    alpha = prior * (count + other) / (total + other_total)
    ours = _log_odds(count + alpha, total + prior)
    theirs = _log_odds(other + alpha, other_total + prior)
    return (ours - theirs) / np.sqrt(1 / (count + alpha) + 1 / (other + alpha))


def _log_odds(count: np.ndarray, total: float) -> np.ndarray:
    return np.log(count / (total - count))
