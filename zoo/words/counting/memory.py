"""Arrays that live in memory up to a limit, and in a temporary folder beyond it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LIBRARIES = 176_000_000  # bytes of a memory limit that the interpreter and its libraries take
SMALLEST = 64_000_000  # bytes besides
CHARACTER = 40  # bytes a character and thread while a chunk is counted
LARGEST_CHUNK = 1 << 21  # characters counted at a time by a thread
MERGED = 128  # bytes a row while runs are merged
LARGEST_BLOCK = 1 << 20  # rows merged at a time, all runs together
PREFIX, LOCK = "zoo-words-", "lock"  # of temporary folders
NGRAM = 180  # bytes a frequent n-gram, while the text is cut


@dataclass(frozen=True)
class Budget:
    """How a memory limit is spent.

    Attributes:
        chunk: characters that each thread counts at a time.
        held: bytes of counted runs to hold in memory.
        block: rows merged at a time.
        ngrams: largest number of frequent n-grams.
        limit: all of it, in bytes.
    """

    chunk: int
    held: int
    block: int
    ngrams: int
    limit: int

    @classmethod
    def of(cls, memory: float | str | None, threads: int = 1) -> Budget:
        """Divide a limit as `zoo.discover_words` takes it.

        Raises:
            ValueError: if it is no size or too small for anything, or if there is no thread.
        """
        if threads < 1:
            raise ValueError(f"threads={threads}: expected at least 1")
        limit = parse_size(memory)
        if limit is None:
            limit = physical_memory() // 2
        free = limit - LIBRARIES
        if free < SMALLEST:
            least = (LIBRARIES + SMALLEST) // 10**6
            raise ValueError(f"memory={memory!r}: expected at least {least}MB")
        chunk = min(LARGEST_CHUNK, free // (2 * threads * CHARACTER))
        block = min(LARGEST_BLOCK, free // (4 * MERGED))
        held = free // 8
        return cls(chunk, held, block, (free - held) // NGRAM, limit)


def physical_memory() -> int:
    """Return the bytes of this machine's memory; 8 GiB where the system does not say: Windows."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def give_back() -> None:
    """Return freed memory to the system, which glibc otherwise keeps for each thread."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


class Stored(Protocol):
    """A one-dimensional array somewhere, read in slices."""

    @property
    def size(self) -> int:
        """Number of elements."""
        ...

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the elements from `start` to `stop`."""
        ...


@dataclass(frozen=True)
class InMemory:
    """An array that is simply held."""

    array: np.ndarray

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.array.size

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the elements from `start` to `stop`."""
        return self.array[start:stop]


@dataclass(frozen=True)
class OnDisk:
    """An array in a file, `offset` bytes from its beginning."""

    path: Path
    dtype: np.dtype
    size: int
    offset: int = 0

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the elements from `start` to `stop`."""
        stop = min(stop, self.size)
        where = self.offset + start * self.dtype.itemsize
        return np.fromfile(self.path, self.dtype, max(0, stop - start), offset=where)


class Storage:
    """Keeps arrays in memory until they pass `limit` bytes together, later ones on disk.

    The temporary folder is made when first needed and goes with the object: at the end of a
    `with` block, at garbage collection, or at the interpreter's exit, whichever comes first.

    Args:
        limit: bytes to hold in memory; None for no limit.
        folder: where to make the temporary folder; None for the system's choice.
    """

    def __init__(self, limit: int | None = None, folder: str | Path | None = None) -> None:
        self.limit = limit
        self.folder = folder
        self.held = 0
        self.written = 0
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._lock_file: IO[bytes] | None = None
        self._lock = threading.Lock()

    def keep(self, array: np.ndarray) -> Stored:
        """Take an array and return where it is now; threads may call it."""
        return InMemory(array) if self.claim(array.nbytes) else self.spill(array)

    def claim(self, size: int) -> bool:
        """Take so many bytes of the limit, if they are left."""
        with self._lock:
            fits = self.limit is None or self.held + size <= self.limit
            self.held += size if fits else 0
            return fits

    def spill(self, array: np.ndarray) -> OnDisk:
        """Write an array to the temporary folder."""
        with self._lock:
            if self._temporary is None:
                self._temporary = tempfile.TemporaryDirectory(prefix=PREFIX, dir=self.folder)
                _remove_abandoned(Path(self._temporary.name).parent)
                self._lock_file = _mark_as_used(Path(self._temporary.name))
            path = Path(self._temporary.name) / f"{self.written}.bin"
            self.written += 1
        array.tofile(path)
        return OnDisk(path, array.dtype, array.size)

    def close(self) -> None:
        """Delete what is on disk."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None
            if self._lock_file is not None:
                self._lock_file.close()

    def __enter__(self) -> Storage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _mark_as_used(folder: Path) -> IO[bytes]:
    """Give a temporary folder a file that is locked until it is closed or this process ends."""
    file = (folder / f"{LOCK}.new").open("wb")
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX)
    (folder / f"{LOCK}.new").rename(folder / LOCK)  # now others may look
    return file


def _remove_abandoned(parent: Path) -> None:
    """Remove the temporary folders of processes that were killed: nobody holds their locks."""
    if fcntl is None:
        return
    for path in parent.glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)


def parse_size(size: float | str | None) -> int | None:
    """Return a number of bytes: `"512MB"` is 512 million, `"2GiB"` is two times 2 to the 30.

    Raises:
        ValueError: if it is no number, or no text of a number with one of these units.
    """
    if size is None:
        return None
    text = str(size).strip()
    units = {"": 1, "B": 1}
    units |= {f"{p}B": 1000 ** (i + 1) for i, p in enumerate("KMGT")}
    units |= {f"{p}iB": 1024 ** (i + 1) for i, p in enumerate("KMGT")}
    digits = text.rstrip("BiKMGT ")
    unit = text[len(digits) :].strip()
    try:
        return int(float(digits) * units[unit])
    except (KeyError, ValueError, OverflowError):
        raise ValueError(f"memory={size!r}: expected bytes or a size such as '512MB'") from None
