"""Chinese characters of several readings, each marked in one sentence: the CPP data of g2pM.

And a dictionary of the words in which a character has a reading.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from zoo.data.text import read_text

MARK = "▁"


@dataclass(frozen=True)
class Polyphone:
    """A sentence with one marked character.

    Attributes:
        text: the sentence, without marks.
        start: offset of the character.
        reading: pinyin with a digit for the tone, `le5`.
    """

    text: str
    start: int
    reading: str

    @property
    def character(self) -> str:
        """The marked character."""
        return self.text[self.start]


def read_polyphones(root: str | Path, part: str) -> list[Polyphone]:
    """Read `PART.sent`, a sentence a line such as `回到▁了▁星球`, and `PART.lb`, its readings.

    The files `dev` and `test` are those of https://github.com/kakaobrain/g2pM, sentences of
    Wikipedia (CC BY-SA).

    Raises:
        FileNotFoundError: if a file is not there.
        ValueError: if a line has no marked character, or the files differ in length; the message
            has the line's number.
    """
    sentences, labels = Path(root) / f"{part}.sent", Path(root) / f"{part}.lb"
    lines = read_text(sentences).splitlines()
    readings = read_text(labels).splitlines()
    if len(lines) != len(readings):
        raise ValueError(
            f"{sentences} has {len(lines)} lines and {labels} {len(readings)}: expected one "
            "reading for each sentence"
        )
    return [
        _parse(line, reading, f"{sentences}, line {number}")
        for number, (line, reading) in enumerate(zip(lines, readings, strict=True), 1)
    ]


def _parse(line: str, reading: str, where: str) -> Polyphone:
    before, *rest = line.split(MARK)
    if len(rest) != 2 or len(rest[0]) != 1 or not reading.strip():
        raise ValueError(
            f"{where}: expected one character between two {MARK} and a reading for it, got "
            f"{line!r:.60} and {reading!r}"
        )
    return Polyphone(before + rest[0] + rest[1], len(before), reading.strip())


def load_readings() -> dict[tuple[str, str], list[str]]:
    """Return the words of the embedded dictionary, by character and reading.

    They are those of pypinyin's list of phrases (MIT); `tools/make_readings.py` makes the file.

    Example:
        >>> load_readings()["薄", "bo4"]
        ['薄荷', '薄荷脑']
    """
    sample = files("zoo.data") / "samples" / "readings.tsv.gz"
    lines = gzip.decompress(sample.read_bytes()).decode().splitlines()
    rows = (line.split("\t") for line in lines)
    return {(character, reading): words.split(" ") for character, reading, words in rows}
