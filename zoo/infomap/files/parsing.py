"""Files of sections under headings, line by line: Pajek, Infomap's extensions, link lists."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.infomap.files.blocks import BYTE_ORDER_MARK, Text, blocks_of_lines, line_end
from zoo.infomap.files.number_rows import scan
from zoo.infomap.files.sections import COLUMNS, LISTS, GrowingSection, Section

HEADINGS = (*LISTS, *COLUMNS)
HEADING = re.compile(rb"[ \t\r]*\*")
NEXT_HEADING = re.compile(rb"^[ \t\r]*\*", re.MULTILINE)
ROW = r'([0-9]{1,18}(?:\s+[0-9]{1,18}){%d})(?:\s+(?:"(.*)"|([^\s"]\S*)))?((?:\s+\S+)*)'
ROWS = {kind: re.compile(ROW % (numbers - 1)) for kind, numbers in LISTS.items()}
CUT = "is the file cut?"


def read_sections(text: Text, advance: Callable[[int], Any] = lambda _: None) -> list[Section]:
    """Read a file of sections, in the form of Pajek or Infomap, or a list of links.

    Args:
        text: the file.
        advance: called with the bytes of text read since the last call.

    Returns:
        Its sections in order. A list of links is a section `links`.

    Raises:
        ValueError: naming the file, and the line of the first thing that is wrong.
    """
    return Parser(text).parse(advance)


def find_line(text: Text, section: Section, row: int) -> int:
    """Return the line of a row of a section, for a message."""
    rest = row
    with text.opened() as file:
        for line, found in enumerate(file, 1):
            begin = found.lstrip()
            if line > section.line and begin and not begin.startswith((b"#", b"%")):
                if not rest:
                    return line
                rest -= 1
    raise IndexError(f"{text} has no row {row} below line {section.line}")


class Parser:
    """Takes a file block by block."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.line = 1  # that the next block starts with
        self.pieces = [GrowingSection("links", 0)]
        self.mid_line = False  # whether the last line had no end

    def parse(self, advance: Callable[[int], Any]) -> list[Section]:
        """Read the file; return its sections."""
        for block in blocks_of_lines(self.text, advance):
            self.feed(block)
        return self.finish()

    def feed(self, block: bytes) -> None:
        """Take the next lines of the file."""
        position = self.take_start(block) if self.line == 1 else 0
        while position < len(block):
            if HEADING.match(block, position):
                position = self.take_heading(block, position)
            elif self.pieces[-1].kind in LISTS:
                position = self.take_names(block, position)
            else:
                position = self.take_rows(block, position)
        self.line += block.count(b"\n")
        self.mid_line = not block.endswith(b"\n")

    def take_start(self, block: bytes) -> int:
        """Pass over a byte order mark; return where rows start."""
        return len(BYTE_ORDER_MARK) if block.startswith(BYTE_ORDER_MARK) else 0

    def take_heading(self, block: bytes, position: int) -> int:
        """Begin a section; return where its heading ends."""
        end = line_end(block, position)
        heading, *argument = block[position:end].decode(errors="replace").split(None, 1)
        kind = heading.lower().removeprefix("*")
        line = self.line_at(block, position)
        if kind == "network":  # Pajek's title
            return end
        if kind not in HEADINGS:
            known = ", ".join(f"*{kind.capitalize()}" for kind in HEADINGS)
            raise self.fault(line, f"unknown heading {heading[:60]!r}; expected one of {known}")
        self.pieces.append(GrowingSection(kind, line, argument[0].strip() if argument else ""))
        return end

    def take_rows(self, block: bytes, position: int) -> int:
        """Add rows of numbers to the section; return where they end."""
        section = self.pieces[-1]
        rows = scan(block, position, COLUMNS[section.kind])
        wrong = ~(rows.weights >= 0) | (rows.weights == np.inf)
        if wrong.any():
            row = int(wrong.argmax())
            line = self.line_at(block, int(rows.places[row]))
            raise self.fault(line, f"weight {rows.weights[row]:g}; expected a number from 0 up")
        if rows.fault:
            found = block[rows.stop : line_end(block, rows.stop)].decode(errors="replace")
            raise self.fault(self.line_at(block, rows.stop), f"{rows.fault}; found {found[:60]!r}")
        section.add(rows.numbers, rows.weights, rows.weighted)
        return rows.stop

    def take_names(self, block: bytes, position: int) -> int:
        """Add the rows of a list to the section; return where they end."""
        section = self.pieces[-1]
        heading = NEXT_HEADING.search(block, position)
        end = heading.start() if heading else len(block)
        numbers: list[list[int]] = []
        weights: list[float] = []
        first = self.line_at(block, position)
        for line, row in enumerate(block[position:end].split(b"\n"), first):
            row = row.strip()
            if row and not row.startswith((b"#", b"%")):
                found, name, weight = self.named_row(section.kind, row, line)
                numbers.append(found)
                weights.append(weight)
                section.names.append(name)
        weighted = ~np.isnan(weights)
        section.add(
            np.array(numbers, np.int64), np.where(weighted, weights, 1.0), np.array(weighted)
        )
        return end

    def named_row(self, kind: str, row: bytes, line: int) -> tuple[list[int], str | None, float]:
        """Return the numbers, the name and the weight, NaN if none, of a row `12 "name" 0.5`.

        One number after the name is a weight; more are what Pajek draws the node with.
        """
        try:
            found = ROWS[kind].fullmatch(row.decode())
        except UnicodeDecodeError:
            raise self.fault(line, "the name is not UTF-8; convert the file") from None
        numbers, quoted, word, rest = found.groups() if found else ("", None, None, '"')
        if '"' in rest:
            expected = "node" if kind == "vertices" else "state and node"
            text = row.decode(errors="replace")
            raise self.fault(
                line, f'expected {expected}, and perhaps "name" and weight; found {text[:60]!r}'
            )
        try:
            weight = float(rest) if len(rest.split()) == 1 else math.nan
        except ValueError:
            raise self.fault(line, f"the weight {rest.strip()[:60]!r} is no number") from None
        if len(rest.split()) == 1 and not 0 <= weight < math.inf:
            raise self.fault(line, f"weight {weight:g}; expected a number from 0 up")
        return [int(number) for number in numbers.split()], quoted if word is None else word, weight

    def finish(self) -> list[Section]:
        """Return the sections, if the file has come to a proper end."""
        last = self.pieces[-1]
        if self.mid_line and last.kind in COLUMNS and last.last_two == [True, False]:
            raise self.fault(self.line, f"the last row has no line end, and no weight: {CUT}")
        sections = [piece.joined() for piece in self.pieces]
        if not any(len(section) for section in sections if section.kind in COLUMNS):
            raise self.fault(self.line, f"no links: {CUT}")
        return [section for section in sections if len(section) or section.argument]

    def line_at(self, block: bytes, position: int) -> int:
        """Return the number of the line at a position of a block."""
        return self.line + block.count(b"\n", 0, position)

    def fault(self, line: int, message: str) -> ValueError:
        """Return an error that names the file and a line."""
        return ValueError(f"{self.text}, line {line}: {message}")
