"""The coarse cut: cut the text everywhere except inside kept n-grams, and count the pieces.

The boundary between characters i and i + 1 survives if and only if no kept n-gram covers it, so
overlapping n-grams chain to pieces of any length (kexue.fm/archives/4256).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.words.counting.merge_runs import ahead
from zoo.words.kernels.coarse_cut import (
    CHAINED,
    KEPT,
    cut_pieces,
    insert,
    long_spans,
    longest_ngrams,
)
from zoo.words.kernels.ngram_table import NOWHERE
from zoo.words.kernels.rows import ORDER
from zoo.words.ngram_table import Ngrams

BLOCK = 1 << 17  # characters cut at a time: what is known of them fits the cache
LARGEST_TRIE = 1 << 28  # slots
THRESHOLDS = (0.0, 2.0, 4.0, 6.0)  # nats, for n-grams of 1 to 4 characters; the first is unused


@dataclass(frozen=True)
class Pieces:
    """How often each piece and each place in a piece occurred; parts of a corpus merge.

    Attributes:
        short: int64 (n-grams,): times each n-gram of two or more characters was a piece.
        roles: int64 (3, codes): times each character began, ended or was a whole piece.
        long: codes of longer pieces whose 4-grams are all kept (uint16 bytes) to their counts.
    """

    short: np.ndarray
    roles: np.ndarray
    long: dict[bytes, int]

    @classmethod
    def merge(cls, *parts: Pieces) -> Pieces:
        """Return the pieces of all parts together."""
        long: Counter[bytes] = Counter()
        for part in parts:
            long.update(part.long)
        short = np.sum([part.short for part in parts], axis=0)
        return cls(short, np.sum([part.roles for part in parts], axis=0), long)


def cut(
    texts: Iterable[np.ndarray],
    ngrams: Ngrams,
    kept: np.ndarray,
    longest: int,
    chained: np.ndarray | None = None,
) -> Pieces:
    """Cut a text and count its pieces.

    Args:
        texts: the text in the codes of `ngrams`, in parts: uint16 (length,) each.
        ngrams: the n-grams of the text.
        kept: bool (n-grams,): the n-grams that are never cut.
        longest: longer pieces count in `roles` only, and are not held while they last.
        chained: bool (n-grams,): those that hold the pieces of `long` together, which are cut for
            themselves; by default the same.
    """
    trie = Trie.of(ngrams, kept, kept if chained is None else chained)
    short, long = _ShortPieces(ngrams, trie, longest), _LongPieces(longest)
    for codes, lengths, slots, chains in ahead(_marked(texts, trie)):
        short.add(codes, lengths, slots)
        long.add(codes, chains)
    return Pieces(*short.counts(), long.counts)


class _ShortPieces:
    """Counts pieces that are n-grams, and the places of characters in all pieces."""

    def __init__(self, ngrams: Ngrams, trie: Trie, longest: int) -> None:
        self.ngrams, self.trie, self.longest = ngrams, trie, longest
        self.hits = np.zeros(trie.nodes.size + 1, np.int64)
        self.short = np.zeros(ngrams.grams.size, np.int64)
        self.roles = np.zeros((3, ngrams.alphabet.size + 1), np.int64)
        self.rest = [np.zeros(0, np.uint16), np.zeros(0, np.uint8), np.zeros(0, np.int32)]

    def add(self, *part: np.ndarray) -> None:
        """Take in codes, lengths and slots, see `_marked`."""
        text = [*map(np.concatenate, zip(self.rest, part, strict=True))]
        table = self.ngrams.grams, self.ngrams.slots
        done = cut_pieces(*text, *table, self.hits, self.short, self.roles)
        self.rest = _shortened([x[done:] for x in text], self.longest)

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Return `short` and `roles` of `Pieces`."""
        ends = self.trie.places != NOWHERE
        self.short[self.trie.places[ends]] += self.hits[:-1][ends]
        self.roles[:, 0] = 0  # breaks are pieces of their own
        return self.short, self.roles


