"""What a model draws: samples, reconstructions, traversals, interpolations, completions.

python benchmarks/nvae/pictures.py --model nvae_tiny_digits --root DIGITS --output zoo/nvae

Writes gallery.png and kept.png, and prints the nats of reconstructions by the share of latents that
is kept.
"""

import argparse
from pathlib import Path

import torch

import zoo
from zoo.nvae import plot
from zoo.nvae.data import ModelledPictures

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
COLUMNS = 12


def rows(model, x):
    """The rows of the gallery, by name."""
    found = {
        f"samples, temperature {t}": model.sample(COLUMNS, seed=0, temperature=t)
        for t in (0.6, 0.8, 1.0)
    }
    found["test pictures"] = x
    found["reconstructed"] = model.reconstruct(x)
    found["5 % of the latents"] = model.reconstruct(x, keep=0.05)
    known = torch.zeros_like(x, dtype=torch.bool)
    known[..., : x.shape[-1] // 2] = True
    found["left half is known"] = torch.where(known, x, 0.5)
    found["completed"] = model.complete(x, known)
    found["interpolated"] = model.interpolate(x[0], x[1], steps=COLUMNS)
    for group in range(len(model.plan.latent_shapes)):
        found[f"group {group} moves"] = model.traverse(x[0], group=group, steps=COLUMNS)
    return found


@torch.no_grad()
def nats_kept(model, x, share):
    """Nats of pictures by what is reconstructed from a share of the latents."""
    white = model.decode(model.encode(x, keep=share)).clamp(1e-6, 1 - 1e-6)
    pixels = torch.distributions.Bernoulli(white).log_prob(model.prepare(x))
    return -pixels.sum(dim=(1, 2, 3)).mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a registered model or a checkpoint folder")
    parser.add_argument("--root", required=True, help="the pictures, as of --data.root")
    parser.add_argument("--output", type=Path, default=Path())
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    model = zoo.load(options.model)
    data = ModelledPictures(root=options.root, batch_size=500)
    x, _ = next(iter(data.test_dataloader()))
    plot.gallery(rows(model, x[:COLUMNS])).savefig(options.output / "gallery.png", dpi=100)
    nats = [nats_kept(model, x, share) for share in SHARES]
    for share, value in zip(SHARES, nats, strict=True):
        print(f"| {share:.0%} | {value:.1f} |")
    plot.kept_latents(SHARES, nats).figure.savefig(options.output / "kept.png", dpi=100)


if __name__ == "__main__":
    main()
