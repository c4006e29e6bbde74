"""Counts of a corpus: sorted runs of rows and the coded text, in memory or on disk, mergeable."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import numpy as np

from zoo.files import json_object, replacing
from zoo.progress import bar
from zoo.words.counting.memory import (
    LARGEST_BLOCK,
    OnDisk,
    Storage,
    Stored,
)
from zoo.words.counting.merge_runs import ahead, is_identity, merged_blocks
from zoo.words.kernels.folding import CODE_POINTS
from zoo.words.kernels.rows import CODE, ORDER, ROW
from zoo.words.texts.folding import (
    Characters,
    alphabet_of,
    translation,
)

MAGIC = b"zoo.words counts 2\n"  # then a line of JSON, the runs, and the SHA-256 of all that

Windows = Literal["exact", "padded"]


@dataclass(frozen=True)
class Run:
    """What one chunk of text gave.

    Attributes:
        alphabet: sorted code points, uint32 (alphabet,); code i stands for `alphabet[i - 1]`.
        rows: sorted records of type `kernels.rows.ROW`.
        codes: the chunk itself, uint16 (length,), 0 at breaks.
    """

    alphabet: np.ndarray
    rows: Stored
    codes: Stored


@dataclass(frozen=True)
class Counts:
    """The n-grams of a corpus and their neighbours, exactly.

    Counts of several parts (files, machines) merge: `Counts.merge(a, b)` equals the counts of
    the two texts one after the other.

    Attributes:
        runs: one for each chunk of the text, in the order of the text.
        characters: the kind of folding, see `Folding`.
        half_width: whether full-width forms were folded.
        windows: `"exact"`, or `"padded"` for the 4-gram windows of the 2019 repository.
    """

    runs: tuple[Run, ...]
    characters: Characters
    half_width: bool
    windows: Windows = "exact"
    storage: tuple[Storage, ...] = field(default=(), repr=False, compare=False)

    @property
    def alphabet(self) -> np.ndarray:
        """The sorted code points of the whole corpus: uint32 (alphabet,)."""
        points = [run.alphabet for run in self.runs]
        return alphabet_of(np.concatenate([np.zeros(1, np.uint32), *points]))

    @property
    def length(self) -> int:
        """Number of characters kept, the breaks between them included."""
        return sum(run.codes.size for run in self.runs)

    def rows(self, block: int = LARGEST_BLOCK, *, progress: bool = False) -> Iterator[np.ndarray]:
        """Yield all rows in order, merged, in the codes of `alphabet`, in blocks."""
        alphabet = self.alphabet
        tables = [translation(run.alphabet, alphabet) for run in self.runs]
        marks = np.arange(2 * ORDER, dtype=np.uint16)  # what the tails of padded windows hold
        tails = tables if self.windows == "exact" else [marks] * len(tables)
        pieces = list(zip([run.rows for run in self.runs], tables, tails, strict=True))
        total = sum(run.rows.size for run in self.runs) * ROW.itemsize
        with bar("measuring", total, progress) as advance:
            yield from ahead(merged_blocks(pieces, block, advance))

    def texts(
        self, alphabet: np.ndarray | None = None, *, progress: bool = False
    ) -> Iterator[np.ndarray]:
        """Yield the text in the codes of an alphabet, chunk by chunk: uint16 (length,).

        Args:
            alphabet: sorted code points, at least those of the text; None takes `alphabet`.
            progress: show a progress bar.
        """
        alphabet = self.alphabet if alphabet is None else alphabet
        with bar("cutting", 2 * self.length, progress) as advance:
            for codes in ahead(self._translated(alphabet)):
                yield codes
                advance(codes.nbytes)

    def _translated(self, alphabet: np.ndarray) -> Iterator[np.ndarray]:
        for run in self.runs:
            codes = run.codes.read(0, run.codes.size)
            table = translation(run.alphabet, alphabet)
            yield codes if is_identity(table) else np.take(table, codes)

    @classmethod
    def merge(cls, *parts: Counts) -> Counts:
        """Return the counts of all parts together.

        Raises:
            ValueError: if there is none, or if they were counted in different ways.
        """
        kinds = {(part.characters, part.half_width, part.windows) for part in parts}
        if len(kinds) != 1:
            raise ValueError(f"cannot merge counts of different kinds: {sorted(map(str, kinds))}")
        first = parts[0]
        runs = tuple(run for part in parts for run in part.runs)
        storage = tuple(store for part in parts for store in part.storage)
        return cls(runs, first.characters, first.half_width, first.windows, storage)

    def save(self, path: str | Path) -> None:
        """Write the counts to one file: what another machine merges.

        The file appears whole or not at all.
        """
        digest = hashlib.sha256()
        with replacing(Path(path)) as partial, partial.open("wb") as file:
            for part in self._parts():
                digest.update(part)
                file.write(part)
            file.write(digest.digest())

    def _parts(self) -> Iterator[bytes]:
        """Yield what a file of counts holds, but its sum."""
        head = {
            "characters": self.characters,
            "half_width": self.half_width,
            "windows": self.windows,
            "sizes": [[r.alphabet.size, r.rows.size, r.codes.size] for r in self.runs],
        }
        yield MAGIC + json.dumps(head).encode() + b"\n"
        for run in self.runs:
            yield run.alphabet.tobytes()
            for stored in (run.rows, run.codes):
                for start in range(0, stored.size, LARGEST_BLOCK):
                    yield stored.read(start, start + LARGEST_BLOCK).tobytes()

    @classmethod
    def load(cls, path: str | Path) -> Counts:
        """Open saved counts; rows and text stay in the file and are read when needed.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is not a file of counts, or not as it was saved.
        """
        path = Path(path)
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ValueError(f"{path}: expected a file written by Counts.save")
            if not _is_sealed(file):
                raise ValueError(f"{path}: damaged since it was saved; copy or count it again")
            file.seek(len(MAGIC))
            head = json_object(file.readline(), str(path))
            offset = file.tell()
        try:
            counts = cls(tuple(_runs_of(path, head.pop("sizes"), offset)), **head)
            if counts.windows not in get_args(Windows):
                raise ValueError(f"windows is {counts.windows!r:.40}")
            for run in counts.runs:
                _require_indexable(run, counts.windows)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: no counts that Counts.save wrote: {error}") from error
        return counts


def _runs_of(path: Path, sizes: list[list[int]], offset: int) -> Iterator[Run]:
    """Open the runs of a file, which fill it from `offset` to its sum."""
    for letters, rows, codes in sizes:
        places = [offset, offset + 4 * letters, offset + 4 * letters + ROW.itemsize * rows]
        offset = places[-1] + 2 * codes
        if min(letters, rows, codes) < 0 or offset > path.stat().st_size:
            raise ValueError(f"a run of {letters}, {rows} and {codes}, more than the file holds")
        alphabet = np.fromfile(path, np.uint32, letters, offset=places[0])
        stored = OnDisk(path, ROW, rows, places[1])
        yield Run(alphabet, stored, OnDisk(path, np.dtype(np.uint16), codes, places[2]))


def _require_indexable(run: Run, windows: Windows) -> None:
    """Refuse codes that stand for no character, and rows out of order.

    The kernels index arrays by them and check no bounds: a file could have them write anywhere.
    """
    letters = run.alphabet.size
    if not _rises(run.alphabet) or not (run.alphabet < CODE_POINTS).all() or letters > CODE:
        raise ValueError("its alphabet is no sorted one")
    last_tail = letters if windows == "exact" else 2 * ORDER - 1
    before = np.zeros(0, ROW)
    for start in range(0, run.rows.size, LARGEST_BLOCK):
        rows = np.append(before, run.rows.read(start, start + LARGEST_BLOCK))
        key, tail = (rows[name].copy().view(np.uint16) for name in ("key", "tail"))
        if key.max() > letters or tail.max() > last_tail:
            raise ValueError(f"a row has a code beyond its alphabet of {letters}")
        same = rows["key"][1:] == rows["key"][:-1]
        falls = np.where(
            same, rows["tail"][1:] < rows["tail"][:-1], rows["key"][1:] < rows["key"][:-1]
        )
        if falls.any():
            raise ValueError("its rows are not sorted")
        before = rows[-1:]
    for start in range(0, run.codes.size, LARGEST_BLOCK):
        if run.codes.read(start, start + LARGEST_BLOCK).max() > letters:
            raise ValueError(f"its text has a code beyond its alphabet of {letters}")


def _rises(numbers: np.ndarray) -> bool:
    """Tell whether each number is larger than the one before it, the first larger than 0."""
    return bool((numbers[1:] > numbers[:-1]).all() and numbers[:1].all())


def is_counts(path: Path) -> bool:
    """Tell whether a path leads to a file of counts; pipes and the like are not read."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _is_sealed(file: BinaryIO) -> bool:
    """Tell whether a file ends with the SHA-256 of all before it."""
    digest = hashlib.sha256()
    left = file.seek(0, os.SEEK_END) - digest.digest_size
    file.seek(0)
    while left > 0:
        part = file.read(min(left, LARGEST_BLOCK))
        digest.update(part)
        left -= len(part)
    return file.read() == digest.digest()
