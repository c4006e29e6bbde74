"""The result of word discovery: a table of words, best first."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from zoo.errors import LARGEST_COUNT
from zoo.files import replacing
from zoo.words.dictionaries import write_dictionary
from zoo.words.segmentation.segmenter import Segmenter
from zoo.words.texts.word_lists import word_counts

Order = Literal["score", "count", "salience"]
PRIOR = 1000.0  # the weight of the prior of salience, in words
COLUMNS = ("word", "count", "score", "pmi", "left_entropy", "right_entropy")


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The words found, best first (see `sorted`); all arrays have one entry a word.

    Attributes:
        words: object (words,): text of two characters or more.
        count: int64 (words,): occurrences in the corpus.
        score: float64 (words,): the method's own order; with `"pmi+entropy"`, ln of the odds
            that it is a word.
        pmi: float64 (words,): least pointwise mutual information over the cuts, in nats; NaN for
            words longer than four characters, which are chains of n-grams.
        left_entropy: float64 (words,): branching entropy on the left, in nats; NaN likewise.
        right_entropy: float64 (words,): the same on the right.
        background: what the segmenter knows besides, and how often it occurred: single
            characters as pieces of their own, number patterns such as `0年`, and words that are
            not listed: left out (`without`, `top`), or too rare for `min_count`. If the words
            were counted where they are used (`recount`), it has a count for listed ones, too.
        min_count: the least count, as given or chosen; 1 in a table that was loaded.
    """

    words: np.ndarray
    count: np.ndarray
    score: np.ndarray
    pmi: np.ndarray
    left_entropy: np.ndarray
    right_entropy: np.ndarray
    background: Mapping[str, int] = field(default_factory=dict, repr=False)
    min_count: int = 1

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._places

    @cached_property
    def _places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def segmenter(self) -> Segmenter:
        """A unigram segmenter with these words and those of the background, see `known`."""
        return Segmenter(self.known())

    def known(self, chosen: np.ndarray | slice = slice(None)) -> dict[str, int]:
        """Return what the segmenter knows, and how often each occurred.

        It is the background and the words with a positive score; the others, all of four
        characters or more, are more probably phrases.

        Args:
            chosen: which words of the list, bool (words,); all by default.
        """
        words, count = self.words[chosen], self.count[chosen].tolist()
        likely = (self.score[chosen] > 0).tolist()
        listed = {w: c for w, c, yes in zip(words, count, likely, strict=True) if yes}
        return {**listed, **self.background}

    @property
    def counts(self) -> dict[str, int]:
        """How often each word occurred, the background's and those listed."""
        return {**self.background, **dict(zip(self.words, self.count.tolist(), strict=True))}

    def segment(self, text: str) -> list[str]:
        """Return the words of a text; joined, they are the text again.

        >>> words = np.array(["今天", "天气"], object)
        >>> columns = [np.array(x) for x in ([9, 9], [2.0, 1.0], *[[1.0, 1.0]] * 3)]
        >>> Lexicon(words, *columns).segment("今天天气好")
        ['今天', '天气', '好']
        """
        return self.segmenter(text)

    def without(self, known: Iterable[str]) -> Lexicon:
        """Return the words that are not in `known`: the new ones; see `where`."""
        known = word_counts("known", known)
        if not known:
            return self
        return self.where(np.array([word not in known for word in self.words], bool))

    def top(self, words: int) -> Lexicon:
        """Return the best words only; see `where`.

        Raises:
            ValueError: if their number is below 0.
        """
        if words < 0:
            raise ValueError(f"top is {words}: expected 0 or more")
        return self.where(np.arange(min(words, len(self))))

    def knowing(self, words: Iterable[str] | Mapping[str, float]) -> Lexicon:
        """Return the lexicon with words known in advance in the background, not in the list.

        Args:
            words: words of the user, or words and how often they occur. Where that is too seldom
                for the segmenter to leave the word whole, it counts as often as that takes.
        """
        known = self.known()
        new = {w: max(int(n), known.get(w, 0)) for w, n in word_counts("words", words).items() if w}
        for _, alike in itertools.groupby(sorted(new, key=len), len):
            parts = Segmenter({**known, **new})  # shorter ones have their counts
            new |= {word: max(new[word], parts.whole_count(word)) for word in alike}
        others = self.without(new)
        return replace(others, background={**others.background, **new})

    def salience(self, against: Mapping[str, float]) -> np.ndarray:
        """Return how peculiar each word is to this corpus: float64 (words,), see `salience`.

        Args:
            against: words of other text and their counts, such as another lexicon's `counts`.
        """
        return salience(self.words, self.count, float(sum(self.counts.values())), against)

    def sorted(self, order: Order, against: Mapping[str, float] | None = None) -> Lexicon:
        """Return the same words, those that come first by score, count or salience first.

        Args:
            order: `"score"`, `"count"`, or `"salience"`: what is peculiar to this corpus.
            against: for salience, words of other text and their counts.

        Raises:
            ValueError: if the order is none of these, or salience has nothing to compare with.
        """
        if order == "salience":
            if against is None:
                raise ValueError("against is None: expected words and counts of other text")
            values = self.salience(against)
        elif order in ("score", "count"):
            values = self.score if order == "score" else self.count
        else:
            raise ValueError(f"order={order!r}: expected 'score', 'count' or 'salience'")
        return self.where(np.lexsort((self.words.astype(str), -values)))

    def where(self, chosen: np.ndarray) -> Lexicon:
        """Return the words that a boolean array marks, or those at an array of places.

        The others go to the background: no longer listed, still known to the segmenter.
        """
        columns = {name: getattr(self, name)[chosen] for name in _FIELDS}
        left = np.ones(len(self), bool)
        left[chosen] = False
        return replace(self, **columns, background=self.known(left))

    def save(self, path: str | Path) -> None:
        """Write a table of tab-separated values with a header; the file appears whole or not.

        The rows of the background come last, without scores.
        """
        with (
            replacing(Path(path)) as partial,
            partial.open("w", encoding="utf-8", newline="") as file,
        ):
            rows = csv.writer(file, dialect="excel-tab", lineterminator="\n")
            rows.writerow(COLUMNS)
            columns = (self.count, self.score, self.pmi, self.left_entropy, self.right_entropy)
            rows.writerows(zip(self.words, *(c.tolist() for c in columns), strict=True))
            rows.writerows((word, count, "", "", "", "") for word, count in self.background.items())

    @classmethod
    def load(cls, path: str | Path) -> Lexicon:
        """Read a table written by `save`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: naming the file and line that is not such a table.
        """
        words: list[str] = []
        numbers: list[tuple[float, ...]] = []
        background: dict[str, int] = {}
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, dialect="excel-tab")
            if tuple(next(rows, ())) != COLUMNS:
                head = " ".join(COLUMNS)
                raise ValueError(f"{path}: expected the header {head}, as `zoo words -o` writes it")
            for number, row in enumerate(_whole(rows, path), 2):
                word, values = "".join(row[:1]), _numbers(row[1:], f"{path}:{number}")
                if len(values) == 1:
                    background[word] = int(values[0])
                else:
                    words.append(word)
                    numbers.append(values)
        table = np.array(numbers, float).reshape(-1, len(COLUMNS) - 1)
        arrays = [table[:, 0].astype(np.int64), *table.T[1:].copy()]
        return cls(np.array(words, object), *arrays, background=background)

    def to_jieba(self, path: str | Path) -> None:
        """Write a user dictionary for jieba: `word count` a line."""
        self.to_dictionary(path, "jieba")

    def to_dictionary(self, path: str | Path, program: str) -> None:
        """Write the words for another program, see `dictionaries.write_dictionary`."""
        write_dictionary(path, program, zip(self.words, self.count.tolist(), strict=True))


