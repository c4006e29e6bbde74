"""Claim: where the processor has bf16 instructions, a training step of masks is faster in bf16.

CPU seconds of a step of a recipe, one thread, medians of nine steps after three.

    python benchmarks/masks/precision.py masks_title_csl --data.root data/title_csl
"""

import statistics
import sys
import tempfile
import time

import torch
from lightning.pytorch import Callback

from zoo import registry
from zoo.optim.precision import choose_precision
from zoo.training.run import assemble


class StepTimes(Callback):
    def __init__(self):
        self.seconds = []

    def on_train_batch_start(self, *_):
        self.start = time.process_time()

    def on_train_batch_end(self, *_):
        self.seconds.append(time.process_time() - self.start)


def step_seconds(name, precision, options):
    """Return the median CPU seconds of a training step."""
    times = StepTimes()
    recipe = ["--config", str(registry.describe(name).recipe_path), *options]
    with tempfile.TemporaryDirectory() as folder:
        run = ["--trainer.precision", precision, "--trainer.max_steps", "12"]
        quiet = ["--trainer.limit_val_batches", "0", "--trainer.logger", "false"]
        place = ["--trainer.accelerator", "cpu", "--trainer.default_root_dir", folder]
        parts = assemble([*recipe, *run, *quiet, *place])
        parts.trainer.callbacks.append(times)
        parts.trainer.fit(parts.model, parts.datamodule)
    return statistics.median(times.seconds[3:])


def main():
    torch.set_num_threads(1)
    name, *options = sys.argv[1:]
    single, half = (step_seconds(name, p, options) for p in ("32-true", "bf16-mixed"))
    print(
        f"{torch.backends.cpu.get_cpu_capability()}; `precision: auto` is {choose_precision('cpu')}"
    )
    print(f"{name}: fp32 {single:.3f} s a step, bf16 {half:.3f} s, ratio {single / half:.2f}")


if __name__ == "__main__":
    main()
