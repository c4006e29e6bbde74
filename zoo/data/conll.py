"""Tagged sentences in CoNLL's form: a line for a word and its tag, an empty line between two."""

from pathlib import Path
from typing import NamedTuple

from zoo.data.text import read_text


class Sentence(NamedTuple):
    """The words of a sentence and the tag of each.

    Attributes:
        words: the words, or characters.
        tags: as many tags.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]


def read_sentences(path: str | Path, encoding: str = "utf-8") -> list[Sentence]:
    """Read tagged sentences; of further columns the last one is the tag.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is empty or of another encoding, or a line has a word and no tag.
    """
    found: list[Sentence] = []
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate([*read_text(Path(path), encoding).split("\n"), ""], 1):
        columns = line.split()
        if len(columns) == 1:
            raise ValueError(f"{path}, line {number}: {line!r} has no tag: expected word TAB tag")
        if columns:
            pairs.append((columns[0], columns[-1]))
        elif pairs:
            words, tags = zip(*pairs, strict=True)
            found.append(Sentence(words, tags))
            pairs = []
    return found
