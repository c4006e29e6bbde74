"""A unigram segmenter: the most probable sequence of words, by Viterbi's algorithm."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

# Numbers, Latin words and runs of one punctuation mark are one symbol each.
SYMBOL = re.compile(
    r"(?P<number>\d+(?:[.．·,，:∶]\d+)*[%％‰]?)"
    r"|(?P<latin>[A-Za-zＡ-Ｚａ-ｚ]+(?:['’-][A-Za-z]+)*)"
    r"|(?P<run>(?P<mark>[^\w\s])(?P=mark)+)|.",
    re.DOTALL,
)
UNSEEN = 0.5  # the count of a character that the corpus never had alone
NEW_WORDS = {2: 0.2, 3: 0.03}  # prior of a word outside the lexicon, by length


class Segmenter:
    """Maximises the sum of ln p(w) over the words of a text.

    For known words p is count / total. A word w = c1..cn outside the lexicon, of two or three
    characters, has `p = prior(n) p(c1 | begins) p(c2 | inside) p(cn | ends)`, with the places of
    characters in the known words: what jieba's hidden Markov model does, learned from the
    lexicon itself. The two priors were chosen on the first half of the People's Daily.

    Args:
        counts: words and single characters with their counts; the character `0` stands for any
            number. `Lexicon.segmenter` gives rarer words than the lexicon lists, too.
        new_words: whether words outside the lexicon are formed.
    """

    def __init__(self, counts: Mapping[str, float], *, new_words: bool = True) -> None:
        total = sum(counts.values()) + 1.0
        self.known = {w: math.log(c / total) for w, c in counts.items() if c > 0}
        self.unseen = math.log(UNSEEN / total)
        self.longest = max(map(len, counts), default=1)
        self.places: tuple[Mapping[str, float], ...] = ({}, {}, {})
        if new_words:
            self.longest = max(3, self.longest)
            self.places = _places(counts)

    def __call__(self, text: str) -> list[str]:
        """Returns the words of a text; joined, they are the text."""
        spans: list[tuple[int, int]] = []
        symbols: list[str] = []
        for match in SYMBOL.finditer(text):
            spans.append(match.span())
            kind = match.lastgroup
            symbols.append({"number": "0", "latin": "a", None: match[0]}.get(kind, "-"))
        words = _best_path("".join(symbols), self.log_probability, self.longest)
        return [text[spans[i][0] : spans[j - 1][1]] for i, j in words]

    def log_probability(self, word: str) -> float:
        """Returns ln p(word); minus infinity for what cannot be a word."""
        known = self.known.get(word)
        if known is not None:
            return known
        if len(word) == 1:
            return self.unseen
        begins, inside, ends = self.places
        if len(word) > 3 or word[0] not in begins or word[-1] not in ends:
            return -math.inf
        value = math.log(NEW_WORDS[len(word)]) + begins[word[0]] + ends[word[-1]]
        return value + inside.get(word[1], -math.inf) if len(word) == 3 else value


def _places(counts: Mapping[str, float]) -> tuple[Mapping[str, float], ...]:
    """Returns ln p(character | begins, is inside, ends a word of the lexicon)."""
    places: tuple[dict[str, float], ...] = tuple(defaultdict(float) for _ in range(3))
    for word, count in counts.items():
        if len(word) > 1 and "0" not in word:
            places[0][word[0]] += count
            places[2][word[-1]] += count
            for character in word[1:-1]:
                places[1][character] += count
    totals = [sum(place.values()) for place in places]
    return tuple(
        {c: math.log(n / total) for c, n in place.items()}
        for place, total in zip(places, totals, strict=True)
    )


def _best_path(
    symbols: str, log_probability: Callable[[str], float], longest: int
) -> Iterator[tuple[int, int]]:
    """Yields the spans of the best path, first to last.

    best(j) = max over i of best(i) + ln p(symbols[i:j]).
    """
    best = [0.0] + [-math.inf] * len(symbols)
    start = [0] * (len(symbols) + 1)
    for i in range(len(symbols)):
        for j in range(i + 1, min(i + longest, len(symbols)) + 1):
            value = best[i] + log_probability(symbols[i:j])
            if value > best[j]:
                best[j] = value
                start[j] = i
    spans = []
    j = len(symbols)
    while j:
        spans.append((start[j], j))
        j = start[j]
    return reversed(spans)
