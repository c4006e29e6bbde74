"""The coarse cut: cut the text everywhere except inside kept n-grams, and count the pieces.

The boundary between characters i and i + 1 survives if and only if no kept n-gram covers it, so
overlapping n-grams chain to pieces of any length (kexue.fm/archives/4256).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.kernels import inline, kernel
from zoo.words.kernels.rows import CODE, ORDER, Records
from zoo.words.merge_runs import ahead
from zoo.words.ngram_table import HASH, NOWHERE, Ngrams, find

BEGIN, END, ALONE = 0, 1, 2
# A node of the trie: the slot of the node before it, its code, its length, and two flags.
SLOT, LENGTH = np.uint64(16), np.uint64(44)  # where they begin, in bits
KEPT, BEGINS = np.uint64(1 << 62), np.uint64(1 << 63)
NODE = np.uint64((1 << 62) - 1)
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
        """Returns the pieces of all parts together."""
        long: dict[bytes, int] = {}
        for part in parts:
            for piece, count in part.long.items():
                long[piece] = long.get(piece, 0) + count
        short = np.sum([part.short for part in parts], axis=0)
        return cls(short, np.sum([part.roles for part in parts], axis=0), long)


def cut(texts: Iterable[np.ndarray], ngrams: Ngrams, kept: np.ndarray, longest: int) -> Pieces:
    """Cuts a text and counts its pieces.

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
        done, spans = _cut(codes, lengths, slots, ngrams.grams, ngrams.slots, hits, short, roles)
        spans = spans[spans[:, 1] - spans[:, 0] <= longest]
        _, first, times = np.unique(_hashes(codes, spans), return_index=True, return_counts=True)
        for (start, stop), count in zip(spans[first].tolist(), times.tolist(), strict=True):
            piece = codes[start:stop].tobytes()
            long[piece] = long.get(piece, 0) + count
        rest = _shortened([codes[done:], lengths[done:], slots[done:]], longest)
    ends = trie.places != NOWHERE
    short[trie.places[ends]] += hits[:-1][ends]
    roles[:, 0] = 0  # breaks are pieces of their own
    return Pieces(short, roles, long)


def _shortened(piece: list[np.ndarray], longest: int) -> list[np.ndarray]:
    """Returns a piece that goes on, without its middle if it is too long to be counted.

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
        """Returns the trie of the n-grams with a true `kept`."""
        solid = np.flatnonzero(kept).astype(np.int32)
        lengths = ngrams.lengths[solid]
        most = int((lengths - 1).sum(dtype=np.int64))  # nodes, if no two began alike
        slots = 1 << max(4, (2 * most).bit_length())
        if slots > LARGEST_TRIE:
            raise ValueError(f"{solid.size:,} n-grams are too many to cut by: raise min_count")
        trie = cls(np.zeros(slots, np.uint64), np.full(slots, NOWHERE, np.int32))
        _insert(ngrams.grams["key"][solid], lengths, solid, trie.nodes, trie.places)
        return trie


@inline
def _node(before: Any, code: Any, length: int) -> Any:
    """Returns a node without flags; the one before a bigram is its first code."""
    return (np.uint64(before) << SLOT) | np.uint64(code) | (np.uint64(length) << LENGTH)


@inline
def _slot(node: int, nodes: np.ndarray) -> Any:
    """Returns where a node is, or the empty slot where it would be."""
    last = nodes.size - 1
    slot = np.int64((np.uint64(node) * HASH) >> np.uint64(32)) & last
    while (nodes[slot] & NODE) != node and nodes[slot] != 0:
        slot = (slot + 1) & last
    return slot


@kernel
def _insert(
    keys: np.ndarray, lengths: np.ndarray, kept: np.ndarray, nodes: np.ndarray, places: np.ndarray
) -> None:
    for n in range(keys.size):
        order = np.int64(lengths[n])
        before = np.int64(keys[n] >> np.uint64(16 * (order - 1)))
        for length in range(2, order + 1):
            code = (keys[n] >> np.uint64(16 * (order - length))) & CODE
            node = _node(before, code, length)
            before = _slot(node, nodes)
            nodes[before] |= node | (KEPT if length == order else BEGINS)
        places[before] = kept[n]


def _marked(texts: Iterable[np.ndarray], trie: Trie) -> Iterator[tuple[np.ndarray, ...]]:
    """Yields a text, closed by a break, with the longest kept n-gram at each position.

    Yields:
        Codes, lengths of the n-grams (0 if there is none) and their slots in the trie.
    """
    held = np.zeros(0, np.uint16)
    parts = (text[i : i + BLOCK] for text in texts for i in range(0, text.size, BLOCK))
    for part in itertools.chain(parts, [np.zeros(ORDER, np.uint16)]):
        codes = np.concatenate([held, part])
        known = max(0, codes.size - ORDER + 1)
        yield (codes[:known], *_longest(codes, trie.nodes, known))
        held = codes[known:]


@kernel
def _longest(codes: np.ndarray, nodes: np.ndarray, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Looks up the n-grams at the first `stop` positions, which have `ORDER` - 1 more codes.

    It is a loop of its own, since its many look-ups then overlap.
    """
    lengths = np.zeros(stop, np.uint8)
    slots = np.zeros(stop, np.int32)
    for i in range(stop):
        if codes[i] == 0:
            continue
        before = np.int64(codes[i])
        for length in range(2, ORDER + 1):
            code = codes[i + length - 1]
            if code == 0:
                break
            before = _slot(_node(before, code, length), nodes)
            found = nodes[before]
            if found & KEPT != 0:
                lengths[i] = length
                slots[i] = before
            if found & BEGINS == 0:
                break
    return lengths, slots


