"""Binary files as they are read: decompressed, counted, interruptible."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import importlib
import io
import lzma
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.progress import Advance

Readable = Any  # a binary file, of which only `read(size)` is used

OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def decompressed(raw: io.RawIOBase, path: Path | None) -> Readable:
    """Return a file as its suffix says it is compressed; None stands for standard input."""
    suffix = "" if path is None else path.suffix.lower()
    if suffix == ".zst":
        return _open_zst(raw, path)
    return OPENERS[suffix](raw, "rb") if suffix in OPENERS else raw


def _open_zst(raw: io.RawIOBase, path: Path | None) -> Readable:
    with contextlib.suppress(ImportError):  # Python 3.14 has it
        return importlib.import_module("compression.zstd").open(raw, "rb")
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        raise ValueError(f"{path}: reading .zst needs the package: pip install zstandard") from None
    return ZstFile(raw, zstandard.ZstdDecompressor().decompressobj)


class Interruptible(io.RawIOBase):
    """Standard input that a signal always interrupts.

    Python runs its signal handlers between two steps of its own only: a signal that comes just
    before a blocking read would wait for that read, which on a pipe may never end.
    """

    def __init__(self, file: Any) -> None:
        self.file = file

    def readable(self) -> bool:
        """Return true."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return some bytes, none at the end."""
        with contextlib.suppress(OSError):  # what cannot be waited for: no pipe, or not on POSIX
            while not select.select([self.file], [], [], 0.2)[0]:
                pass
        return self.file.read1(size)


class Counted(io.RawIOBase):
    """A binary file that reports how much of it was read."""

    def __init__(self, file: Readable, advance: Advance) -> None:
        self.file = file
        self.advance = advance

    def readable(self) -> bool:
        """Return true."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return some bytes, none at the end."""
        data = self.file.read(size)
        self.advance(len(data))
        return data

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; return how many bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class ZstFile(io.RawIOBase):
    """Decompresses frame after frame; unlike zstandard's own reader it minds a missing end."""

    def __init__(self, file: Readable, new_frame: Callable[[], Any]) -> None:
        self.file = file
        self.new_frame = new_frame
        self.frame = new_frame()
        self.inside = True

    def readable(self) -> bool:
        """Return true."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return some bytes, none at the end."""
        text = b""
        while not text:
            data = self.frame.unused_data if self.frame.eof else b""
            data = data or self.file.read(1 << 16)
            if not data:
                if self.inside:
                    raise EOFError("the compressed file ends within a frame")
                return b""
            if self.frame.eof:
                self.frame = self.new_frame()
            text = self.frame.decompress(data)
            self.inside = not self.frame.eof
        return text
