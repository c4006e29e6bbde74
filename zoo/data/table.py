"""Tables of one's own: comma- or tab-separated values, JSON lines, Parquet, or lines of text."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from zoo.data.parquet import read_parquet
from zoo.data.text import read_text
from zoo.files import json_object

DELIMITERS = {".csv": ",", ".tsv": "\t"}
Row = tuple[int, dict[str, str]]  # the number of its line, and its cells


def read_table(
    path: str | Path,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    *,
    encoding: str = "utf-8",
    names: str | None = None,
) -> list[dict[str, str]]:
    """Read the rows of a table as dictionaries; blank lines are no rows.

    Args:
        path: a file `.csv` or `.tsv`; `.jsonl`, an object a line; `.parquet`, if pyarrow is
            installed; of a single column also `.txt`, a row a line.
        columns: what each row must have.
        optional: what rows may have. Other columns are left out.
        encoding: such as `gb18030`; default UTF-8, with or without a byte order mark.
        names: what the file calls the columns, and then the optional ones that it has, with commas
            between them: `review,stars`. Numbers from 1 on, `2,1`, if its first line is a row.
            Default: as they are called here.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it has another suffix, is empty or of another encoding, has no such column,
            a row lacks one or has more cells than the first line, or a cell is a list.
    """
    path = Path(path)
    called = _called([*columns, *optional], len(columns), names)
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        rows = list(enumerate(read_parquet(path, called, columns), 1))
        return _complete(path, rows, columns, "row")
    lines = StringIO(read_text(path, encoding), newline=None).read().split("\n")
    if suffix in DELIMITERS:
        rows = _separated(path, lines, called, columns)
    elif suffix == ".jsonl":
        rows = [
            (n, json_object(line, f"{path}, line {n}"))
            for n, line in enumerate(lines, 1)
            if line.strip()
        ]
        rows = [(n, {c: row[k] for c, k in called.items() if k in row}) for n, row in rows]
    elif suffix == ".txt" and len(columns) == 1:
        rows = [(n, {columns[0]: line}) for n, line in enumerate(lines, 1) if line.strip()]
    else:
        plain = " (.txt has but one column)" if suffix == ".txt" else ""
        raise ValueError(
            f"{path}: expected a name that ends in .csv, .tsv, .jsonl or .parquet{plain}"
        )
    return _complete(path, rows, columns, "line")


def _complete(
    path: Path, rows: Sequence[tuple[int, dict[str, Any]]], columns: Sequence[str], unit: str
) -> list[dict[str, str]]:
    """Return rows as text, none of which lacks a column; a `unit` is what they are numbered by."""
    for number, row in rows:
        if absent := [name for name in columns if row.get(name) is None]:
            raise ValueError(f"{path}, {unit} {number}: there is no {absent[0]!r}, of {[*columns]}")
        if odd := [name for name, cell in row.items() if isinstance(cell, list | dict)]:
            raise ValueError(
                f"{path}, {unit} {number}: {odd[0]!r} is {row[odd[0]]!r:.80}: expected a text or a "
                "number; write its parts as one text"
            )
    return [{n: str(cell) for n, cell in row.items() if cell is not None} for _, row in rows]


def _called(columns: list[str], needed: int, names: str | None) -> dict[str, str]:
    """Return what the file calls each column."""
    if names is None:
        return dict(zip(columns, columns, strict=True))
    given = [name.strip() for name in names.split(",")]
    if not needed <= len(given) <= len(columns) or not all(given):
        raise ValueError(
            f"columns is {names!r}: expected a name for each of {', '.join(columns[:needed])}, "
            f"such as --data.columns {','.join(columns[:needed])}"
        )
    return dict(zip(columns, given, strict=False))


def _separated(
    path: Path, lines: list[str], called: dict[str, str], columns: Sequence[str]
) -> list[Row]:
    """Return the rows of a table in a file of separated values."""
    records = [(n, cells) for n, cells in _records(path, lines) if any(map(str.strip, cells))]
    if not records:
        raise ValueError(f"{path} has no rows: expected a line for each text")
    number, first = records[0]
    if all(name.isdecimal() and int(name) for name in called.values()):
        places = {column: int(name) - 1 for column, name in called.items()}
    else:
        header = {cell.strip().casefold(): place for place, cell in enumerate(first)}
        found = {column: header.get(name.casefold()) for column, name in called.items()}
        places = {column: place for column, place in found.items() if place is not None}
        if absent := [column for column in columns if column not in places]:
            raise ValueError(
                f"{path}, line {number}: no column {called[absent[0]]!r} in {first!r:.80}: name "
                f"the columns that are {' and '.join(columns)} (--data.columns NAME,NAME), or, if "
                "this line is a row and not their names, number them (--data.columns 1,2)"
            )
        records = records[1:]
    for number, cells in records:
        if any(cells[len(first) :]):
            raise ValueError(
                f"{path}, line {number}: {len(cells)} cells, and {len(first)} in the first line: "
                "put a text that has the separator into quotation marks"
            )
    return [
        (n, {column: cells[i] for column, i in places.items() if i < len(cells)})
        for n, cells in records
    ]


def _records(path: Path, lines: list[str]) -> list[tuple[int, list[str]]]:
    """Return the cells of each record and the number of its last line.

    Values separated by tabs are often written without any quoting, so that a quotation mark is
    only one if all of the file's can be.
    """
    problem, suffix = "", path.suffix.lower()
    csv.field_size_limit(2**31 - 1)  # a text may be a book; Python's own is 131,072 characters
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE)[: 1 + (suffix == ".tsv")]:
        text = StringIO("\n".join(lines))
        reader = csv.reader(text, delimiter=DELIMITERS[suffix], quoting=quoting, strict=True)
        try:
            return [(reader.line_num, cells) for cells in reader]
        except csv.Error as error:
            problem = f"{path}, line {reader.line_num}: {error}"
    raise ValueError(f"{problem}; inside quotation marks, write a quotation mark twice")