class _LongPieces:
    """Counts pieces that are chains of 4-grams."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.counts: Counter[bytes] = Counter()
        self.rest = [np.zeros(0, np.uint16), np.zeros(0, np.uint8)]

    def add(self, *part: np.ndarray) -> None:
        """Take in codes and lengths of chained n-grams, see `_marked`."""
        codes, lengths = map(np.concatenate, zip(self.rest, part, strict=True))
        done, spans = long_spans(lengths, self.longest)
        text = codes.tobytes()
        starts, stops = (spans.T * codes.itemsize).tolist()
        self.counts.update(map(text.__getitem__, map(slice, starts, stops)))
        self.rest = _shortened([codes[done:], lengths[done:]], self.longest)


def cohesive(ngrams: Ngrams, thresholds: Sequence[float] = THRESHOLDS) -> np.ndarray:
    """Return which n-grams are never cut: bool (n-grams,): `pmi` reaches the order's threshold."""
    kept = np.isfinite(ngrams.pmi)
    for order in range(2, ORDER + 1):
        places = slice(ngrams.starts[order], ngrams.starts[order + 1])
        kept[places] &= ngrams.pmi[places] >= thresholds[order - 1]
    return kept


def _shortened(piece: list[np.ndarray], longest: int) -> list[np.ndarray]:
    """Return a piece that goes on, without its middle if it is too long to be counted.

    Args:
        piece: its codes, the lengths of n-grams at each, and what else is known of each.
        longest: see `cut`.

    Returns:
        The first `longest` positions and the last `ORDER`, which n-grams may join to what comes;
        the last of the first ones covers all the others, so that they stay one piece.
    """
    if piece[0].size <= longest + ORDER:
        return piece
    codes, lengths, *others = (np.concatenate([x[:longest], x[-ORDER:]]) for x in piece)
    lengths[longest - 1] = 1 + ORDER
    return [codes, lengths, *others]


@dataclass(frozen=True)
class Trie:
    """N-grams that are kept or chained, and what they begin with, by an open-addressing table.

    Attributes:
        nodes: uint64 (slots,): see `NODE`; 0 where there is none. The slots are a power of two.
        places: int32 (slots,): place of the n-gram, or `NOWHERE` if it only begins others.
    """

    nodes: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, ngrams: Ngrams, kept: np.ndarray, chained: np.ndarray) -> Trie:
        """Return the trie of the n-grams with a true `kept` or `chained`, see `cut`."""
        solid = np.flatnonzero(kept | chained).astype(np.int32)
        lengths = ngrams.lengths[solid]
        most = int((lengths - 1).sum(dtype=np.int64))  # nodes, if no two began alike
        slots = 1 << max(4, (2 * most).bit_length())
        if slots > LARGEST_TRIE:
            raise ValueError(f"{solid.size:,} n-grams are too many to cut by: raise min_count")
        flags = np.where(kept[solid], KEPT, 0) | np.where(chained[solid], CHAINED, 0)
        trie = cls(np.zeros(slots, np.uint64), np.full(slots, NOWHERE, np.int32))
        insert(ngrams.grams["key"][solid], lengths, flags, solid, trie.nodes, trie.places)
        return trie


def _marked(texts: Iterable[np.ndarray], trie: Trie) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield codes of a text, closed by a break, and what `longest_ngrams` says of each."""
    held = np.zeros(0, np.uint16)
    parts = (text[i : i + BLOCK] for text in texts for i in range(0, text.size, BLOCK))
    for part in itertools.chain(parts, [np.zeros(ORDER, np.uint16)]):
        codes = np.concatenate([held, part])
        known = max(0, codes.size - ORDER + 1)
        yield (codes[:known], *longest_ngrams(codes, trie.nodes, known))
        held = codes[known:]
