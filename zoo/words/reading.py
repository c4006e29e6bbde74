"""Text as a stream: files (compressed or not), folders, globs, standard input, iterables."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import glob
import gzip
import hashlib
import importlib
import io
import logging
import lzma
import select
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.progress import Advance, bar

Source = str | Path | Iterable[str | Path]
Readable = Any  # a binary file, of which only `read(size)` is used

BLOCK = 1 << 20  # bytes or characters read at a time
log = logging.getLogger(__name__)
SUFFIXES = (".txt", ".tsv", ".csv", ".json", ".jsonl", ".gz", ".bz2", ".xz", ".zst")
OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
MARKED = {  # encodings by the byte order mark of a file; the longer marks first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error)


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
        encoding: encoding of files and standard input; UTF-16 and UTF-32 are known by the byte
            order mark that they begin with.
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
            files = _Files(encoding, errors, advance)
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

    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        yield "".join(f"{line}\n" for line in lines if new(line))
    if new(rest):
        yield rest


def find_paths(source: Source) -> list[Path | None] | None:
    """Return the files a source names, sorted within folders and globs; None stands for stdin.

    Returns None if the source is text, not paths. A `str` is a path if it exists, looks like a
    file name (`corpus.txt.gz`) or is a glob with matches, and has no line break.
    """
    if isinstance(source, Path):
        return _expand(source)
    if isinstance(source, str):
        return _expand(Path(source)) if _names_a_file(source) else None
    if (
        isinstance(source, (list, tuple))
        and source
        and all(isinstance(item, Path) or _names_a_file(item) for item in source)
    ):
        return [path for item in source for path in _expand(Path(item))]
    return None


def _names_a_file(text: object) -> bool:
    if not isinstance(text, str) or not text or len(text) > 4096 or "\n" in text or "\0" in text:
        return False
    if text == "-" or text.lower().endswith(SUFFIXES):
        return True
    with contextlib.suppress(OSError, ValueError):
        return Path(text).exists() or ("*" in text and bool(_matches(text)))
    return False


def _matches(pattern: str) -> list[Path]:
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - pathlib's takes no absolute one
    return _once(path for path in map(Path, found) if path.is_file())


def _once(paths: Iterable[Path]) -> list[Path]:
    """Return files sorted, each once, although links may lead to it by several paths."""
    found: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda path: (len(path.parts), path)):
        found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _expand(path: Path) -> list[Path | None]:
    if str(path) == "-":
        return [None]
    if path.is_dir():
        files = _once(p for p in path.rglob("*") if p.is_file())
    elif path.exists():
        files = [path]
    else:
        files = _matches(str(path))
    if not files:
        raise FileNotFoundError(f"{path}: no such file, or nothing in it; check the path")
    return list(files)


@dataclass(frozen=True)
class _Files:
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
        raw = _Interruptible(sys.stdin.buffer) if path is None else path.open("rb")
        with contextlib.ExitStack() as stack:
            if path is not None:
                stack.callback(raw.close)
            file = _decompressed(_Counted(raw, advance), path)
            yield from _decode(file, name, self.encoding, self.errors)


def _decompressed(raw: io.RawIOBase, path: Path | None) -> Readable:
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
    return _ZstFile(raw, zstandard.ZstdDecompressor().decompressobj)


def _decode(file: Readable, name: str, encoding: str, errors: str) -> Iterator[str]:
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
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            where = done - pending + error.start
            raise ValueError(
                f"{name}: byte {where} is not {encoding} ({error.reason}); "
                f"give its encoding= (gb18030?), or errors='replace'"
            ) from None
        done += len(data)
        if text:
            yield text
        if not data:
            return


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


class _Interruptible(io.RawIOBase):
    """Standard input that a signal always interrupts.

    Python runs its signal handlers between two steps of its own only: a signal that comes just
    before a blocking read would wait for that read, which on a pipe may never end.
    """

    def __init__(self, file: Any) -> None:
        self.file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with contextlib.suppress(OSError):  # what cannot be waited for: no pipe, or not on POSIX
            while not select.select([self.file], [], [], 0.2)[0]:
                pass
        return self.file.read1(size)


class _Counted(io.RawIOBase):
    """A binary file that reports how much of it was read."""

    def __init__(self, file: Readable, advance: Advance) -> None:
        self.file = file
        self.advance = advance

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.advance(len(data))
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _ZstFile(io.RawIOBase):
    """Decompresses frame after frame; unlike zstandard's own reader it minds a missing end."""

    def __init__(self, file: Readable, new_frame: Callable[[], Any]) -> None:
        self.file = file
        self.new_frame = new_frame
        self.frame = new_frame()
        self.inside = True

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
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


def _check(encoding: str, errors: str) -> None:
    if errors not in ("strict", "replace"):
        raise ValueError(f"errors={errors!r}: expected 'strict' or 'replace'")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(
            f"encoding={encoding!r}: unknown; expected 'utf-8', 'gb18030', ..."
        ) from None


def read_counts(path: str | Path) -> dict[str, float]:
    """Read words and their counts: the first two columns of a table, with or without a header.

    A table that `Lexicon.save` wrote, all its rows; a dictionary of jieba; a list of frequencies.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file and line that has no count.
    """
    counts: dict[str, float] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        word, *columns = line.split("\t") if "\t" in line else line.split()
        try:
            value = float(columns[0])
        except (IndexError, ValueError):
            if number == 1:
                continue
            raise ValueError(
                f"{path}:{number}: {line[:40]!r} has no count; expected a word and a count a line"
            ) from None
        counts[word] = counts.get(word, 0.0) + value
    return counts


def read_words(path: str | Path) -> list[str]:
    """Read words: the first column of each line.

    Of a table that `Lexicon.save` wrote, rows without scores are left out: they are what the
    segmenter alone knows.
    """
    return [x.split()[0] for x in _lines(path) if x.strip() and not x.endswith("\t" * 4)]


def _lines(path: str | Path) -> list[str]:
    with read(Path(path)) as blocks:
        return "".join(blocks).splitlines()
