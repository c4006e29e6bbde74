"""Text files in blocks of whole lines; files on disk, pipes, standard input, open files."""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK = 1 << 20  # bytes read at a time
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"  # what packed files begin with


@dataclass(frozen=True)
class Text:
    """A text that can be read several times: a file on disk, or what a stream gave.

    Attributes:
        name: what messages call it.
        path: the file; None for a stream.
        data: what the stream gave.
    """

    name: str
    path: Path | None = None
    data: bytes = b""

    @classmethod
    def of(cls, source: Any) -> Text:
        """Return the text of a path, of `-` for standard input, or of an open file.

        Args:
            source: str or `Path`; or what has `read`, whose rest is read, and which stays open.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is a folder.
        """
        if hasattr(source, "read"):
            content = source.read()
            data = content.encode() if isinstance(content, str) else content
            return cls(str(getattr(source, "name", "the open file")), data=data)
        path = Path(source)
        if str(path) == "-":
            return cls("standard input", data=sys.stdin.buffer.read())
        if path.is_dir():
            raise ValueError(f"{path}: a folder; expected a file")
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file; check the path")
        return cls(str(path), path) if path.is_file() else cls(str(path), data=path.read_bytes())

    def __str__(self) -> str:
        return self.name

    @property
    def suffix(self) -> str:
        """The end of the name in small letters, without `.gz`."""
        return Path(self.name.removesuffix(".gz")).suffix.lower()

    @contextlib.contextmanager
    def opened(self) -> Iterator[Any]:
        """Open the text as a binary file, unpacked.

        Raises:
            ValueError: if it is damaged, when it is read.
        """
        try:
            with self.path.open("rb") if self.path else io.BytesIO(self.data) as raw:
                packed = self.name.endswith(".gz") if self.path else self.data.startswith(GZIP)
                with gzip.open(raw) if packed else raw as file:
                    yield file
        except (EOFError, OSError, zlib.error) as error:
            message = f"{self}: damaged or cut, or not what its name says: {error}"
            raise ValueError(message) from error


def blocks_of_lines(text: Text, advance: Callable[[int], Any]) -> Iterator[bytes]:
    """Yield blocks of about a million bytes that end where a line does.

    Args:
        text: what to read.
        advance: called with the bytes of text read since the last call.

    Raises:
        ValueError: if the file is damaged.
    """
    rest = b""
    with text.opened() as file:
        while data := file.read(BLOCK):
            advance(len(data))
            head, line_end, tail = data.rpartition(b"\n")
            if line_end:
                yield rest + head + line_end
                rest = b""
            rest += tail
    if rest:
        yield rest


def line_end(block: bytes, position: int) -> int:
    """Return where the line at a position ends."""
    end = block.find(b"\n", position)
    return len(block) if end < 0 else end
