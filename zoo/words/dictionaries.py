"""Dictionaries in the form that other programs read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from zoo.files import replacing

# A line for each word. HanLP: word, part of speech and frequency (`nz`, a name of something, is
# what it gives to words of the user). LTP: the word. sentencepiece: `--input_format=tsv`.
LINES = {
    "jieba": "{word} {count}\n",
    "hanlp": "{word} nz {count}\n",
    "ltp": "{word}\n",
    "sentencepiece": "{word}\t{count}\n",
}


def write_dictionary(path: str | Path, program: str, words: Iterable[tuple[str, int]]) -> None:
    """Write words and their counts for another program; the file appears whole or not.

    Args:
        path: the file.
        program: `"jieba"`, `"hanlp"`, `"ltp"` or `"sentencepiece"`.
        words: words and counts.

    Raises:
        ValueError: if the program is none of these.
    """
    if program not in LINES:
        raise ValueError(f"program is {program!r}: expected {', '.join(LINES)}")
    with replacing(Path(path)) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(LINES[program].format(word=word, count=count) for word, count in words)
