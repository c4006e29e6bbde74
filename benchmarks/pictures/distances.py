"""Claim: how large each distance is for real pictures and for pictures with known damage.

For a bundled feature net and its data: the floor (training pictures against test pictures), and
training pictures that are blurred, noisy, or lack classes. Prints a Markdown table.

    python benchmarks/pictures/distances.py pictures_digits --root data/digits --count 10000
"""

import argparse

import torch
from torch.nn import functional as F

import zoo
from zoo.data.images import Pictures
from zoo.metrics.feature_distances import all_distances, describe


def damages(pictures, labels):
    """Return training pictures damaged in known ways, by name."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(pictures.shape, generator=generator)
    half = labels < 5
    kept = torch.cat([pictures[half]] * 3)[: len(pictures)]
    return {
        "none (the floor)": pictures,
        "3x3 blur": F.avg_pool2d(pictures, 3, 1, 1),
        "noise, sigma 0.1": (pictures + 0.1 * noise).clamp(0, 1),
        "one class missing": pictures[labels != 0],
        "five classes missing": kept,
        "one picture in ten, ten times": torch.cat([pictures[::10]] * 10)[: len(pictures)],
        "mirrored": pictures.flip(-1),
    }


def load(data, split, count, seed=0):
    """Return some pictures of a split and their labels, in an order that the seed decides."""
    chosen = data.sets[split]
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(seed))[:count]
    return chosen.fetch(order.tolist(), data.preprocess), chosen.labels[order]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=["pictures_digits", "pictures_fashion"])
    parser.add_argument("--root", required=True)
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    net, data = zoo.load(options.model), Pictures(options.root)
    real, _ = load(data, "test", options.count)
    pictures, labels = load(data, "train", options.count)
    target = describe(net, real)
    print(f"features of {options.model}; {len(real):,} test pictures against {options.count:,}\n")
    head = None
    for name, made in damages(pictures, labels).items():
        values = all_distances(target, describe(net, made))
        if head is None:
            head = ["damage", *values]
            print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
        print(f"| {name} | {' | '.join(f'{float(v):.3g}' for v in values.values())} |", flush=True)


if __name__ == "__main__":
    main()
