"""Dictionaries and lists of words that others made: words, or words and their counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from zoo.words.texts.reading import read

UNLISTED = "\t" * 4  # ends the rows of `Lexicon.save` that have no scores


def read_counts(path: str | Path) -> dict[str, float]:
    """Read words and their counts: the first two columns of a table, with or without a header.

    A table that `Lexicon.save` wrote, all its rows; a dictionary of jieba; a list of frequencies.
    Several lines of one word add up.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file and line that has no count.
    """
    counts: dict[str, float] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        word, *columns = line.split("\t") if "\t" in line else line.split()
        try:
            value = float(columns[0])
        except (IndexError, ValueError):
            if number == 1:
                continue
            raise ValueError(
                f"{path}:{number}: {line[:40]!r} has no count; expected a word and a count a line"
            ) from None
        again = line.endswith(UNLISTED) and word in counts  # as used by the segmenter
        counts[word] = counts.get(word, 0.0) + (0.0 if again else value)
    return counts


def read_words(path: str | Path) -> list[str]:
    """Read words: the first column of each line.

    Of a table that `Lexicon.save` wrote, rows without scores are left out: they are what the
    segmenter alone knows.
    """
    return [x.split()[0] for x in _lines(path) if x.strip() and not x.endswith(UNLISTED)]


def read_known(path: str | Path) -> dict[str, float]:
    """Read words known in advance, and their counts where the second column has one, else 0."""
    known: dict[str, float] = {}
    for line in filter(str.strip, _lines(path)):
        word, *columns = line.split()
        known[word] = float(columns[0]) if columns and columns[0].isdecimal() else 0.0
    return known


def word_counts(name: str, words: Iterable[str] | Mapping[str, float]) -> dict[str, float]:
    """Return words and how often they occur, 0 where nobody says.

    Args:
        name: what the user calls them.
        words: what the user gave.

    Raises:
        ValueError: if it is a path or a text, whose letters are not meant, or nothing like words.
    """
    if isinstance(words, (str, Path)) or not isinstance(words, Iterable):
        raise ValueError(f"{name} is {words!r}: expected words; read them from a file first")
    return dict(words) if isinstance(words, Mapping) else dict.fromkeys(words, 0)


def _lines(path: str | Path) -> list[str]:
    with read(Path(path)) as blocks:
        return "".join(blocks).splitlines()
