"""Twenty runs that ask for trouble: does any weight become NaN, is every skipped step counted?

python benchmarks/nvae/stability.py --steps 300

A small net on noise, constant pictures and garments, learning rates 1e-3 to 1e-1, batches
of 8 and 64; each run with guard and regularisers, and without, all with the recipe's clipping. The
KL warms up over the first 15 % of the steps. A plain loop around `NVAETraining`.
"""

import argparse
import itertools

import torch

from zoo.data.images import fashion_sample
from zoo.nvae.module import NVAETraining

RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
BATCHES = (8, 64)
CLIP = 200.0  # as the recipes
MICRO = {"groups": [1, 2], "width": 8, "latents": 8, "cells": 1}


def pictures(batch: int, step: int) -> torch.Tensor:
    """A batch: mostly garments, some of noise, some of one colour, every tenth of these alone."""
    images, _ = fashion_sample("train")
    generator = torch.Generator().manual_seed(step)
    x = images[torch.randint(len(images), (batch,), generator=generator)].float() / 255
    kind = torch.rand(batch, 1, 1, 1, generator=generator)
    noise = torch.rand(x.shape, generator=generator)
    x = torch.where(kind < 0.2, noise, x)
    x = torch.where(kind > 0.8, torch.ones_like(x) * (kind > 0.9), x)
    return torch.zeros_like(x) if step % 10 == 9 else x


class Loop(NVAETraining):
    """Training that no trainer counts the steps of."""

    step = 0

    @property
    def global_step(self) -> int:
        """The steps taken."""
        return self.step


def train(lr: float, batch: int, steps: int, careful: bool) -> dict:
    """Train; return what became of it."""
    torch.manual_seed(0)
    care = {} if careful else {"guard": 0.0, "spectral": False, "regularisation": 1e-12}
    training = Loop(shape=[1, 28, 28], kl_warmup=0.15, **MICRO, **care).train()
    training.log = training.log_dict = lambda *args, **options: None
    training.total_steps = steps
    optimizer = torch.optim.Adamax(training.net.parameters(), lr=lr, eps=1e-3, weight_decay=3e-4)
    stopped, taken = "", 0
    for step in range(steps):
        training.step = step
        x = pictures(batch, step)
        optimizer.zero_grad()
        training.training_step((x, torch.zeros(batch)), step).backward()
        try:
            training.on_before_optimizer_step(optimizer)
        except ValueError:
            stopped = f"stopped at {step}"
            break
        torch.nn.utils.clip_grad_norm_(training.net.parameters(), CLIP)
        taken += any(p.grad is not None for p in training.net.parameters())
        optimizer.step()
    tensors = training.net.state_dict().values()
    finite = all(t.isfinite().all() for t in tensors if t.is_floating_point())
    skipped = int(training.guard.skipped) if training.guard is not None else 0
    return {"finite": finite, "skipped": skipped, "taken": taken, "stopped": stopped}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    for lr, batch, careful in itertools.product(RATES, BATCHES, (True, False)):
        row = {"lr": lr, "batch": batch, "guard and regularisers": careful}
        print(row | train(lr, batch, options.steps, careful), flush=True)


if __name__ == "__main__":
    main()
