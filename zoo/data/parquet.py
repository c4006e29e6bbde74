"""Tables in Parquet files, read by pyarrow, which is an extra."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.errors import one_line


def read_parquet(
    path: Path, called: Mapping[str, str], columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Read the rows of a Parquet file; no column is read that is not asked for.

    Args:
        path: the file.
        called: what the file calls each column, by the name that it gets.
        columns: those that it must have.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if pyarrow is not installed, it is no Parquet file or has no rows, or lacks a
            column, or has bytes in it.
    """
    try:
        from pyarrow import ArrowException, parquet  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError(
            f"{path}: pyarrow is not installed: pip install 'kexue-zoo[parquet]', or save the "
            "table as .csv or .jsonl"
        ) from error
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: check its name and its folder")
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if absent := [called[c] for c in columns if called[c] not in names]:
                raise ValueError(
                    f"{path}: no column {absent[0]!r} in {names!r:.80}: name the columns that are "
                    f"{' and '.join(columns)} (--data.columns NAME,NAME)"
                )
            there = {column: name for column, name in called.items() if name in names}
            rows = file.read(columns=list(there.values())).to_pylist()
    except (ArrowException, OSError) as error:
        raise ValueError(f"{path} is no Parquet file: {one_line(error)}") from error
    if odd := [n for row in rows[:1] for n, cell in row.items() if isinstance(cell, bytes)]:
        raise ValueError(f"{path}: column {odd[0]!r} holds bytes: save it as text")
    if not rows:
        raise ValueError(f"{path} has no rows: expected one for each text")
    return [{column: row[name] for column, name in there.items()} for row in rows]
