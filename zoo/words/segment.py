"""A unigram segmenter: the most probable sequence of words, by Viterbi's algorithm."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

# Numbers and Latin words are one symbol each, whatever their length.
SYMBOL = re.compile(
    r"(?P<number>\d+(?:[.．·,，:∶]\d+)*[%％‰]?)|(?P<latin>[A-Za-zＡ-Ｚａ-ｚ]+(?:['’-][A-Za-z]+)*)|.",
    re.DOTALL,
)
UNSEEN = 0.5  # the count of a character that the corpus never had alone


class Segmenter:
    """Maximises the sum of ln(count / total) over the words of a text.

    Args:
        counts: words and single characters with their counts; the character `0` stands for any
            number.
    """

    def __init__(self, counts: Mapping[str, float]) -> None:
        total = sum(counts.values()) + 1.0
        self.log_probability = {w: math.log(c / total) for w, c in counts.items() if c > 0}
        self.unseen = math.log(UNSEEN / total)
        self.longest = max(map(len, counts), default=1)

    def __call__(self, text: str) -> list[str]:
        """Returns the words of a text; joined, they are the text."""
        spans: list[tuple[int, int]] = []
        symbols: list[str] = []
        for match in SYMBOL.finditer(text):
            spans.append(match.span())
            symbols.append("0" if match["number"] else "a" if match["latin"] else match[0])
        words = _best_path("".join(symbols), self.log_probability, self.unseen, self.longest)
        return [text[spans[i][0] : spans[j - 1][1]] for i, j in words]


def _best_path(
    symbols: str, log_probability: Mapping[str, float], unseen: float, longest: int
) -> Iterator[tuple[int, int]]:
    """Yields the spans of the best path, first to last.

    best(j) = max over i of best(i) + ln p(symbols[i:j]).
    """
    best = [0.0] + [-math.inf] * len(symbols)
    start = [0] * (len(symbols) + 1)
    for i in range(len(symbols)):
        here = best[i]
        for j in range(i + 1, min(i + longest, len(symbols)) + 1):
            p = log_probability.get(symbols[i:j])
            if p is None:
                if j > i + 1:
                    continue
                p = unseen
            if here + p > best[j]:
                best[j] = here + p
                start[j] = i
    spans = []
    j = len(symbols)
    while j:
        spans.append((start[j], j))
        j = start[j]
    return reversed(spans)
