"""What the module costs beside a bare PyTorch loop with the same nets, and what the terms cost.

One thread, the runs interleaved A B B A, medians of process time over means of four steps, since a
lazy penalty comes every fourth; prints ratios.

python benchmarks/gan/speed.py
"""

import argparse
import statistics
import time
import warnings

import torch
from lightning.pytorch import Callback, Trainer
from torch.nn import functional as F

from zoo.callbacks.ema import EMA
from zoo.data.resumable import ResumableLoader
from zoo.gan.module import GanTraining

WARM, LAZY = 5, 4  # steps to warm up; of which one has a lazy penalty


class Random:
    def __init__(self, batch):
        self.pictures = torch.rand(40 * batch, 1, 28, 28)

    def __len__(self):
        return len(self.pictures)

    def __getitems__(self, places):
        return self.pictures[places], torch.zeros(len(places), dtype=torch.int64)


class Clock(Callback):
    def __init__(self):
        self.times = []

    def on_train_batch_start(self, *_):
        self.begin = time.process_time()

    def on_train_batch_end(self, *_):
        self.times.append(time.process_time() - self.begin)


def as_fetched(batch):
    return batch


def module_step(steps, batch, base, terms, ema=False):
    torch.manual_seed(0)
    module, clock = GanTraining([1, 28, 28], base=base, terms=terms), Clock()
    trainer = Trainer(
        accelerator="cpu",
        max_steps=steps + WARM,
        callbacks=[EMA("net.generator"), clock] if ema else [clock],
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(module, ResumableLoader(Random(batch), batch, shuffle=True, collate=as_fetched))
    return of_four(clock.times[WARM:])


def bare_step(steps, batch, base, gamma=None):
    """A loop as one would write it by hand, with or without R1."""
    torch.manual_seed(0)
    net = GanTraining([1, 28, 28], base=base).net.train()
    g, d, pictures = net.generator, net.critic, Random(batch).pictures
    of_g, of_d = (torch.optim.Adam(n.parameters(), 2e-4, (0.0, 0.99)) for n in (g, d))
    times = []
    for step in range(steps + WARM):
        begin = time.process_time()
        real = 2 * pictures[step % 40 * batch :][:batch] - 1
        with torch.no_grad():
            fake = g(torch.randn(batch, 64))
        real.requires_grad_(gamma is not None)
        logits = d(real)
        loss = F.softplus(-logits).mean() + F.softplus(d(fake)).mean()
        if gamma is not None:
            (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
            loss = loss + gamma / 2 * slope.square().flatten(1).sum(1).mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()
        d.requires_grad_(False)
        of_g.zero_grad()
        F.softplus(-d(g(torch.randn(batch, 64)))).mean().backward()
        of_g.step()
        d.requires_grad_(True)
        times.append(time.process_time() - begin)
    return of_four(times[WARM:])


def of_four(times):
    """Return the median of the means of four steps in a row."""
    return statistics.median(map(statistics.mean, zip(*[iter(times)] * LAZY, strict=False)))


R1 = {"name": "r1", "gamma": 1.0}
MODULES = {
    "none": [],
    "r1": [R1],
    "r1, every 4": [{**R1, "every": LAZY}],
    "approximate-r1": [{"name": "approximate-r1", "gamma": 1.0}],
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--base", type=int, default=16)
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    sizes = (given.steps, given.batch, given.base)
    runs = {
        "bare": lambda: bare_step(*sizes),
        "bare r1": lambda: bare_step(*sizes, gamma=1.0),
        **{name: (lambda t=terms: module_step(*sizes, t)) for name, terms in MODULES.items()},
        "r1 and EMA": lambda: module_step(*sizes, [R1], ema=True),
    }
    found = {name: [] for name in runs}
    for order in (list(runs), list(runs)[::-1]):
        for name in order:
            found[name].append(runs[name]())
    cost = {name: statistics.mean(values) for name, values in found.items()}
    print(
        f"batch {given.batch}, base {given.base}, one thread, "
        f"{torch.backends.cpu.get_cpu_capability()}"
    )
    print("\n| what | ratio | at most |\n|---|---|---|")
    for name, of, limit in (
        ("none", "bare", 1.1),
        ("r1", "bare r1", 1.1),
        ("r1", "none", 1.35),
        ("r1, every 4", "none", 1.12),
        ("approximate-r1", "none", 1.2),
        ("r1 and EMA", "r1", 1.02),
    ):
        print(f"| {name} by {of} | {cost[name] / cost[of]:.3f} | {limit} |")
    for name, seconds in cost.items():
        print(f"{name}: {1000 * seconds:.0f} ms a step")


if __name__ == "__main__":
    main()
