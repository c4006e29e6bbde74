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

from zoo.words.counting import ORDER
from zoo.words.statistics import Ngrams, find

BEGIN, END, ALONE = 0, 1, 2


@dataclass(frozen=True)
class Pieces:
    """How often each piece and each place in a piece occurred; parts of a corpus merge.

    Attributes:
        short: int64 (n-grams,): times each n-gram was a piece by itself.
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

    def cut_part(text: np.ndarray) -> int:
        done, spans = _cut(text, ngrams.slots, kept, short, roles)
        for start, stop in spans.tolist():
            if longest is None or stop - start <= longest:
                piece = text[start:stop].tobytes()
                long[piece] = long.get(piece, 0) + 1
        return done

    for text in texts:
        rest = np.concatenate([rest, text])
        rest = rest[cut_part(rest) :]
    cut_part(np.concatenate([rest, end]))
    return Pieces(short, roles, long)


@njit(cache=True, nogil=True)
def _cut(
    codes: np.ndarray,
    slots: np.ndarray,
    kept: np.ndarray,
    short: np.ndarray,
    roles: np.ndarray,
) -> tuple[int, np.ndarray]:
    """Counts the pieces that surely end before the text does.

    Returns:
        Where the first unfinished piece starts, and the spans (pieces, 2) of the longer pieces.
    """
    spans = np.empty((64, 2), np.int64)
    n = 0
    start = reach = 0
    whole = 0  # kept 4-grams in this piece
    for i in range(codes.size - ORDER + 1):
        if i >= reach and i > start:
            if i - start <= ORDER:
                _count_short(codes, start, i, slots, short)
            elif whole == i - start - ORDER + 1:
                if n == len(spans):
                    spans = np.concatenate((spans, np.empty((n, 2), np.int64)))
                spans[n, 0], spans[n, 1] = start, i
                n += 1
            if i - start == 1:
                roles[ALONE, codes[start]] += 1
            else:
                roles[BEGIN, codes[start]] += 1
                roles[END, codes[i - 1]] += 1
            start, whole = i, 0
        if codes[i] == 0:
            start = reach = i + 1
            continue
        key: Any = np.uint64(codes[i])
        for length in range(2, ORDER + 1):
            key = (key << np.uint64(16)) | np.uint64(codes[i + length - 1])
            place = find(key, slots) if codes[i + length - 1] != 0 else -1
            if place < 0:
                break
            if kept[place]:
                reach = max(reach, i + length)
                whole += length == ORDER
    return start, spans[:n]


@njit(cache=True, nogil=True)
def _count_short(
    codes: np.ndarray,
    start: int,
    stop: int,
    slots: np.ndarray,
    short: np.ndarray,
) -> None:
    key: Any = np.uint64(0)
    for i in range(start, stop):
        key = (key << np.uint64(16)) | np.uint64(codes[i])
    place = find(key, slots)
    if place >= 0:
        short[place] += 1