@kernel
def _cut(
    codes: np.ndarray,
    lengths: np.ndarray,
    slots: np.ndarray,
    grams: Records,
    index: np.ndarray,
    hits: np.ndarray,
    short: np.ndarray,
    roles: np.ndarray,
) -> tuple[int, np.ndarray]:
    """Counts the pieces that surely end before the text does.

    Pieces that are kept n-grams add to `hits`, by slot; `hits[-1]` takes all others, so that the
    loop need not branch. Shorter chains add to `short`.

    Returns:
        Where the first unfinished piece starts, and the spans (pieces, 2) of the longer pieces.
    """
    starts = _starts(lengths)
    spans = np.empty((64, 2), np.int64)
    chains = np.empty(codes.size // 3 + 1, np.uint64)  # pieces of 3 or 4, not kept themselves
    n = m = 0
    for piece in range(starts.size - 1):
        start, stop = starts[piece], starts[piece + 1]
        length = stop - start
        solid = lengths[start] == length
        several = np.int64(length > 1)
        hits[slots[start] if solid else hits.size - 1] += 1
        roles[ALONE, codes[start]] += 1 - several
        roles[BEGIN, codes[start]] += several
        roles[END, codes[stop - 1]] += several
        if solid or length == 1:
            continue
        if length <= ORDER:
            chains[m] = _key(codes, start, stop)
            m += 1
        elif (lengths[start : stop - ORDER + 1] == ORDER).all():
            if n == len(spans):
                spans = np.concatenate((spans, np.empty((n, 2), np.int64)))
            spans[n, 0], spans[n, 1] = start, stop
            n += 1
    for key in chains[:m]:
        place = find(key, grams, index)
        if place != NOWHERE:
            short[place] += 1
    return (starts[-1] if starts.size else 0), spans[:n]


@kernel
def _starts(lengths: np.ndarray) -> np.ndarray:
    """Returns where pieces start: at each position that no n-gram before it covers."""
    starts = np.empty(lengths.size, np.int32)
    n = 0
    reach = 0
    for i in range(lengths.size):
        starts[n] = i
        n += i >= reach
        reach = max(reach, i + lengths[i])
    return starts[:n]


@kernel
def _hashes(codes: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Returns 64-bit hashes; two of a million different pieces agree with probability 3e-8."""
    hashes = np.empty(len(spans), np.uint64)
    for n in range(len(spans)):
        value = np.uint64(14695981039346656037)  # Fowler, Noll and Vo, by 16 bits, and a finish
        for i in range(spans[n, 0], spans[n, 1]):
            value = (value ^ np.uint64(codes[i])) * np.uint64(1099511628211)
            value ^= value >> np.uint64(29)
        hashes[n] = value
    return hashes


@inline
def _key(codes: np.ndarray, start: int, stop: int) -> int:
    key: Any = np.uint64(0)
    for i in range(start, stop):
        key = (key << np.uint64(16)) | np.uint64(codes[i])
    return key
