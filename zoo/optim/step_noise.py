"""The random numbers of a training step, the same after a resume and on any number of processes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from zoo.optim.distributed import counts_of_processes, rank_and_world_size


@dataclass(frozen=True)
class StepNoise:
    """Random numbers that follow from seed, epoch, batch and phase alone.

    They are drawn for the batch of all processes and sliced as `zoo.data.resumable` slices its
    items, so that two processes draw what one would. The global random state is not touched.

    Args:
        seed: of the run, at least 0.
        epoch: the number of the epoch.
        batch: the number of the batch in its epoch.
        device: where the numbers are drawn; a CPU and a GPU draw different ones.

    Example:
        >>> noise = StepNoise(seed=0, epoch=2, batch=7)
        >>> noise.normal(3, 2, phase=0).shape
        torch.Size([3, 2])
        >>> bool((noise.normal(3, 2, phase=0) == noise.normal(3, 2, phase=1)).any())
        False
    """

    seed: int
    epoch: int
    batch: int
    device: torch.device | str = "cpu"

    def generator(self, phase: int) -> Generator:
        """Return the generator of one use in the step, the same on every process.

        Args:
            phase: numbers the uses, at least 0: latents, dropout, augmentation, ...
        """
        words = np.random.SeedSequence((self.seed, self.epoch, self.batch, phase))
        return Generator(self.device).manual_seed(int(words.generate_state(1, np.uint64)[0] >> 1))

    def normal(self, items: int, *shape: int, phase: int) -> Tensor:
        """Draw standard normal numbers.

        Args:
            items: of this process, such as its batch size; it may differ by one between them.
            shape: of the numbers of one item.
            phase: see `generator`.

        Returns:
            float (items, *shape).
        """
        return self._draw(torch.randn, items, shape, phase)

    def uniform(self, items: int, *shape: int, phase: int) -> Tensor:
        """Draw uniform numbers in [0, 1); arguments and result as for `normal`."""
        return self._draw(torch.rand, items, shape, phase)

    def _draw(
        self, draw: Callable[..., Tensor], items: int, shape: tuple[int, ...], phase: int
    ) -> Tensor:
        rank, world = rank_and_world_size()
        total = sum(counts_of_processes(items, self.device))
        # all are drawn, for how many there are changes what the first ones are
        numbers = draw(total, *shape, generator=self.generator(phase), device=self.device)
        mine = numbers[rank::world]
        if len(mine) != items:
            raise ValueError(
                f"process {rank} has {items} of {total} items: expected {len(mine)}, every "
                f"{world}th from its own; read the data through zoo.data.resumable"
            )
        return mine
