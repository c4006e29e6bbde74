"""What each part is worth on poets: one fit a row, by `zoo fit`, seeds side by side.

    python -m benchmarks.linking.ablations [--seeds 3] [--only context "no overlap"] [-- OPTIONS]

Accuracy over gold mentions of poets in the base, and over linked and NIL ones, on the test split of
the recipe. What follows `--` goes to every `zoo fit`, such as `--trainer.max_epochs 2`. What is
measured stands in `ablations.jsonl`, a line a fit, and is not repeated.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.rows import once

ROWS = {
    "whole": [],
    "context": ["--data.context", "false"],  # the author's facts
    "facts": ["--data.facts", "false"],
    "behaviour": ["--data.behaviour", "false"],
    "prior": ["--model.prior", "false"],
    "restricted": ["--data.restrict", "true"],
    "no overlap": ["--data.overlap", "[]"],
    "characters": ["--data.overlap", "[1,2]"],
    "facts in common": ["--data.overlap", "[0,2]"],
    "facts in the text": ["--data.overlap", "[0,1]"],
    "1 negative": ["--data.negatives", "1"],
    "3 negatives": ["--data.negatives", "3"],
    "no bi-encoder loss": ["--model.early", "0.0"],
}
FIGURES = ("test_accuracy", "test_accuracy_with_nil", "test_calibration_error")


def fit(options, seed):
    """Return the figures of one fit."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        command = [sys.executable, "-m", "zoo", "fit", "linking_poets", *options]
        command += ["--seed_everything", str(seed), "--output", str(output)]
        command += ["--trainer.default_root_dir", folder, "--trainer.enable_progress_bar", "false"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        results = json.loads((output / "metrics.json").read_text("utf-8"))["results"]
    figures = {row["metric"]: row["value"] for row in results}
    return {name: figures[name] for name in FIGURES}


def main():
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(ROWS), choices=ROWS)
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    options = parser.parse_args(words[:end])
    print(f"{'without, or with':24}" + "".join(f"{name:>26}" for name in FIGURES))
    more = words[end + 1 :]
    for name in options.only:
        runs = []
        for seed in range(options.seeds):
            key = {"name": name, "options": more, "seed": seed}
            runs.append(once(options.rows, key, partial(fit, [*ROWS[name], *more], seed)))
        cells = [" ".join(f"{run[figure]:.3f}" for run in runs) for figure in FIGURES]
        print(f"{name:24}" + "".join(f"{cell:>26}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
