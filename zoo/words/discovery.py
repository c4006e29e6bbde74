"""From text to a lexicon: the post's method, its 2019 counting, and the scored one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import compress
from typing import Literal

import numpy as np

from zoo.kernels.cache import announced
from zoo.words.chunks import THREADS, count
from zoo.words.coarse_cut import Pieces, cut
from zoo.words.counts import Counts
from zoo.words.folding import DIGIT, Characters, Folding, begins_no_word
from zoo.words.kenlm_counts import measure_truncated
from zoo.words.kernels.coarse_cut import ALONE
from zoo.words.kernels.rows import ORDER
from zoo.words.lexicon import Lexicon, ranked
from zoo.words.long_words import chained, score_long
from zoo.words.measures import automatic_min_count, measure
from zoo.words.memory import Budget, Storage, give_back
from zoo.words.ngram_table import Ngrams, spell
from zoo.words.reading import Source, read
from zoo.words.scoring import LEAST, LEAST_LONG, score

Method = Literal["pmi+entropy", "ngram"]
Counting = Literal["exact", "truncated"]
Errors = Literal["strict", "replace"]

METHOD: Method = "pmi+entropy"
MAX_LENGTH = 8  # characters
DEFAULT_CHARACTERS: dict[Method, Characters] = {"pmi+entropy": "unspaced", "ngram": "post"}
THRESHOLDS = (0.0, 2.0, 4.0, 6.0)  # nats, for n-grams of 1 to 4 characters; the first is unused
log = logging.getLogger(__name__)
Cutter = Callable[[Ngrams, np.ndarray, np.ndarray], Pieces]  # n-grams, those kept and chained


def discover_words(
    source: Source,
    *,
    method: Method = METHOD,
    counting: Counting = "exact",
    min_count: int | None = None,
    max_length: int = MAX_LENGTH,
    thresholds: Sequence[float] = THRESHOLDS,
    characters: Characters | None = None,
    half_width: bool = False,
    exclude: Iterable[str] = (),
    encoding: str = "utf-8",
    errors: Errors = "strict",
    skip_bad: bool = False,
    dedup: bool = False,
    memory: int | str | None = None,
    threads: int = THREADS,
    progress: bool = False,
) -> Lexicon:
    """Find the words of a text.

    Args:
        source: a text, an iterable of texts or lines, a file, folder or glob (`Path`, or a `str`
            that names one), several of them, `"-"` for standard input, or `Counts`.
        method: `"pmi+entropy"` scores every n-gram by cohesion, freedom and the characters at
            its ends (`scoring`); `"ngram"` is the method of kexue.fm/archives/4256 and 6920.
        counting: `"truncated"` reproduces the counts of the 2019 repository; only for `"ngram"`.
        min_count: least count of a word; None chooses it by the size of the corpus, and raises
            it if the memory has no room for so many n-grams. `segment` knows words down to the
            automatic one, if it is lower.
        max_length: longest word, in characters; words of more than four are chains of n-grams.
        thresholds: least cohesion of n-grams that are never cut, for 1 to 4 characters, in nats.
        characters: which characters words are made of, see `Folding`; None chooses by method.
        half_width: fold full-width forms to half-width ones.
        exclude: words to leave out of the result: a dictionary.
        encoding: encoding of files, for instance `"gb18030"`.
        errors: `"strict"` refuses invalid bytes, `"replace"` reads them as breaks.
        skip_bad: leave out files that are damaged or cannot be decoded; a warning names them.
        dedup: count lines that occur several times once.
        memory: bytes, or a size such as `"512MB"`, not to pass; the rest goes to a temporary
            folder. None means half of the machine's memory.
        threads: threads that count.
        progress: show a progress bar.

    Returns:
        The lexicon, the same for any order of lines, number of threads and memory, unless a
        warning says that there was no room.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: naming the argument, or the file and byte that cannot be decoded.

    >>> text = "今天天气好。明天天气好。天气不好。" * 9
    >>> list(discover_words(text, method="ngram", thresholds=(0, 1, 2, 3)))
    ['今天', '明天']
    """
    check(method, counting, min_count, max_length, thresholds)
    budget = Budget.of(memory, threads)
    with Storage() as storage, announced(progress):
        counts = source
        if not isinstance(counts, Counts):
            counts = count_ngrams(
                counts,
                characters=characters or DEFAULT_CHARACTERS[method],
                half_width=half_width,
                counting=counting,
                encoding=encoding,
                errors=errors,
                skip_bad=skip_bad,
                dedup=dedup,
                memory=memory,
                threads=threads,
                progress=progress,
                storage=storage,
            )
        options = {"budget": budget, "progress": progress}
        found = discover(counts, method, min_count, max_length, thresholds, **options)
        return found.without(exclude)


def count_ngrams(
    source: Source,
    *,
    characters: Characters = "unspaced",
    half_width: bool = False,
    counting: Counting = "exact",
    encoding: str = "utf-8",
    errors: Errors = "strict",
    skip_bad: bool = False,
    dedup: bool = False,
    memory: int | str | None = None,
    threads: int = THREADS,
    progress: bool = False,
    storage: Storage | None = None,
) -> Counts:
    """Count the n-grams of a text: the first half of `discover_words`, to save and to merge.

    Args are those of `discover_words`; `storage` holds what passes the memory limit and must
    stay open as long as the counts are used.
    """
    budget = Budget.of(memory, threads)
    storage = Storage() if storage is None else storage
    storage.limit = budget.held
    reading = {"encoding": encoding, "errors": errors, "skip_bad": skip_bad, "dedup": dedup}
    with read(source, **reading, progress=progress) as blocks:
        return count(
            blocks,
            characters=characters if counting == "exact" else "post+space",
            half_width=half_width,
            windows="exact" if counting == "exact" else "padded",
            chunk=budget.chunk,
            threads=threads,
            storage=storage,
        )


def discover(
    counts: Counts,
    method: Method = METHOD,
    min_count: int | None = None,
    max_length: int = MAX_LENGTH,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    budget: Budget | None = None,
    progress: bool = False,
    cutter: Cutter | None = None,
) -> Lexicon:
    """Find the words of counted text: the second half of `discover_words`.

    Where `min_count` is above the automatic one, the background holds what the automatic one
    finds and the lexicon does not list: most are rarer, and of two and three characters.

    Args are those of `discover_words`, and:
        budget: memory to keep to; None means half of the machine's.
        cutter: what cuts the text, where it does not lie here.
    """
    automatic = automatic_min_count(counts.length)
    least = min_count or automatic
    if counts.windows == "exact":
        least = min(least, automatic)
        ngrams = measure(counts, min_count, budget, rarer=automatic, progress=progress)
    else:
        ngrams = measure_truncated(counts, min_count, budget, progress=progress)
    if ngrams.min_count > least:
        whose = "" if min_count is None else ", in the segmenter"
        log.warning(
            "the memory limit has room for n-grams of %d times only%s", ngrams.min_count, whose
        )

    def cut_here(ngrams: Ngrams, kept: np.ndarray, chained: np.ndarray) -> Pieces:
        return cut(counts.texts(progress=progress), ngrams, kept, max_length, chained)

    cutter = cutter or cut_here

    def chosen(ngrams: Ngrams) -> Lexicon:
        give_back()
        kept = cohesive(ngrams, thresholds)
        pieces = cutter(ngrams, kept, kept if method == "ngram" else chained(ngrams))
        give_back()
        one = Folding(counts.characters).numbers_are_one
        return choose(ngrams, kept, pieces, method, max_length, numbers_are_one=one)

    lexicon = chosen(ngrams)
    if min_count in (None, ngrams.min_count):
        return lexicon
    ngrams = ngrams.at_least(min_count)
    return _knowing(chosen(ngrams), lexicon)


def _knowing(lexicon: Lexicon, wider: Lexicon) -> Lexicon:
    """Return a lexicon with all words of a wider one in the background."""
    rarer = {word: count for word, count in wider.known().items() if word not in lexicon}
    return replace(lexicon, background={**lexicon.background, **rarer})


def cohesive(ngrams: Ngrams, thresholds: Sequence[float] = THRESHOLDS) -> np.ndarray:
    """Return which n-grams are never cut: bool (n-grams,): `pmi` reaches the order's threshold."""
    kept = np.isfinite(ngrams.pmi)
    for order in range(2, ORDER + 1):
        places = slice(ngrams.starts[order], ngrams.starts[order + 1])
        kept[places] &= ngrams.pmi[places] >= thresholds[order - 1]
    return kept


