"""Tables of one's own: comma- or tab-separated values, or JSON lines."""

import csv
import json
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from zoo.data.text import read_text

DELIMITERS = {".csv": ",", ".tsv": "\t"}


def read_table(path: str | Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """Read the rows of a table as dictionaries.

    Args:
        path: a UTF-8 file, `.csv` or `.tsv` with a line of names, or `.jsonl`, an object a line.
        columns: the names that each row must have; it may have others.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it has another suffix, is empty or not UTF-8, or a row lacks a column.
    """
    path = Path(path)
    text = read_text(path)
    if path.suffix in DELIMITERS:
        reader = csv.DictReader(StringIO(text), delimiter=DELIMITERS[path.suffix])
        try:
            rows = [(reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
    elif path.suffix == ".jsonl":
        lines = enumerate(text.split("\n"), 1)
        rows = [(number, _object(path, number, line)) for number, line in lines if line.strip()]
    else:
        raise ValueError(f"{path}: expected a name that ends in .csv, .tsv or .jsonl")
    for number, row in rows:
        if absent := [name for name in columns if row.get(name) is None]:
            raise ValueError(f"{path}, line {number}: there is no {absent[0]!r}, of {[*columns]}")
    return [{name: str(value) for name, value in row.items()} for _, row in rows]


def _object(path: Path, number: int, line: str) -> dict[str, str]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}, line {number}: no JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{path}, line {number}: expected a JSON object, {{...}}")
    return row
