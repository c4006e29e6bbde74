"""The text of files: decoded in blocks, with errors that name the file and the byte."""

from __future__ import annotations

import codecs
import contextlib
import logging
import lzma
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.progress import Advance
from zoo.words.texts.streams import Counted, Interruptible, Readable, decompressed

BLOCK = 1 << 20  # bytes read at a time
MARKED = {  # encodings by the byte order mark of a file; the longer marks first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Files:
    """How files are read."""

    encoding: str
    errors: str
    advance: Advance

    def read(self, paths: list[Path | None]) -> Iterator[str]:
        """Yield the text of files, a line break after each; None stands for standard input."""
        for path in paths:
            yield from self.blocks(path, self.advance)
            yield "\n"

    def good_ones(self, paths: list[Path | None]) -> list[Path | None]:
        """Return the files that can be read to their ends; warn of the others.

        Raises:
            ValueError: if there is none.
        """
        faults = {path: self.fault(path) for path in paths}
        bad = [fault for fault in faults.values() if fault]
        for fault in bad:
            log.warning("skipped: %s", fault)
        if len(bad) == len(paths):
            raise ValueError(f"none of {len(paths)} files can be read: {bad[0]}")
        if bad:
            log.warning("skipped %d of %d files", len(bad), len(paths))
        return [path for path in paths if not faults[path]]

    def fault(self, path: Path | None) -> ValueError | None:
        """Return what is wrong with a file, if anything."""
        try:
            for _ in self.blocks(path, lambda _: None) if path else ():
                pass
        except ValueError as error:
            return error
        return None

    def blocks(self, path: Path | None, advance: Advance) -> Iterator[str]:
        """Yield the text of one file."""
        name = "standard input" if path is None else str(path)
        if path is None and sys.stdin is None:
            raise ValueError("standard input is closed: name a file")
        raw = Interruptible(sys.stdin.buffer) if path is None else path.open("rb")
        with contextlib.ExitStack() as stack:
            if path is not None:
                stack.callback(raw.close)
            file = decompressed(Counted(raw, advance), path)
            yield from decode(file, name, self.encoding, self.errors)


def decode(file: Readable, name: str, encoding: str, errors: str) -> Iterator[str]:
    """Yield decoded blocks; an error names the file and the byte."""
    decoder = None
    done = 0
    while True:
        try:
            data = file.read(BLOCK)
        except DAMAGED as error:
            raise ValueError(f"{name}: damaged, or not what its suffix says: {error}") from error
        except Exception as error:  # zstandard's own class, which may not be installed
            if type(error).__name__ != "ZstdError":
                raise
            raise ValueError(f"{name}: damaged, or not what its suffix says: {error}") from error
        if decoder is None:
            marked = [name for mark, name in MARKED.items() if data.startswith(mark)]
            encoding = marked[0] if marked else encoding
            decoder = codecs.getincrementaldecoder(encoding)(errors)
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            where = done + len(data) - len(error.object) + error.start
            raise ValueError(
                f"{name}: byte {where} is not {encoding} ({error.reason}); "
                f"give its encoding= (gb18030?), or errors='replace'"
            ) from None
        done += len(data)
        if text:
            yield text
        if not data:
            return
