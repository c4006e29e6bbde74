"""One step of every attack, on one process or two: `attacks_script.py OUTPUT PROCESSES`."""

import sys

import torch
from bag import Bag, Gradients, examples, fit
from lightning.pytorch import seed_everything
from torch.utils.data import DataLoader

from zoo.adversarial import (
    FGM,
    PGD,
    FreeLB,
    GradientPenalty,
    RDrop,
    VirtualAdversarial,
    WeightPerturbation,
)


class Shares(Bag):
    """Each process takes its share of the same micro-batches."""

    def train_dataloader(self):
        rank, processes = self.trainer.global_rank, self.trainer.world_size
        shares = examples(2)[rank::processes]
        return DataLoader(shares, batch_size=4 // processes, shuffle=False)


def attacks():
    """Each method in the spaces it knows, with random starts."""
    for space in ("matrix", "sequence"):
        yield f"FGM {space}", FGM(0.5, space=space, loss="both")
        yield f"PGD {space}", PGD(0.5, 2, 0.3, random_start=True, space=space)
        yield f"FreeLB {space}", FreeLB(0.5, 3, 0.3, space=space)
        yield f"GradientPenalty {space}", GradientPenalty(0.7, space=space)
        yield f"VirtualAdversarial {space}", VirtualAdversarial(0.5, "head", space=space, xi=0.1)
    yield "RDrop", RDrop(4.0, logits="head")
    yield "WeightPerturbation", WeightPerturbation(0.05)


if __name__ == "__main__":
    output, processes = sys.argv[1], int(sys.argv[2])
    strategy = {"strategy": "ddp", "devices": 2} if processes == 2 else {}
    steps = {}
    for name, attack in attacks():
        seed_everything(0, verbose=False)
        kept = Gradients()
        options = {"accumulate_grad_batches": 2, "use_distributed_sampler": False, **strategy}
        trainer = fit(Shares(), attack, kept, **options)
        (steps[name],) = kept.steps
    if trainer.is_global_zero:
        torch.save(steps, output)
