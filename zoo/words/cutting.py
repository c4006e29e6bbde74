"""The coarse cut: cut the text everywhere except inside kept n-grams, and count the pieces.

The boundary between characters i and i + 1 survives if and only if no kept n-gram covers it, so
overlapping n-grams chain to pieces of any length (kexue.fm/archives/4256).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from zoo.compiling import kernel
from zoo.words.counting import ORDER, Records
from zoo.words.statistics import NOWHERE, Ngrams, find, slot_of

BEGIN, END, ALONE = 0, 1, 2
TRAIL = np.dtype([("key", np.uint64), ("place", np.int32), ("begins", np.int32)])


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


def cut(
    texts: Iterable[np.ndarray], ngrams: Ngrams, kept: np.ndarray, longest: int | None = None
) -> Pieces:
    """Cuts a text and counts its pieces.

    Args:
        texts: the text in the codes of `ngrams`, in parts: uint16 (length,) each.
        ngrams: the n-grams of the text.
        kept: bool (n-grams,): the n-grams that are never cut.
        longest: longer pieces are not counted; None counts all.
    """
    short = np.zeros(ngrams.grams.size, np.int64)
    roles = np.zeros((3, ngrams.alphabet.size + 1), np.int64)
    long: dict[bytes, int] = {}
    rest = np.zeros(0, np.uint16)
    end = np.zeros(ORDER, np.uint16)
    trail = _trail(ngrams, kept)

    def cut_part(text: np.ndarray) -> int:
        longest_kept = _longest(text, trail)
        done, spans = _cut(text, *longest_kept, ngrams.grams, ngrams.slots, short, roles)
        if longest is not None:
            spans = spans[spans[:, 1] - spans[:, 0] <= longest]
        _, first, times = np.unique(_hashes(text, spans), return_index=True, return_counts=True)
        for (start, stop), count in zip(spans[first].tolist(), times.tolist(), strict=True):
            piece = text[start:stop].tobytes()
            long[piece] = long.get(piece, 0) + count
        return done

    for text in texts:
        rest = np.concatenate([rest, text])
        rest = rest[cut_part(rest) :]
    cut_part(np.concatenate([rest, end]))
    return Pieces(short, roles, long)


def _trail(ngrams: Ngrams, kept: np.ndarray) -> np.ndarray:
    """Returns a table of the kept n-grams and of what they begin with: records of type `TRAIL`.

    `place` is `NOWHERE` for what is not kept itself, `begins` tells whether to look for longer
    ones. It is several times smaller than the n-grams, and so are the misses of the cache.
    """
    solid = np.flatnonzero(kept)
    lengths = ngrams.lengths[solid]
    keys = [ngrams.grams["key"][solid[lengths == order]] for order in range(2, ORDER + 1)]
    parts = []
    longer = np.zeros(0, np.uint64)
    for order in range(ORDER, 1, -1):
        kept_keys = keys[order - 2]
        every = np.union1d(kept_keys, longer)
        part = np.zeros(every.size, TRAIL)
        part["key"] = every
        part["place"] = NOWHERE
        part["place"][np.searchsorted(every, kept_keys)] = solid[lengths == order]
        part["begins"][np.searchsorted(every, longer)] = 1
        parts.append(part)
        longer = np.unique(every >> np.uint64(16))
    return _hashed(np.concatenate(parts))


@kernel
def _hashed(entries: Records) -> Records:
    """Returns an open-addressing table; no key is 0."""
    table: Records = np.zeros(max(16, 2 * entries.size), TRAIL)
    for entry in entries:
        slot = slot_of(entry.key, table.size)
        while table[slot].key != 0:
            slot = slot + 1 if slot + 1 < table.size else 0
        table[slot] = entry
    return table


@njit(inline="always")
def _follow(key: int, trail: Records) -> int:
    """Returns the slot of a key; an empty one if it is not there."""
    slot = slot_of(key, trail.size)
    while trail[slot].key != key and trail[slot].key != 0:
        slot = slot + 1 if slot + 1 < trail.size else 0
    return slot


@kernel
def _longest(codes: np.ndarray, trail: Records) -> tuple[np.ndarray, np.ndarray]:
    """Returns the length and the place of the longest kept n-gram at each position, 0 if none.

    It is a loop of its own, since its many look-ups then overlap.
    """
    lengths = np.zeros(codes.size, np.uint8)
    places = np.empty(codes.size, np.int32)
    for i in range(codes.size - ORDER + 1):
        key: Any = np.uint64(codes[i])
        for length in range(2, ORDER + 1):
            if codes[i] == 0 or codes[i + length - 1] == 0:
                break
            key = (key << np.uint64(16)) | np.uint64(codes[i + length - 1])
            step = trail[_follow(key, trail)]
            if step.key == 0:
                break
            if step.place != NOWHERE:
                lengths[i] = length
                places[i] = step.place
            if step.begins == 0:
                break
    return lengths, places


@kernel
def _cut(
    codes: np.ndarray,
    lengths: np.ndarray,
    places: np.ndarray,
    grams: Records,
    slots: np.ndarray,
    short: np.ndarray,
    roles: np.ndarray,
) -> tuple[int, np.ndarray]:
    """Counts the pieces that surely end before the text does.

    Returns:
        Where the first unfinished piece starts, and the spans (pieces, 2) of the longer pieces.
    """
    spans = np.empty((64, 2), np.int64)
    chains = np.empty(codes.size // 3 + 1, np.uint64)  # pieces of 3 or 4, not kept themselves
    n = m = 0
    start = reach = 0
    whole = 0  # kept 4-grams in this piece
    for i in range(codes.size - ORDER + 1):
        if i >= reach and i > start:
            length = i - start
            if length == 1:
                roles[ALONE, codes[start]] += 1
            else:
                roles[BEGIN, codes[start]] += 1
                roles[END, codes[i - 1]] += 1
                if length <= ORDER:
                    if lengths[start] == length:
                        short[places[start]] += 1
                    else:
                        chains[m] = _key(codes, start, i)
                        m += 1
                elif whole == length - ORDER + 1:
                    if n == len(spans):
                        spans = np.concatenate((spans, np.empty((n, 2), np.int64)))
                    spans[n, 0], spans[n, 1] = start, i
                    n += 1
            start, whole = i, 0
        if codes[i] == 0:
            start = reach = i + 1
        else:
            reach = max(reach, i + lengths[i])
            whole += lengths[i] == ORDER
    for key in chains[:m]:
        place = find(key, grams, slots)
        if place != NOWHERE:
            short[place] += 1
    return start, spans[:n]


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


@njit(inline="always")
def _key(codes: np.ndarray, start: int, stop: int) -> int:
    key: Any = np.uint64(0)
    for i in range(start, stop):
        key = (key << np.uint64(16)) | np.uint64(codes[i])
    return key
