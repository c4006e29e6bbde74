"""Make `zoo/data/samples/readings.tsv.gz`: the words in which a Chinese character has a reading.

    pip download --no-deps pypinyin==0.55.0 && unzip pypinyin-0.55.0-*.whl -d FOLDER
    python tools/make_readings.py --package FOLDER/pypinyin

Of all characters to which the phrases of at most four characters give several readings. A line is
`character TAB reading TAB words`, the words parted by blanks; a reading is pinyin with a digit for
the tone, as in the data of g2pM: `lu:e4`, and `le5` for the neutral tone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

OUTPUT = Path(__file__).parents[1] / "zoo" / "data" / "samples" / "readings.tsv.gz"
TONES = {"\u0304": "1", "\u0301": "2", "\u030c": "3", "\u0300": "4"}
DIAERESIS = "\u0308"
LONGEST = 4  # characters of a phrase


def numbered(pinyin: str) -> str:
    """Return pinyin with its tone as a digit.

    Example:
        >>> numbered("lüè"), numbered("le")
        ('lu:e4', 'le5')
    """
    letters, tone = "", "5"
    for sign in unicodedata.normalize("NFD", pinyin):
        if sign in TONES:
            tone = TONES[sign]
        else:
            letters += ":" if sign == DIAERESIS else sign
    return letters + tone


def read_words(file: Path) -> dict[tuple[str, str], list[str]]:
    """Return the phrases of each character and reading, as `phrases_dict.json` has them."""
    words: dict[tuple[str, str], list[str]] = defaultdict(list)
    for phrase, readings in json.loads(file.read_text("utf-8")).items():
        if len(phrase) == len(readings) <= LONGEST:  # a few with signs are not equal
            for character, (reading, *_) in zip(phrase, readings, strict=True):
                if phrase not in words[character, numbered(reading)]:
                    words[character, numbered(reading)].append(phrase)
    return words


def main() -> None:
    """Write the file that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--package", type=Path, required=True, help="the folder of pypinyin")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    words = read_words(options.package / "phrases_dict.json")
    readings = Counter(character for character, _ in words)
    lines = [
        f"{character}\t{reading}\t{' '.join(sorted(phrases))}\n"
        for (character, reading), phrases in sorted(words.items())
        if readings[character] > 1
    ]
    options.output.write_bytes(gzip.compress("".join(lines).encode(), 9, mtime=0))
    print(f"{options.output}: {len(lines):,} readings, {options.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
