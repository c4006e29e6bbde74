"""What each part of NVAE is worth: short runs of the recipe of `nvae_tiny_digits`, one a row.

python -m benchmarks.nvae.ablation --root DIGITS --steps 600

Each row is the recipe with a few options changed; all take the same number of steps. Printed are
nats of the test pictures, CPU seconds a step and the steps that the guard left out. What is
measured stands in `ablation.jsonl`, a line a run, and is not repeated.
"""

import argparse
import csv
import json
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import ClassVar

from lightning.pytorch import Callback

from benchmarks.rows import once
from zoo.training.run import run

RAW = {"class_path": "zoo.callbacks.ema.EMA", "init_args": {"decay": 0.0, "statistics": "measure"}}

ROWS = {  # by name: options of the recipe, seeds
    "the recipe": ([], 2),
    "absolute posteriors": (["--model.residual", "false"], 2),
    "no balancing": (["--model.balancing", "false"], 2),
    "no spectral regularisation": (["--model.spectral", "false"], 2),
    "no batch norm": (["--model.norm", "none"], 1),
    "softplus": (["--model.scale", "softplus"], 1),
    "flows": (["--model.flows", "1"], 1),
    "no EMA": (["--trainer.callbacks", json.dumps([RAW])], 1),  # statistics are measured anew
    "no squeeze and excitation": (["--model.squeeze", "false"], 1),
    "no guard": (["--model.guard", "0"], 1),
    "1 group": (["--model.groups", "[1]", "--model.blocks", "2"], 1),
    "3 groups": (["--model.groups", "[1, 2]"], 1),
    "9 groups": (["--model.groups", "[3, 6]"], 1),
}


class StepClock(Callback):
    """Note the CPU seconds of each training step."""

    seconds: ClassVar[list[float]] = []

    def on_train_batch_start(self, *_) -> None:
        """Start the clock."""
        self.begin = time.process_time()

    def on_train_batch_end(self, *_) -> None:
        """Stop it."""
        self.seconds.append(time.process_time() - self.begin)


def fit(options: list[str], root: str, steps: int, seed: int) -> dict[str, float]:
    """Train the recipe with options changed; return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        StepClock.seconds.clear()
        where = ["--data.root", root, "--trainer.default_root_dir", folder]
        length = ["--trainer.max_steps", str(steps), "--trainer.limit_val_batches", "0"]
        clock = ["--trainer.callbacks+", "benchmarks.nvae.ablation.StepClock"]
        words = [*where, *length, "--seed_everything", str(seed), *options, *clock]
        run(["fit", "nvae_tiny_digits", *words])
        version = Path(folder) / "nvae_tiny_digits" / "version_0"
        kept = json.loads((version / "checkpoint" / "metrics.json").read_text("utf-8"))["results"]
        found = {row["metric"]: row["value"] for row in kept}
        with (version / "metrics.csv").open(encoding="utf-8") as file:  # every 50th step
            skipped = [row["skipped"] for row in csv.DictReader(file) if row.get("skipped")]
    return {
        "nats": round(found["test_nelbo"], 2),
        "error": round(found["test_nelbo_error"], 2),
        "seconds_a_step": round(statistics.median(StepClock.seconds), 2),
        "skipped": float(skipped[-1]) if skipped else 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    options = parser.parse_args()
    for name, (changed, seeds) in ROWS.items():
        for seed in range(seeds):
            key = {"name": name, "seed": seed, "steps": options.steps}
            work = partial(fit, changed, options.root, options.steps, seed)
            print(once(options.rows, key, work), flush=True)


if __name__ == "__main__":
    from benchmarks.nvae import ablation  # whose clock is the one that the command line names

    ablation.main()
