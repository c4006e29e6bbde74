"""Question: does int8 make generation on a CPU faster than our packed float32?

torch's dynamic quantisation (int8 weights, int8 activations scaled in each call) of the linear
layers of a Transformer of 5.3 M random parameters (4 layers of 256, 8,000 tokens), greedy, prompts
of 64 tokens, 64 new ones; ours in float32 and in int8 in turn, one process, one thread, CPU
seconds. Printed are the median ratio with its quartiles, and how many of the tokens are the same.

    python benchmarks/decoding/int8.py
"""

import argparse
import functools
import statistics
import warnings

import torch
from speed import NEW, PROMPT, VOCABULARY, extensions, quartiles, row, seconds, table
from torch import nn
from torch.ao.quantization import quantize_dynamic

from zoo import masks
from zoo.decoding import as_decodable, generate


def build():
    torch.manual_seed(0)
    shape = {"width": 256, "depth": 4, "heads": 4, "positions": 256, "segments": 0, "norm": "pre"}
    return masks.Transformer(VOCABULARY, **shape).eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=11, help="runs of each side; default 11")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    plain = build()
    whole = as_decodable(plain)
    eighth = as_decodable(quantize_dynamic(plain, {nn.Linear}))
    print(f"vector extensions: {extensions()}\n")
    table("", "float32, tokens a second", "int8", "int8 over float32", "same tokens")
    for batch in (1, 16):
        generator = torch.Generator().manual_seed(2)
        tokens = torch.randint(1, VOCABULARY, (batch, PROMPT), generator=generator)
        ours, other = (
            functools.partial(generate, model, tokens, max_new_tokens=NEW)
            for model in (whole, eighth)
        )
        same = (ours().sequences == other().sequences).float().mean()
        runs = [(seconds(ours), seconds(other)) for _ in range(arguments.repeats)]
        rates = [batch * NEW / statistics.median(side) for side in zip(*runs, strict=True)]
        ratio, _ = quartiles([a / b for a, b in runs])
        row(f"batch {batch}", *(f"{rate:.0f}" for rate in rates), ratio, f"{100 * same:.0f} %")


if __name__ == "__main__":
    main()
