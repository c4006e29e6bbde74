"""Seconds of a training step, of samples and of the importance-weighted bound, on one thread.

python benchmarks/nvae/step.py

Beside each step: the same in contiguous memory, in bf16, and the share of spectral regularisation.
CPU seconds, the least of several; ratios are to fp32 in channels-last.
"""

import statistics
import time

import torch

from zoo.nvae.losses import SpectralPenalty
from zoo.nvae.net import NVAE
from zoo.optim.precision import has_bf16

SIZES = {
    "micro": {"groups": [1, 2], "width": 8, "latents": 8, "cells": 1, "margin": 2},
    "tiny": {"groups": [2, 4], "width": 24, "expansion": 3, "latents": 16, "cells": 1},
    "small": {"groups": [3, 6], "width": 24, "latents": 20, "cells": 1},
}
BATCH = 64


def seconds(work, repeat=5):
    """The CPU seconds of a piece of work, the least of some, after one to warm up."""
    work()
    found = []
    for _ in range(repeat):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found), statistics.median(found)


def step(net, x, bf16=False):
    def work():
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = net(x).nelbo.mean()
        loss.backward()

    return seconds(work)[0]


def main():
    torch.set_num_threads(1)
    print(f"vector extensions: {torch.backends.cpu.get_cpu_capability()}, bf16: {has_bf16()}")
    for name, shape in SIZES.items():
        torch.manual_seed(0)
        net = NVAE(shape=[1, 28, 28], **shape)
        x = torch.rand(BATCH, 1, 28, 28).round()
        fast = step(net, x)
        penalty = SpectralPenalty(net)
        spectral = seconds(lambda net=net, p=penalty: p(net).backward())[0]
        bf16 = step(net, x, bf16=True)
        net.to(memory_format=torch.contiguous_format)
        slow = step(net, x)
        net.to(memory_format=torch.channels_last).eval()
        drawn = seconds(lambda net=net: net.sample(64, seed=0))[0]
        bound = seconds(lambda net=net, x=x: net.log_likelihood(x[:4], samples=100), 2)[0] / 4
        print(
            f"{name}: step {fast:.3f} s, contiguous {slow / fast:.2f}, bf16 {bf16 / fast:.2f}, "
            f"spectral {spectral / fast:.3f}; 64 samples {drawn:.2f} s; "
            f"bound of 100 samples {bound:.3f} s a picture"
        )


if __name__ == "__main__":
    main()
