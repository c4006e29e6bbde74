"""Pictures whose distribution is learned."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from zoo.data.images.batches import Pictures
from zoo.optim.distributed import rank_and_world_size

LOOKED_AT = 256


class ModelledPictures(Pictures):
    """Batches of pictures to model: as `Pictures`, without short batches in training.

    Args:
        drop_last: leave out the last batch of an epoch when it is short; default true.
        **options: the others of `Pictures`.

    Raises:
        ValueError: if all pictures are one and the same colour.
    """

    def __init__(self, drop_last: bool = True, **options: Any) -> None:
        super().__init__(drop_last=drop_last, **options)

    def setup(self, stage: str) -> None:
        """Refuse pictures that there is nothing to learn from, or too few to test on."""
        super().setup(stage)
        pictures = self.some(LOOKED_AT, seed=0)
        low, high = pictures.min().item(), pictures.max().item()
        if low == high:
            raise ValueError(
                f"all pixels of {len(pictures)} training pictures are {low:.3g}: expected pictures "
                "that differ; look at data.root"
            )

    def some(self, count: int, seed: int) -> Tensor:
        """Return training pictures (count, channels, height, width), the same for a seed."""
        pictures = self.sets["train"]
        places = np.random.default_rng(seed).permutation(len(pictures))[:count]
        return pictures.fetch(places.tolist(), self.preprocess)

    def for_statistics(self, passes: int, batch: int, seed: int = 0) -> Iterator[Tensor]:
        """Yield batches of training pictures, on each process its own and equally many.

        There are a few more than `passes` where the processes do not divide it: a pass has
        collectives, and a process with one fewer would leave the others waiting.
        """
        rank, world = rank_and_world_size()
        for index in range(rank, -(-passes // world) * world, world):
            yield self.some(batch, seed=seed + 1 + index)
