"""Which files a source names: files, folders, globs, standard input."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterable
from pathlib import Path

Source = str | Path | Iterable[str | Path]

SUFFIXES = (".txt", ".tsv", ".csv", ".json", ".jsonl", ".gz", ".bz2", ".xz", ".zst")


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
