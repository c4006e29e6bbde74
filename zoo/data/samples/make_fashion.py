"""Make fashion.npz, a small part of Fashion-MNIST.

    apt-get install dataset-fashion-mnist
    python zoo/data/samples/make_fashion.py --source /usr/share/datasets/fashion-mnist

Kept are the first 200 images of each class of the training set and the first 50 of the test set,
in their original order.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np

OF_EACH_CLASS = {"train": 200, "test": 50}
_FILES = {"train": "train", "test": "t10k"}


def read_idx(file: Path) -> np.ndarray:
    """An idx file of bytes: two zeros, the type 8, the number of sizes, the sizes, the values."""
    data = gzip.decompress(file.read_bytes())
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{file}: not an idx file of bytes; expected Fashion-MNIST's *-ubyte.gz")
    sizes = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(sizes)


def first_of_each(labels: np.ndarray, number: int) -> np.ndarray:
    """Places of the first ``number`` of each label, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:number] for k in range(10)]))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Make the Fashion-MNIST sample")
    parser.add_argument("--source", type=Path, required=True, help="folder of the four idx files")
    parser.add_argument("--sample", type=Path, default=Path(__file__).with_name("fashion.npz"))
    options = parser.parse_args(arguments)

    arrays = {}
    for split, number in OF_EACH_CLASS.items():
        images = read_idx(options.source / f"{_FILES[split]}-images-idx3-ubyte.gz")
        labels = read_idx(options.source / f"{_FILES[split]}-labels-idx1-ubyte.gz")
        kept = first_of_each(labels, number)
        arrays |= {f"{split}_images": images[kept], f"{split}_labels": labels[kept]}
    np.savez_compressed(options.sample, **arrays)


if __name__ == "__main__":
    main()