def choose(
    ngrams: Ngrams,
    kept: np.ndarray,
    pieces: Pieces,
    method: Method,
    max_length: int = MAX_LENGTH,
    *,
    numbers_are_one: bool = False,
) -> Lexicon:
    """Return the lexicon: the words among the n-grams and the longer chains of them.

    `"ngram"`: pieces of the coarse cut with enough occurrences; those of three and four
    characters must be kept n-grams, and of longer ones every 4-gram must be (back-tracking).
    `"pmi+entropy"`: n-grams and chains with a score above the least one of their length.
    """
    lengths = ngrams.lengths
    if method == "ngram":
        scores = pieces.short.astype(float)
        words = (pieces.short >= ngrams.min_count) & (lengths > 1) & ((lengths == 2) | kept)
        counts = pieces.short
    else:
        scores = score(ngrams, pieces)
        words = scores > np.array([np.inf, np.inf, *LEAST.values()])[lengths]
        counts = ngrams.grams["count"]
    begins = ~np.array([0, *map(begins_no_word, map(chr, ngrams.alphabet))], bool)  # by code
    first = ngrams.grams["key"] >> (np.uint64(16) * (np.maximum(lengths, 1) - 1).astype(np.uint64))
    words = words & (lengths <= max_length) & begins[first.astype(np.int64)]
    places = np.flatnonzero(words)
    grams = ngrams.grams[places]
    short = [
        counts[places],
        scores[places],
        ngrams.pmi[places],
        grams["left_entropy"],
        grams["right_entropy"],
    ]
    long = {
        piece: n
        for piece, n in pieces.long.items()
        if n >= ngrams.min_count and begins[int.from_bytes(piece[:2], sys.byteorder)]
    }
    long_counts = np.array(list(long.values()), np.int64)
    long_scores = long_counts.astype(float)
    least = 0.0
    if method != "ngram":
        least = LEAST_LONG
        long_scores = score_long(ngrams, pieces, scores, list(long), long_counts)
    words = long_scores > least
    names = [spell(np.frombuffer(x, np.uint16), ngrams.alphabet) for x in compress(long, words)]
    unknown = np.full(len(names), np.nan)
    longer = (long_counts[words], long_scores[words], *[unknown] * 3)
    columns = [np.concatenate(pair) for pair in zip(short, longer, strict=True)]
    alone = _alone(ngrams, pieces)
    lexicon = ranked(ngrams.words(places) + names, columns, alone, ngrams.min_count)
    return _without_patterns(lexicon) if numbers_are_one else lexicon


