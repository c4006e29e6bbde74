"""Word discovery beside other libraries: `python -m benchmarks.words.table peers`.

jiagu, smoothnlp, harvesttext and plain dictionaries run in a Python of their own, which
`--python` names, or which is made and thrown away. `--kenlm` names `count_ngrams`, which the 2019
repository of the post calls: unpack `pip download --no-deps --no-binary kenlm kenlm==0.3.0`, and
build it with CMake and Boost (`cmake . && make count_ngrams`).
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import tempfile
import venv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.words.gold import joined, lexicon_f1, peoples_daily, segmentation_f1, wanted_words

PEERS = ("jiagu==0.2.3", "smoothnlp==0.4.0", "harvesttext==0.8.2.1")
CHILD = Path(__file__).with_name("peer.py")
Run = Callable[[Path, dict, Path], dict]  # corpus, options, lexicon to write: what it cost


def peers(folder: Path, in_process: Run, python: str | None, kenlm: str | None) -> None:
    """Print the same scores for other libraries, each in a process of its own.

    All lexicons, ours too, are given to one unigram segmenter with exact counts and no new words;
    the last column but one is our own segmenter.
    """
    from zoo.words import Lexicon, Segmenter

    gold = peoples_daily(folder)
    peers = ("jiagu", "smoothnlp", "harvesttext", "dictionaries")
    print(
        "| method | min_count | CPU s | MB / CPU s | words | P | R | lexicon F1 | "
        "segmentation F1, one segmenter | own segmenter | peak MB |\n" + "|---" * 11 + "|"
    )
    with tempfile.TemporaryDirectory() as scratch:
        corpus, found = Path(scratch) / "corpus.txt", Path(scratch) / "words.txt"
        corpus.write_text(joined(gold), encoding="utf-8")
        size = corpus.stat().st_size / 1e6
        if kenlm:
            cpu, same = kenlm_counts(kenlm, corpus)
            print(f"| kenlm count_ngrams, counting only | {same} | {cpu:.2f} | {size / cpu:.2f} |")
        python = python or peers_python(Path(scratch))
        counts = exact_counts(joined(gold))
        for least in (32, 8):
            most = len(wanted_words(gold, least))
            for name in (*peers, "zoo"):
                own = "-"
                if name == "zoo":
                    run = in_process(corpus, {"min_count": least}, found)
                    lexicon = Lexicon.load(found)
                    words = [str(word) for word in lexicon.words]
                    own = f"{segmentation_f1(lexicon.segment, gold[::10])[2]:.3f}"
                else:
                    command = [python, str(CHILD), name, str(corpus), str(least), str(most), found]
                    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
                    run = json.loads(output)
                    words = found.read_text(encoding="utf-8").splitlines()
                p, r, f1 = lexicon_f1(words, gold, least)
                known = {word: counts[word] for word in words if counts.get(word)}
                plain = segmentation_f1(Segmenter(known, new_words=False), gold[::10])[2]
                print(
                    f"| {name} | {least} | {run['cpu']:.2f} | {size / run['cpu']:.2f} | "
                    f"{len(words)} | {p:.3f} | {r:.3f} | **{f1:.3f}** | {plain:.3f} | {own} | "
                    f"{run['peak'] / 1e6:.0f} |",
                    flush=True,
                )


def peers_python(folder: Path) -> str:
    """Return the Python of a new virtual environment with the peers."""
    venv.create(folder / "peers", with_pip=True)
    python = folder / "peers" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
    return str(python)


def exact_counts(text: str) -> dict[str, int]:
    """Return how often each n-gram of up to four characters occurs."""
    from zoo.words import count_ngrams
    from zoo.words.ngram_statistics import measure

    ngrams = measure(count_ngrams(text, characters="letters"), 1)
    words = ngrams.words(np.arange(ngrams.grams.size))
    return dict(zip(words, ngrams.grams["count"].tolist(), strict=True))


def kenlm_counts(binary: str, corpus: Path) -> tuple[float, str]:
    """Count with kenlm as the 2019 repository does, and compare with `counting="truncated"`.

    Returns:
        CPU seconds of kenlm's counting, and in words how many 4-grams are counted alike.
    """
    from zoo.words import count_ngrams

    text = re.sub("[^一-龥0-9a-zA-Z ]+", "\n", corpus.read_text(encoding="utf-8"))
    spaced = "\n".join(" ".join(line.replace(" ", "")) for line in text.split("\n") if line.strip())
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary = Path(scratch) / "vocabulary"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [binary, "-o", "4", "--write_vocab_list", str(vocabulary), "-S", "20%"]
        command += ["-T", scratch]
        result = subprocess.run(
            command, input=f"{spaced}\n".encode(), capture_output=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        symbols = vocabulary.read_bytes().decode().split("\0")
    grams = np.frombuffer(result.stdout, [("words", "<i4", 4), ("count", "<i8")])
    theirs: Counter[str] = Counter()
    for gram, count in grams.tolist():  # ids 0, 1 and 2 are kenlm's own symbols
        theirs["".join(symbols[word] for word in gram if word > 2)] += count
    counts = count_ngrams(corpus, counting="truncated")
    spell = np.append(np.uint32(0), counts.alphabet)
    ours: Counter[str] = Counter()
    for rows in counts.rows():
        for key, count in zip(rows["key"].tolist(), rows["count"].tolist(), strict=True):
            codes = [(key >> shift) & 0xFFFF for shift in (48, 32, 16, 0)]
            ours["".join(chr(spell[code]) for code in codes if code)] += count
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    alike = sum(theirs[gram] == count for gram, count in ours.items())
    return cpu, f"{alike} of {len(ours.keys() | theirs.keys())} windows alike"
