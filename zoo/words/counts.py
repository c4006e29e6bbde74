"""Counts of a corpus: sorted runs of rows and the coded text, in memory or on disk, mergeable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Literal

import numpy as np

from zoo.words.folding import (
    BREAK,
    DIGIT,
    SPACE,
    Characters,
    Folding,
    alphabet_of,
    encode,
    translation,
)
from zoo.words.kernels.rows import (
    AFTER,
    BEFORE,
    ORDER,
    ROW,
    count_padded_rows,
    count_rows,
)
from zoo.words.memory import (
    LARGEST_BLOCK,
    LARGEST_CHUNK,
    InMemory,
    OnDisk,
    Storage,
    Stored,
    give_back,
)
from zoo.words.merge_runs import ahead, is_identity, merged_blocks
from zoo.words.progress import bar

THREADS = 2
MAGIC = b"zoo.words counts 2\n"  # then a line of JSON, the runs, and the SHA-256 of all that

Windows = Literal["exact", "padded"]


@dataclass(frozen=True)
class Run:
    """What one chunk of text gave.

    Attributes:
        alphabet: sorted code points, uint32 (alphabet,); code i stands for `alphabet[i - 1]`.
        rows: sorted records of type `counting.ROW`.
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
        """Yields all rows in order, merged, in the codes of `alphabet`, in blocks."""
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
        """Yields the text in the codes of an alphabet, chunk by chunk: uint16 (length,).

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
        """Returns the counts of all parts together.

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
        """Writes the counts to one file: what another machine merges.

        The file appears whole or not at all.
        """
        digest = hashlib.sha256()
        with replacing(Path(path)) as partial, partial.open("wb") as file:
            for part in self._parts():
                digest.update(part)
                file.write(part)
            file.write(digest.digest())

    def _parts(self) -> Iterator[bytes]:
        """Yields what a file of counts holds, but its sum."""
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
        """Opens saved counts; rows and text stay in the file and are read when needed.

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
            head = json.loads(file.readline())
            offset = file.tell()
        runs = []
        for letters, rows, codes in head.pop("sizes"):
            alphabet = np.fromfile(path, np.uint32, letters, offset=offset)
            offset += alphabet.nbytes
            stored = OnDisk(path, ROW, rows, offset)
            offset += rows * ROW.itemsize
            runs.append(Run(alphabet, stored, OnDisk(path, np.dtype(np.uint16), codes, offset)))
            offset += 2 * codes
        return cls(tuple(runs), **head)


def count(
    blocks: Iterable[str],
    *,
    characters: Characters = "unspaced",
    half_width: bool = False,
    windows: Windows = "exact",
    chunk: int = LARGEST_CHUNK,
    threads: int = THREADS,
    storage: Storage | None = None,
) -> Counts:
    """Counts the n-grams of a stream of text.

    Args:
        blocks: pieces of one text, of any length; n-grams cross from one to the next.
        characters: which characters to keep, see `Folding`.
        half_width: fold full-width forms to half-width ones.
        windows: see `Counts`.
        chunk: characters a run; changes memory and speed, not the counts.
        threads: chunks counted at the same time.
        storage: where the runs go; None keeps them in memory.
    """
    storage = storage or Storage()
    folding = Folding(characters, half_width=half_width)
    whole_lines = windows == "padded"  # their windows need to know where a line ends
    rooms: SimpleQueue[np.ndarray] = SimpleQueue()
    for _ in range(threads):
        rooms.put(np.empty(0, ROW))
    runs: list[Run] = []
    waiting: deque[Future[Run]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        symbols = _joined(map(folding, blocks), folding.numbers_are_one)
        for part in _chunks(symbols, chunk, whole_lines):
            waiting.append(pool.submit(_count_chunk, [part], windows, rooms, storage))
            del part
            if len(waiting) > threads:
                runs.append(waiting.popleft().result())
        runs.extend(future.result() for future in waiting)
    give_back()
    return Counts(tuple(runs), characters, half_width, windows, (storage,))


def _is_sealed(file: BinaryIO) -> bool:
    """Tells whether a file ends with the SHA-256 of all before it."""
    digest = hashlib.sha256()
    left = file.seek(0, os.SEEK_END) - digest.digest_size
    file.seek(0)
    while left > 0:
        part = file.read(min(left, LARGEST_BLOCK))
        digest.update(part)
        left -= len(part)
    return file.read() == digest.digest()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path to write to; it replaces `path` at the end, or vanishes on an exception."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _count_chunk(
    part: list[np.ndarray], windows: Windows, rooms: SimpleQueue[np.ndarray], storage: Storage
) -> Run:
    points = part.pop()  # now the only reference: the text goes when its codes are there
    alphabet = alphabet_of(points)
    codes = encode(points, alphabet)
    del points
    room = rooms.get()
    try:
        if room.size < codes.size:
            room = np.empty(codes.size, ROW)  # NumPy lays it on huge pages, Numba does not
        if windows == "exact":
            size = count_rows(codes, alphabet.size + 1, room)
        else:
            space = int(np.searchsorted(alphabet, SPACE)) + 1 if SPACE in alphabet else 0
            size = count_padded_rows(codes, alphabet.size + 1, space, room)
        if storage.claim(size * ROW.itemsize):
            room.resize(size, refcheck=False)  # in place: no view of it is left
            rows, room = InMemory(room), np.empty(0, ROW)
        else:
            rows = storage.spill(room[:size])
    finally:
        rooms.put(room)
    return Run(alphabet, rows, storage.keep(codes[BEFORE:-AFTER]))


def _joined(folded: Iterable[np.ndarray], numbers_are_one: bool) -> Iterator[np.ndarray]:
    """Folds runs of breaks (and digits) into one where they cross from a block to the next."""
    last = BREAK
    for block in folded:
        if (
            block.size
            and block[0] == last
            and (last == BREAK or (numbers_are_one and last == DIGIT))
        ):
            block = block[1:]
        if block.size:
            last = int(block[-1])
            yield block


def _chunks(folded: Iterable[np.ndarray], chunk: int, whole_lines: bool) -> Iterator[np.ndarray]:
    """Yields chunks of folded text with one character of context before and four after."""
    parts = [np.full(BEFORE, BREAK, np.uint32)]
    for block in folded:
        parts.append(block)
        if sum(part.size for part in parts) < chunk + BEFORE + AFTER:
            continue
        text = _emptied(parts)
        while stop := _end_of_chunk(text, chunk, whole_lines):
            yield text[: stop + AFTER]
            text = text[stop - BEFORE :]
        parts = [text]
    parts.append(np.full(AFTER + 1, BREAK, np.uint32))
    yield _emptied(parts)


def _emptied(parts: list[np.ndarray]) -> np.ndarray:
    """Returns the parts as one, and lets go of them."""
    text = np.concatenate(parts)
    parts.clear()
    return text


def _end_of_chunk(text: np.ndarray, chunk: int, whole_lines: bool) -> int:
    """Returns where the first chunk of a text ends, or 0 if more text is needed to know."""
    stop = BEFORE + chunk
    if text.size < stop + AFTER:
        return 0
    if not whole_lines:
        return stop
    ends = np.flatnonzero(text[BEFORE : text.size - AFTER] == BREAK) + BEFORE + 1
    within = np.searchsorted(ends, stop, "right")
    return int(ends[max(0, within - 1)]) if ends.size else 0
