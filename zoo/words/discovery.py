"""From text to a lexicon: the post's method, its 2019 counting, and the scored one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from zoo.kernels.cache import announced
from zoo.words.choice import MAX_LENGTH, Method, choose
from zoo.words.coarse_cut import THRESHOLDS, Pieces, cohesive, cut
from zoo.words.counting.chunks import THREADS, count
from zoo.words.counting.counts import Counts, is_counts
from zoo.words.counting.memory import Budget, Storage, give_back
from zoo.words.kenlm_counts import measure_truncated
from zoo.words.kernels.rows import ORDER
from zoo.words.lexicon import Lexicon
from zoo.words.listing import Listing
from zoo.words.long_words import chained
from zoo.words.ngram_statistics import automatic_min_count, measure
from zoo.words.ngram_table import Ngrams
from zoo.words.segmentation.recounting import recounted
from zoo.words.texts.folding import Characters, Folding
from zoo.words.texts.paths import Source, find_paths
from zoo.words.texts.reading import read

Counting = Literal["exact", "truncated"]
Errors = Literal["strict", "replace"]

METHOD: Method = "pmi+entropy"
DEFAULT_CHARACTERS: dict[Method, Characters] = {"pmi+entropy": "unspaced", "ngram": "post"}
log = logging.getLogger(__name__)
Cutter = Callable[[Ngrams, np.ndarray, np.ndarray], Pieces]  # n-grams, those kept and chained


def discover_words(
    source: Source | Counts,
    *,
    method: Method = METHOD,
    counting: Counting | None = None,
    min_count: int | None = None,
    max_length: int = MAX_LENGTH,
    thresholds: Sequence[float] = THRESHOLDS,
    characters: Characters | None = None,
    recount: bool = False,
    memory: float | str | None = None,
    threads: int = THREADS,
    progress: bool = False,
    **options: Any,
) -> Lexicon:
    """Find the words of a text.

    Args:
        source: a text, an iterable of texts or lines, a file, folder or glob (`Path`, or a `str`
            that names one), several of them, `"-"` for standard input, or `Counts`. Files of
            saved counts stand for the texts that were counted.
        method: `"pmi+entropy"` scores every n-gram by cohesion, freedom and the characters at
            its ends (`features`); `"ngram"` is the method of kexue.fm/archives/4256 and 6920.
        counting: `"truncated"` reproduces the counts of the 2019 repository; only for `"ngram"`.
            None means `"exact"`, or as what is counted already was counted.
        min_count: least count of a word; None chooses it by the size of the corpus, and raises
            it if the memory has no room for so many n-grams. `segment` knows words down to the
            automatic one, if it is lower.
        max_length: longest word, in characters; words of more than four are chains of n-grams.
        thresholds: least cohesion of n-grams that are never cut, for 1 to 4 characters, in nats.
        characters: which characters words are made of, see `Folding`; None means as what is
            counted already was counted, and else chooses by method.
        recount: let the segmenter count words where it uses them, see `segmentation.recounting`:
            it segments better, and the text is cut twice more, at the segmenter's speed.
        memory: bytes, or a size such as `"512MB"`, not to pass; the rest goes to a temporary
            folder. None means half of the machine's memory.
        threads: threads that count.
        progress: show a progress bar.
        options: how texts are read, see `count_ngrams`: `half_width`, `encoding`, `errors`,
            `skip_bad`, `dedup`; and which of the words found are listed, see `Listing`:
            `exclude`, `known`, `stop_characters`, `min_score`, `min_pmi`, `min_entropy`.

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
    listing = Listing.taken_from(options)
    with Storage() as storage, announced(progress):
        counts = count_ngrams(
            source,
            characters=characters,
            default_characters=DEFAULT_CHARACTERS[method],
            counting=counting,
            memory=memory,
            threads=threads,
            progress=progress,
            storage=storage,
            **options,
        )
        budget = Budget.of(memory, threads)
        given = (method, min_count, max_length, thresholds, recount)
        return listing.of(discover(counts, *given, budget=budget, progress=progress))


