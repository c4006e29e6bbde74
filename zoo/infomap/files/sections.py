"""What network files consist of: sections of rows under headings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COLUMNS = {  # whole numbers in a row of each kind of section; a weight may follow
    "links": 2,
    "edges": 2,
    "arcs": 2,
    "bipartite": 2,
    "intra": 3,
    "inter": 3,
    "multilayer": 4,
}
LISTS = {"vertices": 1, "states": 2}  # kinds whose rows hold names besides


@dataclass(frozen=True)
class Section:
    """A part of a file under one heading.

    Attributes:
        kind: a key of `COLUMNS` or `LISTS`.
        line: the line of the heading, from 1; 0 for rows without one.
        argument: what follows the heading.
        columns: whole numbers, each int32 (rows,), or int64 where they need it.
        weights: float64 (rows,), 1 where a row has none; None if no row has one.
        names: the name in each row of a list, None where there is none.
    """

    kind: str
    line: int
    argument: str
    columns: list[np.ndarray]
    weights: np.ndarray | None
    names: list[str | None]

    def __len__(self) -> int:
        return len(self.columns[0])


class GrowingSection:
    """A section that grows; `joined` makes it whole."""

    def __init__(self, kind: str, line: int, argument: str = "") -> None:
        self.kind, self.line, self.argument = kind, line, argument
        self.columns: list[list[np.ndarray]] = [[] for _ in range({**COLUMNS, **LISTS}[kind])]
        self.weights: list[np.ndarray] = []
        self.weighted = False
        self.last_two = [False, False]  # whether each of the last two rows has a weight
        self.names: list[str | None] = []

    def add(self, numbers: np.ndarray, weights: np.ndarray, weighted: np.ndarray) -> None:
        """Add whole numbers (rows, columns) and their weights (rows,)."""
        if len(numbers):
            kind = np.int32 if numbers.max() < 2**31 else np.int64
            for pieces, column in zip(self.columns, numbers.T, strict=True):
                pieces.append(column.astype(kind))
            self.weights.append(weights)
            self.weighted = self.weighted or bool(weighted.any())
            self.last_two = [*self.last_two, *weighted[-2:].tolist()][-2:]

    def joined(self) -> Section:
        """Return the section; the pieces are gone."""
        columns = [_joined(pieces, np.int32) for pieces in self.columns]
        weights = _joined(self.weights, np.float64) if self.weighted else None
        return Section(self.kind, self.line, self.argument, columns, weights, self.names)


def _joined(pieces: list[np.ndarray], empty: type) -> np.ndarray:
    whole = np.concatenate(pieces) if pieces else np.empty(0, empty)
    pieces.clear()
    return whole
