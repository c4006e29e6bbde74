"""Standard normal noise of all groups, and seeds that make it repeatable."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

Shapes = Sequence[tuple[int, int, int]]


def generator_of(*numbers: int) -> torch.Generator:
    """Return a generator on the CPU that a row of numbers decides, such as (seed, place)."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]) >> 1)


def draw_noise(shapes: Shapes, count: int, generator: torch.Generator | None) -> list[Tensor]:
    """Return noise (count, channels, height, width) for each group; None is torch's generator."""
    device = None if generator is None else generator.device
    return [torch.randn(count, *shape, generator=generator, device=device) for shape in shapes]


def noise_by_place(
    shapes: Shapes, seed: int, places: Iterable[int], samples: int = 1
) -> list[Tensor]:
    """Return noise that depends on the seed and on each picture's place, not on its batch.

    Args:
        shapes: channels, height and width of each group's latents.
        seed: of all.
        places: the pictures' places in what they belong to.
        samples: draws of each picture; default 1.

    Returns:
        For each group (places * samples, channels, height, width), a picture's draws together.
    """
    sizes = [channels * height * width for channels, height, width in shapes]
    flat = torch.cat(
        [torch.randn(samples, sum(sizes), generator=generator_of(seed, p)) for p in places]
    )
    return [
        part.unflatten(1, shape)
        for part, shape in zip(flat.split(sizes, dim=1), shapes, strict=True)
    ]


def new_seed() -> int:
    """Return a seed from torch's own generator, for callers who gave none."""
    return int(torch.randint(2**31, ()))
