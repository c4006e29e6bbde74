"""Sorted runs of rows, merged a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import numpy as np

from zoo.progress import Advance
from zoo.words.counting.memory import Stored
from zoo.words.kernels.rows import ROW, merge_rows, rows_up_to, translate_rows

LAST = (np.uint64(0xFFFFFFFFFFFFFFFF), np.uint32(0xFFFFFFFF))  # no row is beyond

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items of an iterator, while a thread makes the next one."""
    end = object()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, items, end)
        while (item := waiting.result()) is not end:
            waiting = thread.submit(next, items, end)
            yield cast("T", item)


def merged_blocks(
    runs: list[tuple[Stored, np.ndarray, np.ndarray]], block: int, advance: Advance
) -> Iterator[np.ndarray]:
    """Merge sorted runs, holding about `block` rows at a time.

    Args:
        runs: rows, each with the tables that translate the codes of its keys and its tails.
        block: rows to hold.
        advance: called with the bytes of rows that are done.

    Yields:
        Sorted rows; equal rows of different runs are added up.
    """
    share = max(1, block // max(1, len(runs)))
    taken = [0] * len(runs)
    while True:
        # Read again what the last round left: else each round would end one run only.
        heads = [
            (i, _translated(rows.read(taken[i], taken[i] + share), *tables))
            for i, (rows, *tables) in enumerate(runs)
            if taken[i] < rows.size
        ]
        if not heads:
            return
        # Every run is known at least up to the smallest last row, or to its end.
        going_on = [head[-1] for i, head in heads if taken[i] + head.size < runs[i][0].size]
        key, tail = min(((row["key"], row["tail"]) for row in going_on), default=LAST)
        ready = []
        for i, head in heads:
            cut = rows_up_to(head, key, tail)
            ready.append(head[:cut])
            taken[i] += cut
            advance(cut * ROW.itemsize)
        yield _merge_all([rows for rows in ready if rows.size])


def _translated(rows: np.ndarray, table: np.ndarray, tails: np.ndarray) -> np.ndarray:
    return rows if is_identity(table) else translate_rows(rows, table, tails)


def is_identity(table: np.ndarray) -> bool:
    """Tell whether a table of codes, which rises, changes none."""
    return bool(table[-1] == table.size - 1)


def _merge_all(sorted_rows: list[np.ndarray]) -> np.ndarray:
    while len(sorted_rows) > 1:
        pairs = zip(sorted_rows[::2], [*sorted_rows[1::2], None], strict=False)
        sorted_rows = [a if b is None else merge_rows(a, b) for a, b in pairs]
    return sorted_rows[0]