def _alone(ngrams: Ngrams, pieces: Pieces) -> dict[str, int]:
    """Return how often each single character was a piece."""
    codes = np.flatnonzero(pieces.roles[ALONE])
    characters = spell(codes, ngrams.alphabet)
    counts = dict(zip(characters, pieces.roles[ALONE, codes].tolist(), strict=True))
    counts.pop(" ", None)
    return counts


def _without_patterns(lexicon: Lexicon) -> Lexicon:
    """Move number patterns such as `0年` from the words to the background."""
    number = chr(DIGIT)
    pattern = np.array([number in word for word in lexicon.words], bool)
    return lexicon.where(~pattern)


def check(
    method: str = METHOD,
    counting: str = "exact",
    min_count: int | None = None,
    max_length: int = MAX_LENGTH,
    thresholds: Sequence[float] = THRESHOLDS,
) -> None:
    """Refuse arguments that `discover_words` cannot mean.

    Raises:
        ValueError: naming the argument and what was expected.
    """
    if method not in ("pmi+entropy", "ngram"):
        raise ValueError(f"method={method!r}: expected 'pmi+entropy' or 'ngram'")
    if counting not in ("exact", "truncated"):
        raise ValueError(f"counting={counting!r}: expected 'exact' or 'truncated'")
    if counting == "truncated" and method != "ngram":
        raise ValueError("counting='truncated' has no entropies: use it with method='ngram'")
    if min_count is not None and (min_count < 1 or min_count != int(min_count)):
        raise ValueError(f"min_count={min_count}: expected a whole number, at least 1")
    if max_length < 2:
        raise ValueError(f"max_length={max_length}: expected at least 2")
    if len(thresholds) != ORDER:
        raise ValueError(
            f"thresholds={thresholds}: expected {ORDER} numbers, for 1 to 4 characters"
        )
