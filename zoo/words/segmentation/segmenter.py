"""A unigram segmenter: the most probable sequence of words, by Viterbi's algorithm."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from zoo.words.kernels import segmenter as kernels
from zoo.words.kernels.folding import CODE_POINTS
from zoo.words.texts.folding import half_width, is_mark

# Numbers, Latin words and runs of one punctuation mark are one symbol each:
# DIGIT+ (SEPARATOR DIGIT+)* PERCENT?, LETTER+ (HYPHEN ASCII+)*, one MARK twice or more.
KINDS = {
    kernels.DIGIT: re.compile(r"\d"),
    kernels.SEPARATOR: re.compile("[.．·,，:∶]"),
    kernels.PERCENT: re.compile("[%％‰]"),
    kernels.LETTER: re.compile("[A-Za-zＡ-Ｚａ-ｚ]"),
    kernels.ASCII: re.compile("[A-Za-z]"),
    kernels.HYPHEN: re.compile("['’-]"),
    kernels.MARK: re.compile(r"[^\w\s]"),
}
UNSEEN = 0.5  # the count of a character that the corpus never had alone
NEW_WORDS = {2: 0.2, 3: 0.03}  # prior of a word outside the lexicon, by length


class Segmenter:
    """Maximises the sum of ln p(w) over the words of a text.

    For known words p is count / total. A word w = c1..cn outside the lexicon, of two or three
    characters, has `p = prior(n) p(c1 | begins) p(c2 | inside) p(cn | ends)`, with the places of
    characters in the known words: what jieba's hidden Markov model does, learned from the
    lexicon itself. The two priors were chosen on the first half of the People's Daily.

    Args:
        counts: words and single characters with their counts. The character `0` stands for any
            number; a Latin word, a number or a run of marks is one symbol of a word, or whole.
            `Lexicon.segmenter` gives words that the lexicon does not list, too.
        new_words: whether words outside the lexicon are formed.
    """

    def __init__(self, counts: Mapping[str, float], *, new_words: bool = True) -> None:
        self.total = total = sum(counts.values()) + 1.0
        self.known = {w: math.log(c / total) for w, c in counts.items() if c > 0}
        longest = max(map(len, counts), default=1)
        places: tuple[Mapping[str, float], ...] = ({}, {}, {})
        priors = np.full(4, -math.inf)
        if new_words:
            longest = max(3, longest)
            places = _places(counts)
            for length, prior in NEW_WORDS.items():
                priors[length] = math.log(prior)
        self.unseen = math.log(UNSEEN / total)
        self._path = (*_trie(self.known), *_columns(places), priors, self.unseen, longest)

    def __call__(self, text: str) -> list[str]:
        """Return the words of a text; joined, they are the text."""
        ends, _ = self._best_path(text)
        bounds = [0, *ends[::-1].tolist()]
        return [text[i:j] for i, j in itertools.pairwise(bounds)]

    def whole_count(self, word: str) -> int:
        """Return the count from which on a word is as probable as its best path, which it beats."""
        _, score = self._best_path(word)
        count = (1 - 1e-9) * self.total * math.exp(score)  # less what rounding adds
        return max(1, math.ceil(count))

    def _best_path(self, text: str) -> tuple[np.ndarray, float]:
        points = _code_points(text)
        return kernels.best_path(points, _kinds(points), *self._path)


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _kinds(points: np.ndarray) -> np.ndarray:
    """Return what each code point is, of these points at least: uint32 (code points,)."""
    table = _all_kinds()
    for point in set(points[table[points] == 0].tolist()):
        table[point] = _kind(chr(point))
    return table


@functools.cache
def _all_kinds() -> np.ndarray:
    """Return the table of kinds, which fills as texts come."""
    table = np.zeros(CODE_POINTS, np.uint32)
    for form in (kernels.NUMBER, kernels.LATIN, kernels.MARKS):
        table[form] = _kind(chr(form))
    return table


def _kind(character: str) -> int:
    kind = ord(half_width(character)) | int(kernels.SEEN)
    kind |= int(kernels.COMBINING) if is_mark(character) else 0
    return kind | sum(int(bit) for bit, pattern in KINDS.items() if pattern.match(character))


def _trie(known: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of a trie of words, and ln p at its nodes, see `kernels.insert`."""
    words = [word for word in known if word]
    ends = np.cumsum([len(word) for word in words], dtype=np.int64)
    slots = 1 << max(4, (2 * sum(map(len, words))).bit_length())
    edges, values = np.zeros(slots, np.uint64), np.full(slots, np.nan)
    logarithms = np.array([known[word] for word in words], float)
    kernels.insert(_code_points("".join(words)), ends, logarithms, edges, values)
    return edges, values


def _columns(places: tuple[Mapping[str, float], ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of characters, and what `places` has of them, see `best_path`."""
    characters = sorted(set().union(*places))
    columns = np.zeros(CODE_POINTS, np.uint32)
    columns[[ord(c) for c in characters]] = np.arange(1, len(characters) + 1)
    rows = [[-math.inf, *(place.get(c, -math.inf) for c in characters)] for place in places]
    return columns, np.array(rows)


def _places(counts: Mapping[str, float]) -> tuple[Mapping[str, float], ...]:
    """Return ln p(character | begins, is inside, ends a word of the lexicon)."""
    places: tuple[dict[str, float], ...] = tuple(defaultdict(float) for _ in range(3))
    for word, count in counts.items():
        if count > 0 and len(word) > 1 and not any(map(str.isdecimal, word)):
            places[0][word[0]] += count
            places[2][word[-1]] += count
            for character in word[1:-1]:
                places[1][character] += count
    totals = [sum(place.values()) for place in places]
    return tuple(
        {c: math.log(n / total) for c, n in place.items()}
        for place, total in zip(places, totals, strict=True)
    )
