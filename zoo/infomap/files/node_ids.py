"""NodeIds by the numbers that a file gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.infomap.networks.network import MANY


@dataclass(frozen=True)
class NodeIds:
    """The nodes of a file.

    Attributes:
        ids: int64 (nodes,), their numbers in the file, rising.
        names: their names, or None if no node has one.
        weights: float64 (nodes,), or None if no node has one.
    """

    ids: np.ndarray
    names: list[str] | None = None
    weights: np.ndarray | None = None

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Return the places of nodes among `ids` as int32, -1 for what is no node."""
        first, last = int(self.ids[0]), int(self.ids[-1])
        inside = (numbers >= first) & (numbers <= last)
        offsets = numbers - first if inside.all() else np.where(inside, numbers - first, 0)
        if last - first >= len(self.ids):  # there are gaps
            offsets = self._places_of_offsets(offsets)
        return np.where(inside, offsets, -1).astype(np.int32, copy=False)

    def _places_of_offsets(self, offsets: np.ndarray) -> np.ndarray:
        """Return the places of nodes whose distance from the first is given, -1 for no node."""
        known = self.ids - self.ids[0]
        if known[-1] < max(MANY, 8 * len(offsets)):
            table = np.full(known[-1] + 1, -1, np.int32)
            table[known] = np.arange(len(known), dtype=np.int32)
            return table[offsets]
        found = np.searchsorted(known, offsets)
        return np.where(known[found] == offsets, found, -1)

    def names_of(self, numbers: np.ndarray) -> list[str] | None:
        """Return the names of nodes; None if there are none."""
        if self.names is None:
            return None
        return [self.names[place] for place in self.places(numbers).tolist()]


def distinct(columns: list[np.ndarray]) -> np.ndarray:
    """Return the different numbers in columns, rising, int64."""
    columns = [column for column in columns if len(column)]
    largest = max(int(column.max()) for column in columns)
    if largest >= max(MANY, 8 * sum(map(len, columns))):
        return np.unique(np.concatenate(columns)).astype(np.int64)
    there = np.zeros(largest + 1, bool)
    for column in columns:
        there[column] = True
    return np.flatnonzero(there)
