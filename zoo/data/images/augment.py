"""Variations of pictures, on their device, from numbers that a step's `StepNoise` draws."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def binarise(pictures: Tensor, uniform: Tensor) -> Tensor:
    """Return each pixel as 1 with the probability of its value, else as 0.

    The dynamically binarised MNIST of Salakhutdinov and Murray (2008).

    Args:
        pictures: float (n, channels, height, width) in [0, 1].
        uniform: float of the same shape, uniform in [0, 1).
    """
    return (uniform < pictures).to(pictures.dtype)


def flip(pictures: Tensor, uniform: Tensor) -> Tensor:
    """Mirror each picture from left to right with a probability of one half.

    Args:
        pictures: (n, channels, height, width).
        uniform: float (n,), uniform in [0, 1).
    """
    mirrored = (uniform < 0.5).view(-1, 1, 1, 1)
    return torch.where(mirrored, pictures.flip(-1), pictures)


def move(
    pictures: Tensor,
    uniform: Tensor,
    *,
    shift: float = 0.0,
    angle: float = 0.0,
    scale: float = 0.0,
) -> Tensor:
    """Return pictures shifted, turned about their middle and scaled, each by its own numbers.

    What comes in from outside is 0; between pixels values are linear.

    Args:
        pictures: float (n, channels, height, width).
        uniform: float (n, 4), uniform in [0, 1): of the shift right, the shift down, the angle
            and the scale.
        shift: most pixels to each side; default 0.
        angle: most degrees to each side; default 0.
        scale: largest change of size, such as 0.1 for 0.9 to 1.1; default 0.
    """
    height, width = pictures.shape[-2:]
    right, down, turn, grow = (2 * uniform - 1).unbind(1)
    radians = turn * math.radians(angle)
    size = 1 / (1 + grow * scale)
    cos, sin = size * radians.cos(), size * radians.sin()
    # from places of the result to places of the picture, in units of half its sides
    columns = [
        torch.stack([cos, sin * width / height], 1),
        torch.stack([-sin * height / width, cos], 1),
        torch.stack([-right * shift * 2 / width, -down * shift * 2 / height], 1),
    ]
    grid = F.affine_grid(torch.stack(columns, 2), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid.to(pictures.dtype), align_corners=False)
