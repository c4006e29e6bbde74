"""Text as a stream: files (compressed or not), folders, globs, standard input, iterables."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from zoo.progress import Advance, bar
from zoo.words.texts.files import BLOCK, Files
from zoo.words.texts.paths import Source, find_paths


@contextlib.contextmanager
def read(
    source: Source,
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    skip_bad: bool = False,
    dedup: bool = False,
    progress: bool = False,
) -> Iterator[Iterator[str]]:
    """Open a source and give its text in blocks of about a million characters.

    Args:
        source: a text; a file, folder (all its files) or glob, as `Path` or as `str`; `"-"` for
            standard input; an iterable of texts, each a line of its own, or of paths.
        encoding: encoding of files and standard input; UTF-8, UTF-16 and UTF-32 are known by the
            byte order mark that they begin with.
        errors: `"strict"` or `"replace"`.
        skip_bad: pass over files that are damaged or cannot be decoded; a warning names them.
        dedup: pass over lines that were there before, but for blanks around them. Each different
            line takes some 70 bytes of memory.
        progress: show a bar with MB/s and time left.

    Yields:
        An iterator over the blocks; a line break comes between files and between the items of
        an iterable.

    Raises:
        FileNotFoundError: if a path or a glob leads nowhere.
        ValueError: if bytes cannot be decoded, with file and offset; if a file is damaged; if
            the encoding or `errors` is unknown.
    """
    _check(encoding, errors)
    paths = find_paths(source)
    if paths is not None:
        total = None if None in paths else sum(path.stat().st_size for path in paths if path)
    else:
        total = len(source) if isinstance(source, str) else None
    with bar("reading", total, progress) as advance:
        if paths is not None:
            files = Files(encoding, errors, advance)
            if skip_bad:
                paths = files.good_ones(paths)
            blocks = files.read(paths)
        else:
            texts: Iterable[Any] = [source] if isinstance(source, (str, Path)) else source
            blocks = _read_texts(texts, advance)
        yield _different_lines(blocks) if dedup else blocks


def _different_lines(blocks: Iterator[str]) -> Iterator[str]:
    """Yield a text without the lines that it had before."""
    seen: set[bytes] = set()

    def new(line: str) -> bool:
        text = line.strip()
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        known = digest in seen
        seen.add(digest)
        return not known

    for ended in _ended_lines(blocks):
        yield "".join(f"{line}\n" for line in ended if new(line))


def lines(blocks: Iterator[str]) -> Iterator[str]:
    """Yield the lines of a text as `read` gives it: with a line break after each file."""
    held: list[str] = []
    for ended in _ended_lines(blocks):
        held += ended
        yield from held[:-1]
        held = held[-1:]
    yield from filter(None, held)  # empty where the file itself ended with a line break


def _ended_lines(blocks: Iterator[str]) -> Iterator[list[str]]:
    """Yield the lines that end in each block; what `read` gives ends with a line break."""
    parts: list[str] = []
    for block in blocks:
        first, *others = block.split("\n")
        parts.append(first)
        if others:
            yield ["".join(parts), *others[:-1]]
            parts = others[-1:]


def _read_texts(texts: Iterable[Any], advance: Advance) -> Iterator[str]:
    """Yield texts with a line break after each, small ones joined and large ones in parts."""
    held: list[str] = []
    size = 0
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"expected texts, or paths only, but found {text!r}")
        for start in range(0, len(text), BLOCK):
            part = text[start : start + BLOCK]
            held.append(part)
            size += len(part)
            if size >= BLOCK:
                yield "".join(held)
                advance(size)
                held, size = [], 0
        held.append("\n")
    yield "".join(held)
    advance(size)


def _check(encoding: str, errors: str) -> None:
    if errors not in ("strict", "replace"):
        raise ValueError(f"errors={errors!r}: expected 'strict' or 'replace'")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(
            f"encoding={encoding!r}: unknown; expected 'utf-8', 'gb18030', ..."
        ) from None
