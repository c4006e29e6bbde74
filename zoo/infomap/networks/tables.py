"""Links from tables (pandas, polars): which column is what is decided by the names."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from zoo.infomap.networks.links import Links, by_name

ENDS = (("source", "target"), ("from", "to"), ("src", "dst"), ("u", "v"))
WEIGHTS = ("weight", "value", "count", "w")
DEFAULT = "weight"  # where no name of a column or attribute is given
DIRECTIONS = {"directed": True, "undirected": False}


def is_adjacency(table: Any) -> bool:
    """Say whether rows and columns of a table have the same names, as those of a matrix."""
    index = getattr(table, "index", None)
    names = list(table.columns)
    return index is not None and len(names) > 1 and list(index) == names and _all_numbers(table)


def _all_numbers(table: Any) -> bool:
    return all(np.asarray(table[name]).dtype.kind in "iufb" for name in table.columns)


def from_table(table: Any, weight: str | None) -> Links:
    """Return the links of a table, a row each.

    The ends are the columns `source` and `target`, or another pair of `ENDS`, in capitals or not;
    without such a pair, the first two of two or three columns. A column `Type` (Gephi) may say
    `Directed` or `Undirected`.

    Args:
        table: with `columns`, and columns by their names.
        weight: the column of weights; `weight` also stands for the other names in `WEIGHTS`, or
            the third column of three; None for 1 each.

    Raises:
        ValueError: if the names allow more than one reading, or none.
    """
    columns = list(table.columns)
    if len(set(columns)) < len(columns):
        raise ValueError(f"two columns have one name: {columns}; rename one")
    source, target = _ends(columns)
    rest = [column for column in columns if column not in (source, target)]
    found = None if weight is None else _weight_column(table, rest, weight)
    weights = None if found is None else np.asarray(table[found])
    links = by_name(np.asarray(table[source]), np.asarray(table[target]), weights)
    return Links(links.sources, links.targets, weights, links.nodes, _directions(table, rest))


def has_ends(columns: list[Any]) -> bool:
    """Say whether names of columns have a pair of `ENDS` among them."""
    small = {str(column).strip().lower() for column in columns}
    return any(set(pair) <= small for pair in ENDS)


def is_end(column: Any) -> bool:
    """Say whether a name of a column is one of `ENDS`."""
    return any(str(column).strip().lower() in pair for pair in ENDS)


def _ends(columns: list[Hashable]) -> tuple[Hashable, Hashable]:
    """Return the names of the columns of sources and targets."""
    small = _by_small_names(columns)
    pairs = [pair for pair in ENDS if set(pair) <= small.keys()]
    if len(pairs) > 1:
        raise ValueError(
            f"the table has the columns {columns}: {pairs[0]} or {pairs[1]}? Keep one pair"
        )
    if pairs:
        return small[pairs[0][0]], small[pairs[0][1]]
    if len(columns) not in (2, 3):
        raise ValueError(f"the table has the columns {columns}: expected source, target, weight")
    return columns[0], columns[1]


def _weight_column(table: Any, rest: list[Hashable], weight: str) -> Hashable | None:
    """Return the name of the column of weights, or None if there is none."""
    if weight in rest:
        return weight
    if weight != DEFAULT:
        raise ValueError(f"weight is {weight!r}: the table has no such column, but {rest}")
    small = _by_small_names(rest)
    known = [small[name] for name in WEIGHTS if name in small]
    if len(known) > 1 and DEFAULT not in small:
        raise ValueError(f"weights may be in {known}: say which by weight={known[0]!r}, or None")
    if known:
        return known[0]
    if len(table.columns) == 3 and np.asarray(table[rest[0]]).dtype.kind in "iuf":
        return rest[0]
    return None


def _directions(table: Any, rest: list[Hashable]) -> bool | None:
    """Return what Gephi's column `Type` says, None if there is no such column."""
    name = _by_small_names(rest).get("type")
    told = set() if name is None else {str(value).lower() for value in np.asarray(table[name])}
    if not told or not told <= DIRECTIONS.keys():
        return None
    if len(told) > 1:
        raise ValueError(f"{name}: some links are directed, others are not; keep one kind")
    return DIRECTIONS[told.pop()]


def _by_small_names(columns: list[Hashable]) -> dict[str, Hashable]:
    """Return columns by their names in small letters; refuse two that differ in capitals only."""
    small: dict[str, Hashable] = {}
    for column in columns:
        name = str(column).strip().lower()
        if name in small and name in {*WEIGHTS, *(end for pair in ENDS for end in pair)}:
            raise ValueError(f"columns {small[name]!r} and {column!r}: rename one")
        small[name] = column
    return small
