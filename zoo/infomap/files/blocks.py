"""Text files in blocks of whole lines, unpacked if their names end in `.gz`."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BLOCK = 1 << 20  # bytes read at a time
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file to read bytes of text.

    Raises:
        ValueError: if it is damaged, when it is read.
    """
    try:
        with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else raw as file:
            yield file
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: damaged or cut, or not what its name says: {error}") from error


def blocks_of_lines(path: Path, advance: Callable[[int], Any]) -> Iterator[bytes]:
    """Yield blocks of about a million bytes that end where a line does.

    Args:
        path: the file.
        advance: called with the bytes of text read since the last call.

    Raises:
        ValueError: if the file is damaged.
    """
    rest = b""
    with opened(path) as file:
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
