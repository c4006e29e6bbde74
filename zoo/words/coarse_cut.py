"""The coarse cut: cut the text everywhere except inside kept n-grams, and count the pieces.

The boundary between characters i and i + 1 survives if and only if no kept n-gram covers it, so
overlapping n-grams chain to pieces of any length (kexue.fm/archives/4256).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from zoo.words.kernels.coarse_cut import cut_pieces, hashes, insert, longest_ngrams
from zoo.words.kernels.ngram_table import NOWHERE
from zoo.words.kernels.rows import ORDER
from zoo.words.merge_runs import ahead
from zoo.words.ngram_table import Ngrams

BLOCK = 1 << 17  # characters cut at a time: what is known of them fits the cache
LARGEST_TRIE = 1 << 28  # slots


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
        long: dict[bytes, int] = {}
        for part in parts:
            for piece, count in part.long.items():
                long[piece] = long.get(piece, 0) + count
        short = np.sum([part.short for part in parts], axis=0)
        return cls(short, np.sum([part.roles for part in parts], axis=0), long)


def cut(texts: Iterable[np.ndarray], ngrams: Ngrams, kept: np.ndarray, longest: int) -> Pieces:
    """Cut a text and count its pieces.

    Args:
        texts: the text in the codes of `ngrams`, in parts: uint16 (length,) each.
        ngrams: the n-grams of the text.
        kept: bool (n-grams,): the n-grams that are never cut.
        longest: longer pieces count in `roles` only, and are not held while they last.
    """
    trie = Trie.of(ngrams, kept)
    hits = np.zeros(trie.nodes.size + 1, np.int64)
    short = np.zeros(ngrams.grams.size, np.int64)
    roles = np.zeros((3, ngrams.alphabet.size + 1), np.int64)
    long: dict[bytes, int] = {}
    rest = [np.zeros(0, np.uint16), np.zeros(0, np.uint8), np.zeros(0, np.int32)]
    for part in ahead(_marked(texts, trie)):
        codes, lengths, slots = map(np.concatenate, zip(rest, part, strict=True))
        done, spans = cut_pieces(
            codes, lengths, slots, ngrams.grams, ngrams.slots, hits, short, roles
        )
        spans = spans[spans[:, 1] - spans[:, 0] <= longest]
        _, first, times = np.unique(hashes(codes, spans), return_index=True, return_counts=True)
        for (start, stop), count in zip(spans[first].tolist(), times.tolist(), strict=True):
            piece = codes[start:stop].tobytes()
            long[piece] = long.get(piece, 0) + count
        rest = _shortened([codes[done:], lengths[done:], slots[done:]], longest)
    ends = trie.places != NOWHERE
    short[trie.places[ends]] += hits[:-1][ends]
    roles[:, 0] = 0  # breaks are pieces of their own
    return Pieces(short, roles, long)


def _shortened(piece: list[np.ndarray], longest: int) -> list[np.ndarray]:
    """Return a piece that goes on, without its middle if it is too long to be counted.

    Args:
        piece: its codes, lengths and slots, see `_marked`.
        longest: see `cut`.

    Returns:
        The first `longest` positions and the last `ORDER`, which n-grams may join to what comes;
        the last of the first ones covers all the others, so that they stay one piece.
    """
    if piece[0].size <= longest + ORDER:
        return piece
    codes, lengths, slots = (np.concatenate([x[:longest], x[-ORDER:]]) for x in piece)
    lengths[longest - 1] = 1 + ORDER
    return [codes, lengths, slots]


@dataclass(frozen=True)
class Trie:
    """The kept n-grams, and what they begin with, by an open-addressing table.

    Attributes:
        nodes: uint64 (slots,): see `NODE`; 0 where there is none. The slots are a power of two.
        places: int32 (slots,): place of the n-gram, or `NOWHERE` if it only begins others.
    """

    nodes: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, ngrams: Ngrams, kept: np.ndarray) -> Trie:
        """Return the trie of the n-grams with a true `kept`."""
        solid = np.flatnonzero(kept).astype(np.int32)
        lengths = ngrams.lengths[solid]
        most = int((lengths - 1).sum(dtype=np.int64))  # nodes, if no two began alike
        slots = 1 << max(4, (2 * most).bit_length())
        if slots > LARGEST_TRIE:
            raise ValueError(f"{solid.size:,} n-grams are too many to cut by: raise min_count")
        trie = cls(np.zeros(slots, np.uint64), np.full(slots, NOWHERE, np.int32))
        insert(ngrams.grams["key"][solid], lengths, solid, trie.nodes, trie.places)
        return trie


def _marked(texts: Iterable[np.ndarray], trie: Trie) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield a text, closed by a break, with the longest kept n-gram at each position.

    Yields:
        Codes, lengths of the n-grams (0 if there is none) and their slots in the trie.
    """
    held = np.zeros(0, np.uint16)
    parts = (text[i : i + BLOCK] for text in texts for i in range(0, text.size, BLOCK))
    for part in itertools.chain(parts, [np.zeros(ORDER, np.uint16)]):
        codes = np.concatenate([held, part])
        known = max(0, codes.size - ORDER + 1)
        yield (codes[:known], *longest_ngrams(codes, trie.nodes, known))
        held = codes[known:]
