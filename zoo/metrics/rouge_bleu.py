"""Character ROUGE and BLEU, exactly as the published tables of Chinese titles compute them.

The tables (bert4keras, bert4torch) put blanks between the lower-cased characters and call PyPI's
`rouge` for the F1 of ROUGE-1, -2 and -L, and NLTK's `sentence_bleu` with its smoothing method 1;
an empty prediction scores 0. The scores here equal those of the two packages, oddities included:
n-grams are counted once each, and a full stop ends a sentence.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from zoo.metrics.bootstrap import bootstrap_interval

NAMES = ("rouge_l", "rouge_1", "rouge_2", "bleu")
ORDERS = (1, 2, 3, 4)
SMALL = 0.1  # stands for no match: method 1 of Chen and Cherry (W14-3346)


def rouge_n(prediction: str, reference: str, n: int) -> float:
    """Return the F1 of the sets of n-grams of two texts (Lin, W04-1013).

    Args:
        prediction: the text to score.
        reference: what it should be.
        n: characters of an n-gram.
    """
    ours, theirs = (_ngrams(_words(_sentences(text)), n).keys() for text in (prediction, reference))
    return _f1(len(ours & theirs), len(ours), len(theirs))


def rouge_l(prediction: str, reference: str) -> float:
    """Return the F1 of the characters that the longest common subsequences hold.

    The form for several sentences of Lin (W04-1013, section 3.2): a union over the pairs of
    sentences.

    Args:
        prediction: the text to score.
        reference: what it should be.
    """
    ours, theirs = _sentences(prediction), _sentences(reference)
    common: set[str] = set()
    for one, other in product(theirs, ours):
        common |= set(longest_common_subsequence(one.split(" "), other.split(" ")))
    return _f1(len(common), len(set(_words(ours))), len(set(_words(theirs))))


def bleu(prediction: str, reference: str) -> float:
    """Return BLEU-4 of one text, an order without a match counted as a tenth of one.

    Papineni et al., P02-1040, with method 1 of Chen and Cherry, W14-3346.

    Args:
        prediction: the text to score.
        reference: what it should be.
    """
    ours, theirs = (" ".join(text).lower().split(" ") for text in (prediction, reference))
    logarithm = 0.0
    for n in ORDERS:
        found, expected = _ngrams(ours, n), _ngrams(theirs, n)
        matches = (found & expected).total()
        if n == 1 and not matches:
            return 0.0
        logarithm += math.log((matches or SMALL) / max(found.total(), 1)) / len(ORDERS)
    brevity = min(0.0, 1 - len(theirs) / len(ours))
    return math.exp(brevity + logarithm)


def longest_common_subsequence(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """Return a longest common subsequence; of several, the one that skips in `other` late.

    Example:
        >>> longest_common_subsequence("交换网络的研究", "网络研究综述")
        ['网', '络', '研', '究']
    """
    length = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, j in product(range(len(one)), range(len(other))):
        match = one[i] == other[j]
        best = max(length[i][j + 1], length[i + 1][j])
        length[i + 1][j + 1] = length[i][j] + 1 if match else best
    found, i, j = [], len(one), len(other)
    while i and j:
        if one[i - 1] == other[j - 1]:
            found.append(one[i - 1])
            i, j = i - 1, j - 1
        elif length[i - 1][j] > length[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return found[::-1]


class TitleScores(Metric):
    """Means over texts of ROUGE-L, -1, -2 and BLEU, in percent, each with a 95 % interval.

    See the functions of this module, and `bootstrap_interval` for the interval.

    Example:
        >>> scores = TitleScores()
        >>> scores.update(["网络研究"], ["网络的研究"])
        >>> f"{scores.compute()['rouge_l']:.1f}"
        '88.9'
    """

    rows: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("rows", [], dist_reduce_fx="cat")

    def update(self, predictions: list[str], references: list[str]) -> None:
        """Score some predictions against their references."""
        for prediction, reference in zip(predictions, references, strict=True):
            row = torch.tensor([scores(prediction, reference)])
            self.rows.append(row.to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """Return the means by name, and half the width of each interval by `<name>_ci95`."""
        rows = 100 * dim_zero_cat(self.rows).cpu().double()  # Apple's devices have no float64
        low, high = bootstrap_interval(rows)
        values = {"": rows.mean(0), "_ci95": (high - low) / 2}
        return {
            f"{name}{kind}": number
            for kind, numbers in values.items()
            for name, number in zip(NAMES, numbers.float(), strict=True)
        }


def scores(prediction: str, reference: str) -> tuple[float, float, float, float]:
    """Return ROUGE-L, ROUGE-1, ROUGE-2 and BLEU of one text, each from 0 to 1."""
    if not prediction.strip() or not reference.strip():
        return 0.0, 0.0, 0.0, 0.0
    return (
        rouge_l(prediction, reference),
        rouge_n(prediction, reference, 1),
        rouge_n(prediction, reference, 2),
        bleu(prediction, reference),
    )


def _sentences(text: str) -> list[str]:
    """Return the sentences of a text as `rouge` makes them: characters with blanks between."""
    return [" ".join(part.split()) for part in " ".join(text).lower().split(".") if part]


def _words(sentences: list[str]) -> list[str]:
    return [word for sentence in sentences for word in sentence.split(" ")]


def _ngrams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def _f1(common: int, ours: int, theirs: int) -> float:
    precision, recall = common / max(ours, 1), common / max(theirs, 1)
    return 2 * precision * recall / (precision + recall + 1e-8)