_FIELDS = ("words", *COLUMNS[1:])


def _whole(rows: Iterator[list[str]], path: str | Path) -> Iterator[list[str]]:
    """Yield the rows of a table; the reader's own error is no ValueError."""
    try:
        yield from rows
    except csv.Error as error:
        raise ValueError(f"{path}: {error}") from error


def _numbers(columns: list[str], where: str) -> tuple[float, ...]:
    """Return the numbers of a row: all of them, or the count alone if there are no others.

    The count comes first; the segmenter takes its logarithm.
    """
    try:
        values = tuple(float(column) for column in columns if column)
    except ValueError:
        values = ()
    if values and not 0 <= values[0] < LARGEST_COUNT:
        raise ValueError(f"{where}: the count is {values[0]}: expected a number from 0 on")
    if len(columns) != len(COLUMNS) - 1 or len(values) not in (1, len(columns)):
        raise ValueError(f"{where}: expected {len(COLUMNS)} columns: {' '.join(COLUMNS)}")
    return values


def ranked(
    words: Sequence[str],
    columns: Sequence[np.ndarray],
    background: Mapping[str, int],
    min_count: int = 1,
) -> Lexicon:
    """Return a lexicon of unsorted columns (those of `COLUMNS`), by score, then by text."""
    text = np.array(words, object)
    best = np.lexsort((text.astype(str), -columns[1]))
    count, score, pmi, left, right = (column[best] for column in columns)
    return Lexicon(text[best], count, score, pmi, left, right, background, min_count)


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
