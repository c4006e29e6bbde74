"""Networks from square sparse matrices in the form of Matrix Market."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.infomap.files.blocks import Text, line_end
from zoo.infomap.files.number_rows import scan
from zoo.infomap.files.parsing import CUT, Parser, find_line
from zoo.infomap.files.sections import GrowingSection, Section
from zoo.infomap.networks.matrices import from_matrix
from zoo.infomap.networks.network import Network, largest_number

MATRIX = re.compile(
    r"%%MatrixMarket\s+matrix\s+coordinate\s+(real|integer|pattern)\s+(general|symmetric)", re.I
)
MATRIX_FORM = "%%MatrixMarket matrix coordinate real|integer|pattern general|symmetric"
SIZES = re.compile(rb"[ \t]*([0-9]{1,18})[ \t]+([0-9]{1,18})[ \t]+([0-9]{1,18})[ \t\r]*")


def read_matrix_market(
    text: Text,
    *,
    directed: bool,
    drop_directions: bool,
    advance: Callable[[int], Any],
    **others: Any,
) -> Network:
    """Return the network of a matrix, rows and columns numbered from 1; see `read_network`.

    Args:
        text: the file.
        directed: whether links have a direction.
        drop_directions: take a matrix that is not symmetric as undirected.
        advance: called with the bytes of text read since the last call.
        others: of no use here.
    """
    from scipy.sparse import coo_array

    parser = _MatrixParser(text)
    (section,) = parser.parse(advance)
    rows, columns = (parser.places(section, column) for column in section.columns)
    weights = np.ones(len(rows)) if section.weights is None else section.weights
    if parser.symmetric:  # one side of the diagonal
        side = rows != columns
        rows, columns = np.r_[rows, columns[side]], np.r_[columns, rows[side]]
        weights = np.r_[weights, weights[side]]
    matrix = coo_array((weights, (rows, columns)), shape=(parser.size, parser.size))
    network = from_matrix(matrix, directed=directed, drop_directions=drop_directions)
    return replace(network, ids=np.arange(1, parser.size + 1))


class _MatrixParser(Parser):
    """Takes the header of a matrix, then its entries."""

    def take_start(self, block: bytes) -> int:
        """Take the header; return where the entries start."""
        start = super().take_start(block)
        form = MATRIX.match(block[start : line_end(block, start)].decode(errors="replace"))
        if not form:
            raise self.fault(1, f"expected {MATRIX_FORM}")
        self.pattern = form[1].lower() == "pattern"
        self.symmetric = form[2].lower() == "symmetric"
        while block.startswith(b"%", start) or not block[start : line_end(block, start)].strip():
            start = line_end(block, start) + 1
            if start >= len(block):
                break
        sizes = SIZES.match(block, start)
        line = self.line_at(block, start)
        if not sizes:
            raise self.fault(line, "expected the numbers of rows, columns and entries")
        self.size, columns, self.entries = (int(size) for size in sizes.groups())
        if self.size != columns:
            raise self.fault(
                line, f"{self.size} rows and {columns} columns; expected a square matrix"
            )
        self.pieces = [GrowingSection("links", line, "matrix")]
        return sizes.end()

    def take_heading(self, block: bytes, position: int) -> int:
        """Refuse a heading: a matrix has none."""
        raise self.fault(self.line_at(block, position), "unknown heading; expected an entry")

    def take_rows(self, block: bytes, position: int) -> int:
        """Take entries; refuse a value in a matrix without values, and an entry without one."""
        rows = scan(block, position, columns=2)
        wrong = rows.weighted == self.pattern
        if wrong.any():
            line = self.line_at(block, int(rows.places[int(wrong.argmax())]))
            expected = "no value, for this is a pattern" if self.pattern else "row, column, value"
            raise self.fault(line, f"expected {expected}")
        return super().take_rows(block, position)

    def finish(self) -> list[Section]:
        """Return the one section, if it has as many entries as the header says."""
        (section,) = super().finish()
        if self.entries != len(section):
            raise self.fault(self.line, f"{len(section)} entries, {self.entries} announced: {CUT}")
        if self.size > largest_number(len(section)):
            raise self.fault(section.line, f"{self.size} nodes, and so few links: {CUT}")
        return [section]

    def places(self, section: Section, column: np.ndarray) -> np.ndarray:
        """Return the places, from 0, of numbers that count from 1."""
        wrong = (column < 1) | (column > self.size)
        if wrong.any():
            row = int(wrong.argmax())
            numbers = " ".join(str(column[row]) for column in section.columns)
            line = find_line(self.text, section, row)
            raise self.fault(line, f"{numbers}: no such node is listed")
        return column - 1
