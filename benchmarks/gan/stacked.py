"""Modes: stacked digits, 1,000 of them; the paired loss with R1 + R2 beside plain ones without.

Trains each with the same nets and steps, draws 26,000 samples of each averaged generator, reads
every colour with `pictures_digits`, and prints how many of the 1,000 modes have a sample and the KL
divergence of the modes from those of the data (Metz et al., arXiv 1611.02163, section 3.3.1).

python benchmarks/gan/stacked.py --root FOLDER_OF_MNIST --steps 20000
"""

import argparse

import torch
from lightning.pytorch import Trainer

import zoo
from zoo.callbacks.ema import EMA
from zoo.data.images import Pictures
from zoo.gan.module import GanTraining

SAMPLES = 26_000
CHOICES = {
    "saturating": {"loss": "saturating"},
    "non-saturating": {"loss": "non-saturating"},
    "paired, r1 + r2": {
        "form": "paired",
        "terms": [{"name": "r1", "gamma": 1.0}, {"name": "r2", "gamma": 1.0}],
    },
}


def train(data, choice, given):
    """Return the nets with the averaged generator."""
    torch.manual_seed(given.seed)
    module = GanTraining(data.shape, base=given.base, seed=given.seed, **CHOICES[choice])
    quiet = ("logger", "enable_checkpointing", "enable_model_summary")
    trainer = Trainer(
        accelerator="auto",
        devices=1,
        max_steps=given.steps,
        callbacks=[EMA("net.generator", decay=0.999, statistics="measure")],
        limit_val_batches=0,
        **dict.fromkeys(quiet, False),
    )
    trainer.fit(module, data.train_dataloader())
    return module.net.eval()


@torch.no_grad()
def digits(classifier, pictures):
    """Return the modes of pictures float (n, 3, height, width), int64 (n,)."""
    colours = pictures.reshape(-1, 1, *pictures.shape[2:]).split(2000)
    found = torch.cat([classifier(some).argmax(1) for some in colours]).view(-1, 3)
    return found @ torch.tensor([100, 10, 1])


def judge(modes, data_modes):
    """Return how many modes there are, and their divergence from those of the data."""
    made = torch.bincount(modes, minlength=1000) / len(modes)
    real = torch.bincount(data_modes, minlength=1000) / len(data_modes)
    there = made > 0
    divergence = (made[there] * (made[there] / real[there].clamp_min(1e-9)).log()).sum()
    return int(there.sum()), float(divergence)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--base", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = Pictures(root=given.root, known="mnist", stacked=True, drop_last=True)
    classifier = zoo.load("pictures_digits")
    labels = data.sets["train"].labels
    print("| loss and terms | modes of 1,000 | KL |\n|---|---|---|", flush=True)
    for choice in CHOICES:
        net = train(data, choice, given)
        modes, divergence = judge(digits(classifier, net.sample(SAMPLES, seed=0)), labels)
        print(f"| {choice} | {modes} | {divergence:.3f} |", flush=True)


if __name__ == "__main__":
    main()
