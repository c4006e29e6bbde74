"""Loops of the coarse cut: a trie of kept n-grams, and the pieces of a text."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.kernels import inline, kernel
from zoo.words.kernels.ngram_table import HASH, NOWHERE, find
from zoo.words.kernels.rows import CODE, ORDER, Records

BEGIN, END, ALONE = 0, 1, 2
# A node of the trie: the slot of the node before it, its code, its length, and three flags.
SLOT, LENGTH = np.uint64(16), np.uint64(44)  # where they begin, in bits
KEPT, CHAINED, BEGINS = (np.uint64(1 << bit) for bit in (61, 62, 63))
NODE = np.uint64((1 << 61) - 1)


@inline
def _node(before: Any, code: Any, length: int) -> Any:
    """Return a node without flags; the one before a bigram is its first code."""
    return (np.uint64(before) << SLOT) | np.uint64(code) | (np.uint64(length) << LENGTH)


@inline
def _slot(node: int, nodes: np.ndarray) -> Any:
    """Return where a node is, or the empty slot where it would be."""
    last = nodes.size - 1
    slot = np.int64((np.uint64(node) * HASH) >> np.uint64(32)) & last
    while (nodes[slot] & NODE) != node and nodes[slot] != 0:
        slot = (slot + 1) & last
    return slot


@kernel
def insert(
    keys: np.ndarray,
    lengths: np.ndarray,
    flags: np.ndarray,
    where: np.ndarray,
    nodes: np.ndarray,
    places: np.ndarray,
) -> None:
    """Put n-grams and what they begin with into a trie; `where` becomes their places."""
    for n in range(keys.size):
        order = np.int64(lengths[n])
        before = np.int64(keys[n] >> np.uint64(16 * (order - 1)))
        for length in range(2, order + 1):
            code = (keys[n] >> np.uint64(16 * (order - length))) & CODE
            node = _node(before, code, length)
            before = _slot(node, nodes)
            nodes[before] |= node | (flags[n] if length == order else BEGINS)
        places[before] = where[n]


@kernel
def longest_ngrams(
    codes: np.ndarray, nodes: np.ndarray, stop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Look up the n-grams at the first `stop` positions, which have `ORDER` - 1 more codes.

    It is a loop of its own, since its many look-ups then overlap.

    Returns:
        Lengths of the longest kept n-grams (0 if there is none) and their slots, and lengths of
        the longest chained ones.
    """
    lengths = np.zeros(stop, np.uint8)
    slots = np.zeros(stop, np.int32)
    chains = np.zeros(stop, np.uint8)
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
            if found & CHAINED != 0:
                chains[i] = length
            if found & BEGINS == 0:
                break
    return lengths, slots, chains


@kernel
def cut_pieces(
    codes: np.ndarray,
    lengths: np.ndarray,
    slots: np.ndarray,
    grams: Records,
    index: np.ndarray,
    hits: np.ndarray,
    short: np.ndarray,
    roles: np.ndarray,
) -> int:
    """Count the pieces that surely end before the text does; return where the others start.

    Pieces that are kept n-grams add to `hits`, by slot; `hits[-1]` takes all others, so that the
    loop need not branch. Shorter chains of them add to `short`.
    """
    starts = _starts(lengths)
    chains = np.empty(codes.size // 3 + 1, np.uint64)  # pieces of 3 or 4, not kept themselves
    n = 0
    for piece in range(starts.size - 1):
        # Which piece it is, and what its first and last characters are in it.
        start, stop = starts[piece], starts[piece + 1]
        length = stop - start
        solid = lengths[start] == length
        several = np.int64(length > 1)
        hits[slots[start] if solid else hits.size - 1] += 1
        roles[ALONE, codes[start]] += 1 - several
        roles[BEGIN, codes[start]] += several
        roles[END, codes[stop - 1]] += several
        # A short chain of n-grams: it is looked up below.
        if not solid and 1 < length <= ORDER:
            chains[n] = _key(codes, start, stop)
            n += 1
    for key in chains[:n]:
        place = find(key, grams, index)
        if place != NOWHERE:
            short[place] += 1
    return starts[-1] if starts.size else 0


@kernel
def long_spans(lengths: np.ndarray, longest: int) -> tuple[int, np.ndarray]:
    """Find the pieces of more than `ORDER` codes whose 4-grams all hold them together.

    Returns:
        Where the first unfinished piece starts, and the spans (pieces, 2) of those before it.
    """
    starts = _starts(lengths)
    spans = np.empty((lengths.size // ORDER + 1, 2), np.int32)
    n = 0
    for piece in range(starts.size - 1):
        start, stop = starts[piece], starts[piece + 1]
        long = ORDER < stop - start <= longest
        if long and (lengths[start : stop - ORDER + 1] == ORDER).all():
            spans[n, 0], spans[n, 1] = start, stop
            n += 1
    return (starts[-1] if starts.size else 0), spans[:n]


@kernel
def _starts(lengths: np.ndarray) -> np.ndarray:
    """Return where pieces start: at each position that no n-gram before it covers."""
    starts = np.empty(lengths.size, np.int32)
    n = 0
    reach = 0
    for i in range(lengths.size):
        starts[n] = i
        n += i >= reach
        reach = max(reach, i + lengths[i])
    return starts[:n]


@inline
def _key(codes: np.ndarray, start: int, stop: int) -> int:
    key: Any = np.uint64(0)
    for i in range(start, stop):
        key = (key << np.uint64(16)) | np.uint64(codes[i])
    return key
