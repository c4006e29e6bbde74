"""Short runs over width, expansion and margin, to choose the net of `nvae_tiny_digits`.

python benchmarks/nvae/choose.py --root DIGITS --steps 600

Each run prints a line: the net, parameters, CPU seconds of training, nats of 1,000 validation
digits after batch statistics were estimated again. The loop is plain PyTorch, without Lightning.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from zoo.nvae import losses
from zoo.nvae.net import NVAE
from zoo.nvae.noise import generator_of
from zoo.nvae.statistics import reestimate

GRID = [  # width, expansion, margin
    (16, 6, 0),
    (16, 3, 0),
    (24, 3, 0),
    (12, 6, 0),
    (16, 6, 2),
    (24, 6, 0),
]


def digits(root: Path) -> torch.Tensor:
    raw = gzip.decompress((root / "train-images-idx3-ubyte.gz").read_bytes())
    pixels = torch.frombuffer(bytearray(raw[16:]), dtype=torch.uint8)
    return pixels.view(-1, 1, 28, 28)


def train(net: NVAE, pictures: torch.Tensor, steps: int, batch: int, seed: int) -> float:
    """Train like the recipe, without guard and average; return the CPU seconds that it took."""
    plan = net.plan
    alpha = losses.group_weights(plan.groups)
    spectral = losses.SpectralPenalty(net)
    optimizer = torch.optim.Adamax(net.parameters(), lr=1e-2, eps=1e-3, weight_decay=3e-4)
    warm = min(200, steps // 5)
    schedule = SequentialLR(
        optimizer,
        [LinearLR(optimizer, 1 / warm, 1, warm), CosineAnnealingLR(optimizer, steps - warm, 1e-4)],
        [warm],
    )
    generator = generator_of(seed)
    began = time.process_time()
    for step in range(steps):
        chosen = torch.randint(len(pictures), (batch,), generator=generator)
        x = pictures[chosen].float() / 255
        x = (torch.rand(x.shape, generator=generator) < x).float()
        beta = losses.kl_warmth(step, steps, 0.15)
        output = net(x, generator=generator)
        kl = output.kl.mean(dim=0)
        size = output.kl.detach().abs().mean(dim=0)
        gamma = losses.balance(size, alpha) if beta < 1 else torch.ones_like(kl)
        loss = output.nll.mean() + beta * (gamma * kl).sum()
        loss = loss + 1e-2 * (spectral(net) + losses.batch_norm_penalty(net))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 200.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"  {step} {output.nelbo.mean().item():.2f}", flush=True)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("choose.jsonl"))
    options = parser.parse_args()
    pictures = digits(options.root)
    training, validation = pictures[:-5000], pictures[-1000:].float() / 255
    for width, expansion, margin in GRID:
        torch.manual_seed(options.seed)
        shape = {"width": width, "expansion": expansion, "margin": margin}
        net = NVAE(shape=[1, 28, 28], groups=[2, 4], latents=16, cells=1, **shape)
        seconds = train(net, training, options.steps, options.batch, options.seed)
        reestimate(net, (training[i * 64 : i * 64 + 64].float() / 255 for i in range(40)))
        net.eval()
        nats = torch.cat(
            [
                net.nelbo(validation[i : i + 100], places=range(i, i + 100))
                for i in range(0, 1000, 100)
            ]
        )
        row = {
            **shape,
            "parameters": sum(p.numel() for p in net.parameters()),
            "seconds": round(seconds, 1),
            "nats": round(nats.mean().item(), 2),
            "error": round((nats.std() / len(nats) ** 0.5).item(), 2),
        }
        print(row, flush=True)
        with options.output.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
