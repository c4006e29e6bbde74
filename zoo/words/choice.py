"""Which n-grams and chains of them are words: the lexicon, from what was counted and cut."""

from __future__ import annotations

import sys
from itertools import compress
from typing import Literal

import numpy as np

from zoo.words.coarse_cut import Pieces
from zoo.words.features import LEAST, LEAST_LONG, score
from zoo.words.kernels.coarse_cut import ALONE
from zoo.words.lexicon import Lexicon, ranked
from zoo.words.long_words import score_long
from zoo.words.ngram_table import Ngrams, spell
from zoo.words.texts.folding import DIGIT, begins_no_word

Method = Literal["pmi+entropy", "ngram"]

MAX_LENGTH = 8  # characters


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
    entropies = grams["left_entropy"], grams["right_entropy"]
    short = [counts[places], scores[places], ngrams.pmi[places], *entropies]
    names, long = _long_words(ngrams, pieces, None if method == "ngram" else scores, begins)
    columns = [np.concatenate(pair) for pair in zip(short, long, strict=True)]
    alone = _alone(ngrams, pieces)
    lexicon = ranked(ngrams.words(places) + names, columns, alone, ngrams.min_count)
    return _without_patterns(lexicon) if numbers_are_one else lexicon


def _long_words(
    ngrams: Ngrams, pieces: Pieces, scores: np.ndarray | None, begins: np.ndarray
) -> tuple[list[str], list[np.ndarray]]:
    """Return the words longer than n-grams, and their columns as `ranked` takes them.

    Args:
        ngrams: the n-grams of the text.
        pieces: of the coarse cut.
        scores: of the n-grams; None takes every chain, with its count for a score.
        begins: which codes words may begin with, bool (codes,).
    """
    chains = {
        piece: n
        for piece, n in pieces.long.items()
        if n >= ngrams.min_count and begins[int.from_bytes(piece[:2], sys.byteorder)]
    }
    counts = np.array(list(chains.values()), np.int64)
    if scores is None:
        chosen, values = counts > 0, counts.astype(float)
    else:
        values = score_long(ngrams, pieces, scores, list(chains), counts)
        chosen = values > LEAST_LONG
    codes = (np.frombuffer(piece, np.uint16) for piece in compress(chains, chosen))
    names = [spell(word, ngrams.alphabet) for word in codes]
    unknown = np.full(len(names), np.nan)
    return names, [counts[chosen], values[chosen], unknown, unknown, unknown]


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
