"""What the module costs beside a bare PyTorch loop with the same net and batches.

    python -m benchmarks.linking.training

The net and the data of `linking_poets`, one thread, in the order A B B A; the median of the process
time from the end of a step to that of the next, collation included.
"""

import argparse
import itertools
import statistics
import time

import torch
from lightning.pytorch import Callback, Trainer, seed_everything

from zoo.linking.corpora import Poets
from zoo.linking.losses import listwise
from zoo.linking.module import TransformerLinking

SIZES = {"width": 64, "depth": 2, "heads": 4}  # of the recipe, as those of the data
DATA = {"batch_size": 32, "max_text": 32, "max_context": 64, "max_description": 64}
WARM, LIMIT = 5, 1.2


class Clock(Callback):
    """Note when each step ends."""

    def __init__(self):
        self.ends = []

    def on_train_batch_end(self, *_):
        self.ends.append(time.process_time())


def with_module(data, steps):
    """Train the module; return the ends of the steps."""
    module, clock = TransformerLinking(data.vocabulary, **SIZES), Clock()
    trainer = Trainer(
        accelerator="cpu",
        max_steps=steps,
        gradient_clip_val=1.0,
        callbacks=[clock],
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(module, data.train_dataloader())
    return clock.ends


def bare(data, steps):
    """Train as one would by hand; return the ends of the steps."""
    module = TransformerLinking(data.vocabulary, **SIZES)
    net, ends = module.net.train(), []
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=steps)
    for _, batch in zip(range(steps), data.train_dataloader(), strict=False):
        full, early = net(batch)
        losses = listwise(full, batch.answer) + module.early * listwise(early, batch.answer)
        optimizer.zero_grad()
        losses.mean().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        ends.append(time.process_time())
    return ends


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    steps = parser.parse_args().steps + WARM
    torch.set_num_threads(1)
    data = Poets(**DATA)
    data.prepare_data()
    data.setup("fit")
    seconds = {with_module: [], bare: []}
    for train in (with_module, bare, bare, with_module):
        seed_everything(0, verbose=False)
        ends = train(data, steps)[WARM:]
        seconds[train] += [b - a for a, b in itertools.pairwise(ends)]
    ours, theirs = (statistics.median(seconds[train]) for train in (with_module, bare))
    print(f"one thread, {torch.backends.cpu.get_cpu_capability()}")
    print(f"a step: {1000 * ours:.0f} ms; by hand {1000 * theirs:.0f} ms")
    print(f"ratio: {ours / theirs:.3f}, limit {LIMIT}")


if __name__ == "__main__":
    main()
