"""Who is meant in the title of a poem: Tang and Song poets, and titles that name them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from zoo.data.splits import Split
from zoo.files import json_object

By = Literal["author", "title", "name"]
FOLDS = 5


@dataclass(frozen=True)
class Poet:
    """The facts about one poet.

    Attributes:
        id: dynasty and name, `宋蘇軾`.
        name: surname and given name.
        courtesy: courtesy names (字), by which others call him.
        sobriquets: sobriquets (號), which he chose.
        birth: year; None if not known.
        death: year; None if not known.
        place: where the family is from; empty if not known.
        poems: how many the collection has of him.
    """

    id: str
    name: str
    courtesy: tuple[str, ...]
    sobriquets: tuple[str, ...]
    birth: int | None
    death: int | None
    place: str
    poems: int


@dataclass(frozen=True)
class Title:
    """A title that names someone, the surname cut out.

    Attributes:
        text: `author：title`.
        author: the author's id.
        start: offset of the name in the text.
        end: offset behind it.
        entity: the id of the poet that is meant; None for one whom the base lacks.
        surname: what was cut out before `start`.
    """

    text: str
    author: str
    start: int
    end: int
    entity: str | None
    surname: str

    @property
    def name(self) -> str:
        """The name in the text."""
        return self.text[self.start : self.end]

    def split(self, by: By, fold: int = 0) -> Split:
        """Return the split it belongs to.

        A fifth of all tests, a tenth validates: of all authors, titles or names, by a hash.

        Args:
            by: what no two splits share: `author`, `title` (the text) or `name`.
            fold: from 0 to 4; each title tests in one of them.
        """
        key = {"author": self.author, "title": self.text, "name": self.name}[by]
        tenth = hashlib.sha256(key.encode()).digest()[0] * 10 // 256
        place = (tenth - 2 * fold) % 10
        return "test" if place < 2 else "valid" if place == 2 else "train"


def load_poets(path: str | Path | None = None) -> tuple[list[Poet], list[Title]]:
    """Read the poets and the titles.

    Args:
        path: a gzip file made by `tools/make_poets.py`; default the embedded one.

    Returns:
        Poets, those with most poems first; titles, in the order of the collection.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no gzip, or has a bad line; the message has its number.

    Example:
        >>> poets, titles = load_poets()
        >>> titles[0].name == titles[0].text[titles[0].start : titles[0].end]
        True
    """
    records = [_parse(record, where) for where, record in _records(path)]
    poets = [record for record in records if isinstance(record, Poet)]
    titles = [record for record in records if isinstance(record, Title)]
    return sorted(poets, key=lambda poet: (-poet.poems, poet.id)), titles


def _parse(record: dict[str, Any], where: str) -> Poet | Title:
    try:
        if "text" in record:
            return Title(**record)
        lists: dict[str, Any] = {key: tuple(record[key]) for key in ("courtesy", "sobriquets")}
        return Poet(**(record | lists))
    except (TypeError, KeyError) as error:
        raise ValueError(
            f"{where}: {error}: expected a poet or a title; make the file with tools/make_poets.py"
        ) from None


def _records(path: str | Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the JSON objects of a file, each with its place for error messages."""
    file = files("zoo.data") / "samples" / "poets.jsonl.gz" if path is None else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"no file {file}: make it with tools/make_poets.py")
    try:
        lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no whole gzip file of UTF-8: {error}") from error
    for number, line in enumerate(lines, 1):
        where = f"{file}, line {number}"
        yield where, json_object(line, where)
