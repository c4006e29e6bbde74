"""A dictionary of names as arrays: sorted hashes, searched for all spans of a text at once.

The hash of a span is that of a polynomial in its code points, read off two running sums, so that
all spans of one length cost a few vector operations, whatever the length. A bitmap lets through one
span in sixteen that is no name; the rest is looked up in the sorted hashes, and what is found there
is compared character by character.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.linking.names import Folded, code_points, in_words

Hashes = NDArray[np.uint64]
BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
INVERSE = pow(BASE, -1, 2**64)
BITS_A_NAME = 16
SEPARATOR = np.uint32(0xFFFFFFFF)  # no code point, so that no name reaches into the next text


def scramble(x: Hashes) -> Hashes:
    """Mix the bits of hashes: the finaliser of SplitMix64 (Steele et al., OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def no_entries(kind: str) -> Any:
    """Return an empty array of a kind that NumPy knows, such as `i8`."""
    return np.zeros(0, kind)


@lru_cache(maxsize=8)
def _powers(base: int, count: int) -> Hashes:
    """Return base^0 to base^(count - 1) modulo 2^64."""
    factors = np.full(count, base, dtype=np.uint64)
    factors[:1] = 1
    return np.multiply.accumulate(factors)


def powers(base: int, count: int) -> Hashes:
    """Return base^0 to base^(count - 1) modulo 2^64; computed for few different counts."""
    return _powers(base, 1 << max(10, (count - 1).bit_length()))[:count]


class SpanHashes:
    """The hashes of all spans of a sequence of code points, uint32 (n,)."""

    def __init__(self, codes: NDArray[np.uint32]) -> None:
        self.length = len(codes)
        terms = scramble(codes.astype(np.uint64) + np.uint64(1)) * powers(BASE, len(codes))
        self._sums = np.zeros(len(codes) + 1, dtype=np.uint64)
        np.cumsum(terms, out=self._sums[1:])
        self._shift = powers(INVERSE, len(codes) + 1)

    def of_length(self, length: int) -> Hashes:
        """Return the hashes of the spans of one length, by their start: (n - length + 1,)."""
        count = self.length - length + 1
        return scramble((self._sums[length:] - self._sums[:count]) * self._shift[:count])

    def between(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Hashes:
        """Return the hashes of the spans from `starts` to `ends`."""
        return scramble((self._sums[ends] - self._sums[starts]) * self._shift[starts])


def hash_all(strings: Sequence[str]) -> Hashes:
    """Return the hash of each string."""
    ends = np.cumsum([len(string) for string in strings], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if len(ends) else ends
    return SpanHashes(code_points("".join(strings))).between(starts, ends)


def utf8(strings: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of some strings, one behind the other, and the end of each."""
    encoded = [string.encode("utf-8", "surrogatepass") for string in strings]
    ends = np.cumsum([len(part) for part in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), ends


@dataclass(frozen=True)
class Hit:
    """A name of the dictionary in a text.

    Attributes:
        start: offset in the given text of its first character.
        end: offset behind its last.
        name: the name's number in the dictionary.
    """

    start: int
    end: int
    name: int


@dataclass(frozen=True)
class Dictionary:
    """Distinct folded names, and for each the rows of the entities that it may mean.

    A name's number is its place in the order of addition. `with_pairs` and `without_rows` return
    another dictionary; the arrays of this one stay as they are, so they may be memory-mapped.

    Attributes:
        hashes: uint64 (m,), sorted: of the names that mean something.
        numbers: int32 (m,): their numbers.
        text: uint8: the names, UTF-8, one behind the other.
        ends: int64 (names,): where each name ends in `text`.
        pair_ends: int64 (names,): where the rows of each name end in `rows`.
        rows: int32: the rows of each name, ascending.
        lengths: int64: the distinct numbers of characters of the names, ascending.
        bitmap: uint8 (a power of two / 8,): a bit for each value of the upper bits of a hash.
    """

    hashes: Hashes
    numbers: NDArray[np.int32]
    text: NDArray[np.uint8]
    ends: NDArray[np.int64]
    pair_ends: NDArray[np.int64]
    rows: NDArray[np.int32]
    lengths: NDArray[np.int64]
    bitmap: NDArray[np.uint8]

    @classmethod
    def empty(cls) -> Dictionary:
        """Return a dictionary without names."""
        return cls(*map(no_entries, ("u8", "i4", "u1", "i8", "i8", "i4", "i8", "u1")))

    def arrays(self) -> dict[str, NDArray]:
        """Return the arrays by their names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __len__(self) -> int:
        """Count the names that mean something."""
        return len(self.hashes)

    def name(self, number: int) -> str:
        """Return a name by its number."""
        start = self.ends[number - 1] if number else 0
        return self.text[start : self.ends[number]].tobytes().decode("utf-8", "surrogatepass")

    def rows_of(self, number: int) -> NDArray[np.int32]:
        """Return the rows that a name may mean, ascending."""
        start = self.pair_ends[number - 1] if number else 0
        return self.rows[start : self.pair_ends[number]]

    def find(self, folded: Sequence[str]) -> list[int | None]:
        """Return the number of each of some folded names, None where it is not in the dictionary.

        Args:
            folded: as `fold_name` returns them.
        """
        if not folded or not len(self):
            return [None] * len(folded)
        hashes = hash_all(folded)
        places = np.minimum(np.searchsorted(self.hashes, hashes), len(self) - 1)
        equal = (self.hashes[places] == hashes).tolist()
        numbers = self.numbers[places].tolist()
        return [
            number if same and self.name(number) == name else None
            for number, same, name in zip(numbers, equal, folded, strict=True)
        ]

    def hits(self, texts: Sequence[Folded]) -> list[list[Hit]]:
        """Find all names in some texts.

        A name may overlap another or stand within it; it may not begin or end within a word of an
        alphabet, or in the middle of a character of the given text.

        Returns:
            The hits of each text, by their start, then by their end.
        """
        found: list[list[Hit]] = [[] for _ in texts]
        if not len(self) or not texts:
            return found
        codes, starts = _joined(texts)
        for first, last, number in self._spans(codes):
            index = int(np.searchsorted(starts, first, side="right")) - 1
            text, start = texts[index], first - int(starts[index])
            end = last - int(starts[index])
            if text.text[start:end] == self.name(number) and (span := text.span(start, end)):
                found[index].append(Hit(*span, number))
        for hits in found:
            hits.sort(key=lambda hit: (hit.start, hit.end))
        return found

    def _spans(self, codes: NDArray[np.uint32]) -> Iterator[tuple[int, int, int]]:
        """Yield start, end and number of the spans whose hash is that of a name."""
        hashes = SpanHashes(codes)
        words = in_words(codes)
        inside = np.zeros(len(codes) + 1, bool)  # between two characters of a word
        inside[1:-1] = words[1:] & words[:-1]
        shift = np.uint64(64 - (8 * len(self.bitmap)).bit_length() + 1)
        for length in self.lengths[self.lengths <= len(codes)].tolist():
            spans = hashes.of_length(length)
            slot = (spans >> shift).astype(np.int64)
            marked = (self.bitmap[slot >> 3] >> (slot & 7).astype(np.uint8)) & 1
            starts = np.flatnonzero(marked & ~inside[: len(spans)] & ~inside[length:])
            places = np.minimum(np.searchsorted(self.hashes, spans[starts]), len(self) - 1)
            equal = self.hashes[places] == spans[starts]
            numbers = self.numbers[places[equal]].tolist()
            for start, number in zip(starts[equal].tolist(), numbers, strict=True):
                yield start, start + length, number

    def with_pairs(self, pairs: Sequence[tuple[str, int]]) -> Dictionary:
        """Add names and what they mean.

        Args:
            pairs: folded name and row; rows above all that are there, ascending; no pair twice.

        Raises:
            ValueError: if two different names have the same 64-bit hash.
        """
        distinct = list(dict.fromkeys(name for name, _ in pairs))
        known = self.find(distinct)
        fresh = [name for name, number in zip(distinct, known, strict=True) if number is None]
        number_of = dict(zip(distinct, known, strict=True))
        number_of.update(
            zip(fresh, range(len(self.ends), len(self.ends) + len(fresh)), strict=True)
        )
        text, ends = utf8(fresh)
        offset = self.ends[-1] if len(self.ends) else 0
        old = np.repeat(np.arange(len(self.ends)), np.diff(self.pair_ends, prepend=0))
        new = np.array([number_of[name] for name, _ in pairs], dtype=np.int64)
        owners = np.concatenate([old, new])
        rows = np.concatenate([self.rows, np.array([row for _, row in pairs], dtype=np.int32)])
        order = np.argsort(owners, kind="stable")
        return _index(
            Dictionary(
                *self._merged(fresh),
                text=np.concatenate([self.text, text]),
                ends=np.concatenate([self.ends, ends + offset]),
                pair_ends=_ends(owners, len(self.ends) + len(fresh)),
                rows=rows[order],
                lengths=np.union1d(self.lengths, [len(name) for name in fresh]).astype(np.int64),
                bitmap=self.bitmap,
            )
        )

    def _merged(self, fresh: Sequence[str]) -> tuple[Hashes, NDArray[np.int32]]:
        """Return `hashes` and `numbers` with those of some new names."""
        hashes = hash_all(fresh)
        order = np.argsort(hashes)
        hashes, numbers = hashes[order], (order + len(self.ends)).astype(np.int32)
        places = np.searchsorted(self.hashes, hashes)
        merged = np.insert(self.hashes, places, hashes)
        if (merged[1:] == merged[:-1]).any():
            raise ValueError("two names have the same 64-bit hash: change one of them")
        return merged, np.insert(self.numbers, places, numbers)

    def without_rows(self, kept: NDArray[np.bool_]) -> Dictionary:
        """Leave out rows where `kept`, bool (rows,), is false, and the names of these alone."""
        owners = np.repeat(np.arange(len(self.ends)), np.diff(self.pair_ends, prepend=0))
        staying = kept[self.rows]
        pair_ends = _ends(owners[staying], len(self.ends))
        meant = np.diff(pair_ends, prepend=0)[self.numbers] > 0
        return _index(
            Dictionary(
                self.hashes[meant],
                self.numbers[meant],
                self.text,
                self.ends,
                pair_ends,
                self.rows[staying],
                self.lengths,
                self.bitmap,
            )
        )


def _index(dictionary: Dictionary) -> Dictionary:
    """Return a dictionary with the bitmap that its hashes need."""
    bits = 1 << max(3, (BITS_A_NAME * len(dictionary) - 1).bit_length())
    bitmap = np.zeros(bits, dtype=bool)
    bitmap[(dictionary.hashes >> np.uint64(64 - bits.bit_length() + 1)).astype(np.int64)] = True
    packed = np.packbits(bitmap, bitorder="little")
    return replace(dictionary, bitmap=packed)


def _ends(owners: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return where the entries of each of `count` owners end once they are sorted by owner."""
    return np.cumsum(np.bincount(owners, minlength=count)).astype(np.int64)


def _joined(texts: Sequence[Folded]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the code points of some texts, a separator behind each, and where each begins."""
    lengths = np.array([len(text.text) for text in texts], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths + 1)[:-1]])
    codes = np.full(int(lengths.sum()) + len(texts), SEPARATOR, dtype=np.uint32)
    body = np.ones(len(codes), bool)
    body[starts + lengths] = False
    codes[body] = code_points("".join(text.text for text in texts))
    return codes, starts
