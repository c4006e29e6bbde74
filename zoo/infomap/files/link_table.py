"""Tables of links, `.csv` and `.tsv`, with or without a header; nodes may have names."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.infomap.files.blocks import BYTE_ORDER_MARK, Text
from zoo.infomap.networks.links import Links
from zoo.infomap.networks.network import Network
from zoo.infomap.networks.tables import DEFAULT, from_table, has_ends, is_end

DELIMITERS = {".csv": ",", ".tsv": "\t"}
WITHOUT_HEADER: tuple[str, ...] = ("source", "target", DEFAULT)


@dataclass(frozen=True)
class Table:
    """Columns with names, as `networks.tables.from_table` reads them."""

    columns: list[str]
    rows: list[list[str]]

    def __getitem__(self, name: str) -> np.ndarray:
        place = self.columns.index(name)
        return np.array([row[place] for row in self.rows], object)


def read_link_table(
    text: Text, *, directed: bool, drop_directions: bool, weight: str | None = DEFAULT, **_: Any
) -> Network:
    """Read a table of links: a row each, source, target, and perhaps a weight.

    The first row is a header if it names known columns (source and target, from and to, Gephi's,
    ...), or holds no number where all others do. Nodes whose names are all whole numbers have
    these as `ids`.

    Args:
        text: the file; `;` may stand for `,`.
        directed: whether links have a direction.
        drop_directions: take links that a column `Type` calls directed as undirected.
        weight: the column of weights, see `networks.tables.from_table`; None for 1 each.

    Raises:
        ValueError: naming the line of a row that has too few or too many values, or a weight that
            is none; or the columns, if none is called like `weight`.
    """
    links = from_table(_table(text, weight), weight)
    names = list(links.nodes or [])
    attributes: dict[str, Any] = {"names": names}
    if all(_is_whole(name) for name in names):
        ids, order = np.unique([int(str(name)) for name in names], return_inverse=True)
        if len(ids) == len(names):  # not 1 and 01
            ends = order[links.sources], order[links.targets]
            links = Links(*ends, links.weights, ids.tolist(), links.directed)
            attributes = {"ids": ids}
    return links.network(directed=directed, drop_directions=drop_directions, **attributes)


def _table(text: Text, weight: str | None) -> Table:
    """Return the rows of a file, all of one length, and the names of their columns."""
    with text.opened() as file:
        data = file.read().removeprefix(BYTE_ORDER_MARK)
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{text}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    delimiter = DELIMITERS[text.suffix]
    if delimiter == "," and lines and ";" in lines[0] and "," not in lines[0]:
        delimiter = ";"
    rows, places = [], []
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(map(str.strip, row)) and not row[0].startswith("#"):
                rows.append([value.strip() for value in row])
                places.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{text}, line {reader.line_num}: {error}") from error
    if not rows:
        raise ValueError(f"{text}: no rows; expected source, target and perhaps a weight")
    return _checked(text, rows, places, weight)


def _checked(text: Text, rows: list[list[str]], places: list[int], weight: str | None) -> Table:
    """Return the table of rows, whose lines are given, if each has what its columns want."""
    columns = rows[0] if _is_header(rows) else list(WITHOUT_HEADER[: len(rows[0])])
    first = int(_is_header(rows))
    for row, line in zip(rows[first:], places[first:], strict=True):
        if len(row) != len(columns):
            raise ValueError(f"{text}, line {line}: {len(row)} values; expected {len(columns)}")
        if len(row) == 3 and columns == list(WITHOUT_HEADER) and not _is_number(row[2]):
            raise ValueError(f"{text}, line {line}: the weight {row[2]!r} is no number")
        if "" in row[:2]:
            raise ValueError(f"{text}, line {line}: the end of a link is missing")
    if weight == DEFAULT:
        columns = _with_weight(columns, rows[first:])
    return Table(columns, rows[first:])


def _with_weight(columns: list[str], rows: list[list[str]]) -> list[str]:
    """Return the names of columns, that of a third one of numbers being `weight`."""
    others = [place for place, name in enumerate(columns) if not is_end(name)]
    rest = others[0] if len(others) == 1 else 2
    if len(columns) != 3 or not all(_is_number(row[rest]) for row in rows):
        return columns
    return [DEFAULT if place == rest else name for place, name in enumerate(columns)]


def _is_header(rows: list[list[str]]) -> bool:
    """Say whether the first of some rows names columns."""
    if has_ends(rows[0]):
        return True
    below = rows[1:]
    return bool(below) and any(
        all(_is_number(row[place]) for row in below if place < len(row))
        for place, name in enumerate(rows[0])
        if name and not _is_number(name)
    )


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _is_whole(name: Any) -> bool:
    return isinstance(name, str) and name.isascii() and name.isdigit() and len(name) < 19
