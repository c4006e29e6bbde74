"""Dictionaries in the formats of other programs: words, and how often each occurs."""

from __future__ import annotations

from pathlib import Path

from zoo.words.reading import read


def read_counts(path: str | Path) -> dict[str, float]:
    """Read words and their counts: the first two columns of a table, with or without a header.

    A table that `Lexicon.save` wrote, all its rows; a dictionary of jieba; a list of frequencies.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file and line that has no count.
    """
    counts: dict[str, float] = {}
    with read(Path(path)) as blocks:
        lines = "".join(blocks).splitlines()
    for number, line in enumerate(lines, 1):
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
        counts[word] = counts.get(word, 0.0) + value
    return counts


def read_words(path: str | Path) -> list[str]:
    """Read words: the first column of each line.

    Of a table that `Lexicon.save` wrote, rows without scores are left out: they are what the
    segmenter alone knows.
    """
    with read(Path(path)) as blocks:
        lines = "".join(blocks).splitlines()
    return [x.split()[0] for x in lines if x.strip() and not x.endswith("\t" * 4)]