def count_ngrams(
    source: Source | Counts,
    *,
    characters: Characters | None = None,
    half_width: bool = False,
    counting: Counting | None = None,
    encoding: str = "utf-8",
    errors: Errors = "strict",
    skip_bad: bool = False,
    dedup: bool = False,
    memory: float | str | None = None,
    threads: int = THREADS,
    progress: bool = False,
    storage: Storage | None = None,
    default_characters: Characters = "unspaced",
) -> Counts:
    """Count the n-grams of a text: the first half of `discover_words`, to save and to merge.

    Args:
        source: as `discover_words` takes it; what is counted already is merged with the rest,
            which is counted in the same way.
        characters: which characters words are made of, see `Folding`; None means those of what is
            counted already, else `default_characters`.
        half_width: fold full-width forms to half-width ones.
        counting: see `discover_words`.
        encoding: encoding of files, for instance `"gb18030"`.
        errors: `"strict"` refuses invalid bytes, `"replace"` reads them as breaks.
        skip_bad: leave out files that are damaged or cannot be decoded; a warning names them.
        dedup: count lines that occur several times once.
        memory: bytes, or a size such as `"512MB"`, not to pass.
        threads: threads that count.
        progress: show a progress bar.
        storage: holds what passes the memory limit; it must stay open while the counts are used.
        default_characters: see `characters`.

    Raises:
        ValueError: if what is counted already was counted in another way than is asked for.
    """
    known, texts = (source, []) if isinstance(source, Counts) else _counted(source)
    asked = {"characters": characters, "half_width": half_width or None, "counting": counting}
    ways = _ways(known, default_characters, asked)
    if known is not None and not texts:
        return known
    budget = Budget.of(memory, threads)
    storage = Storage() if storage is None else storage
    storage.limit = budget.held
    reading = {"encoding": encoding, "errors": errors, "skip_bad": skip_bad, "dedup": dedup}
    with read(texts, **reading, progress=progress) as blocks:
        counted = count(
            blocks,
            **ways,
            chunk=budget.chunk,
            threads=threads,
            storage=storage,
        )
    return counted if known is None else Counts.merge(known, counted)


def _counted(source: Source) -> tuple[Counts | None, Source]:
    """Return the counts in files of a source, merged, and the rest of it."""
    paths = find_paths(source) or []
    saved = [path for path in paths if path is not None and is_counts(path)]
    if not saved:
        return None, source
    rest = [path or "-" for path in paths if path not in saved]
    return Counts.merge(*map(Counts.load, saved)), rest


def _ways(known: Counts | None, characters: Characters, asked: dict[str, Any]) -> dict[str, Any]:
    """Return how to count texts: as is asked for, else as others were counted.

    Args:
        known: what is counted already, or None.
        characters: those to take where nothing tells.
        asked: characters, half_width, counting; None where nothing is asked.
    """
    ways = {"characters": characters, "half_width": False, "counting": "exact"}
    if known is not None:
        counting = "exact" if known.windows == "exact" else "truncated"
        folding = {"characters": known.characters, "half_width": known.half_width}
        ways = {**folding, "counting": counting}
        for name, value in asked.items():
            if value not in (None, ways[name]):
                raise ValueError(
                    f"{name} is {value!r}: expected {ways[name]!r}, as the counts were made; "
                    "leave it out, or count the texts again"
                )
    ways |= {name: value for name, value in asked.items() if value is not None}
    if ways.pop("counting") == "exact":
        return {**ways, "windows": "exact"}
    return {**ways, "characters": "post+space", "windows": "padded"}


def discover(
    counts: Counts,
    method: Method = METHOD,
    min_count: int | None = None,
    max_length: int = MAX_LENGTH,
    thresholds: Sequence[float] = THRESHOLDS,
    recount: bool = False,
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

    Raises:
        ValueError: if the counts are truncated and the method needs entropies.
    """
    automatic = automatic_min_count(counts.length)
    least = min_count or automatic
    if counts.windows == "exact":
        least = min(least, automatic)
        ngrams = measure(counts, min_count, budget, rarer=automatic, progress=progress)
    else:
        check(method, "truncated")
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
    if min_count not in (None, ngrams.min_count):
        ngrams = ngrams.at_least(min_count)
        lexicon = _knowing(chosen(ngrams), lexicon)
    return recounted(lexicon, counts, progress=progress) if recount else lexicon


def _knowing(lexicon: Lexicon, wider: Lexicon) -> Lexicon:
    """Return a lexicon with all words of a wider one in the background."""
    rarer = {word: count for word, count in wider.known().items() if word not in lexicon}
    return replace(lexicon, background={**lexicon.background, **rarer})


def check(
    method: str = METHOD,
    counting: str | None = None,
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
    if counting not in (None, "exact", "truncated"):
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
