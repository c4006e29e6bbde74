"""Claim: what each method of adversarial training costs, in time and memory, over plain training.

One classifier of 0.93 M parameters, one thread, one Trainer a method; plain and attacked steps
alternate in the order A B B A, so that a slow phase of the machine hits both alike. Timed from the
batch's arrival to the end of the optimizer's step; beside it the time factor that the attack logs,
which knows no plain step. Memory is the peak of a process of its own
above what the process held before training, of attacked training over plain training, with glibc
told to give freed blocks back at once, so that the peak is what is held and not what is cut up.

    python benchmarks/adversarial/cost.py            # the table
    python benchmarks/adversarial/cost.py --only FGM
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from zoo.adversarial import (
    FGM,
    PGD,
    FreeLB,
    GradientPenalty,
    RDrop,
    VirtualAdversarial,
    WeightPerturbation,
)
from zoo.masks.classifiers import TextClassifier

VOCABULARY, BATCH, TIME, WARMUP = 4000, 32, 128, 4
GIVE_BACK = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(1 << 16))
METHODS = {  # and the limits: of time, of memory
    "FGM": (lambda: FGM(), 1.9, 1.15),
    "PGD-3": (lambda: PGD(), 3.4, 1.15),
    "FreeLB-3": (lambda: FreeLB(), 3.0, 1.3),
    "R-Drop": (lambda: RDrop(logits="net.head"), 2.2, 2.1),
    "VAT": (lambda: VirtualAdversarial(logits="net.head"), 3.1, 2.1),
    "gradient penalty": (lambda: GradientPenalty(), 3.7, 3.0),
    "AWP": (lambda: WeightPerturbation(), 2.0, 1.4),
    "FGM, not begun": (lambda: FGM(start_epoch=9), 1.03, 1.03),
}


class Classifier(LightningModule):
    """The smallest module around the zoo's classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.net = TextClassifier(VOCABULARY, 2)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Cross-entropy."""
        tokens, labels = batch
        return F.cross_entropy(self.net(tokens), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, as the recipes have it."""
        return torch.optim.AdamW(self.parameters())


class Stopwatch(Callback):
    """Switch the attack on and off and time each step; stands after it in the list."""

    def __init__(self, only: str | None = None) -> None:
        self.only = only
        self.seconds: dict[str, list[float]] = {"plain": [], "attacked": []}
        self.logged: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep both versions of the step."""
        attacked = pl_module.training_step
        self.step = {"plain": attacked.__wrapped__, "attacked": attacked}

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        """Choose the version and start the clock."""
        self.version = self.only or ("attacked" if batch_idx % 4 in (1, 2) else "plain")
        pl_module.training_step = self.step[self.version]
        self.start = time.perf_counter()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Stop the clock."""
        if batch_idx >= WARMUP:
            self.seconds[self.version].append(time.perf_counter() - self.start)
            found = [v for k, v in trainer.callback_metrics.items() if k.endswith("_time_factor")]
            self.logged += map(float, found if self.version == "attacked" else [])

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hand back the step that the attack installed."""
        pl_module.training_step = self.step["attacked"]


def train(method: str, steps: int, only: str | None = None) -> Stopwatch:
    """Train for some steps."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokens = torch.randint(2, VOCABULARY, (steps * BATCH, TIME))
    labels = torch.randint(2, (steps * BATCH,))
    stopwatch = Stopwatch(only)
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        devices=1,
        callbacks=[METHODS[method][0](), stopwatch],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), DataLoader(TensorDataset(tokens, labels), batch_size=BATCH))
    return stopwatch


def resident(field: str) -> int:
    """Return VmRSS, or VmHWM, its peak, of this process, in kB."""
    return int(re.findall(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[0])


def memory_of(method: str, version: str) -> int:
    """Return the peak of a process that trains, above what it held before."""
    command = [sys.executable, __file__, "--peak", version, "--only", method]
    output = subprocess.check_output(command, text=True, env={**os.environ, **GIVE_BACK})
    return json.loads(output.splitlines()[-1])


def peak(method: str, version: str) -> None:
    """Print the other side of `memory_of`."""
    before = resident("VmRSS")
    train(method, 6, version)
    print(resident("VmHWM") - before)


def main() -> None:
    """Print a row a method: ratios of time and memory, beside their limits."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=24, help="pairs of steps; default 24")
    parser.add_argument("--only", choices=METHODS)
    parser.add_argument("--peak", choices=["plain", "attacked"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        peak(options.only, options.peak)
        return
    print(f"{torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}, one thread\n")
    print(
        "| method | plain, ms | time over plain (quartiles) | logged | limit | memory | limit | |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for method in [options.only] if options.only else METHODS:
        stopwatch = train(method, 2 * options.steps + WARMUP)
        seconds, logged = stopwatch.seconds, stopwatch.logged
        plain, attacked = (statistics.median(seconds[v]) for v in ("plain", "attacked"))
        pairs = [b / a for a, b in zip(seconds["plain"], seconds["attacked"], strict=True)]
        low, _, high = statistics.quantiles(pairs, n=4)
        memory = memory_of(method, "attacked") / memory_of(method, "plain")
        _, slowest, largest = METHODS[method]
        kept = attacked / plain <= slowest and memory <= largest
        clock = f"{statistics.median(logged):.2f}" if logged else ""
        print(
            f"| {method} | {1e3 * plain:.1f} | {attacked / plain:.2f} ({low:.2f} to {high:.2f}) | "
            f"{clock} | {slowest} | {memory:.2f} | {largest} | {'' if kept else 'over'} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
