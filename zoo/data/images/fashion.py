"""The embedded part of Fashion-MNIST."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def fashion_sample(split: Literal["train", "test"]) -> tuple[Tensor, Tensor]:
    """Load the embedded Fashion-MNIST images: of each class the original split's first ones.

    Args:
        split: "train", 200 images of each of the ten classes, or "test", 50 of each.

    Returns:
        images: uint8 (n, 1, 28, 28), 0 the background, 255 the brightest.
        labels: int64 (n,), places in ``FASHION_CLASSES``.

    Raises:
        ValueError: ``split`` is unknown.

    Source:
        Xiao, Rasul, Vollgraf, "Fashion-MNIST", arXiv:1708.07747.

    Example:
        >>> images, labels = fashion_sample("test")
        >>> images.shape, FASHION_CLASSES[labels[0]]
        (torch.Size([500, 1, 28, 28]), 'Ankle boot')
    """
    import torch

    if split not in ("train", "test"):
        raise ValueError(f"split is {split!r}: expected train or test")
    with (
        as_file(files("zoo.data") / "samples" / "fashion.npz") as path,
        np.load(path, allow_pickle=False) as arrays,
    ):
        images = torch.from_numpy(arrays[f"{split}_images"])
        labels = torch.from_numpy(arrays[f"{split}_labels"])
    return images.unsqueeze(1), labels.long()
