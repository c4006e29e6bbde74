"""A part of a batch in a player's step: its samples, its noise and its logits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.optim.step_noise import StepNoise

PHASES = 16  # uses of noise in the step of one player


@dataclass(frozen=True)
class Part:
    """A part of a batch.

    Attributes:
        real: pictures float (n, channels, height, width) in [-1, 1].
        labels: int64 (n,); None if the nets are not told classes.
        noise: of the batch.
        items: of the whole batch.
        place: which part it is.
        parts: how many there are.
    """

    real: Tensor
    labels: Tensor | None
    noise: StepNoise
    items: int
    place: int
    parts: int


class PartNoise:
    """The noise of a player's step on a part of a batch; each draw is another phase of it.

    It is drawn for the whole batch and cut as the batch is, so that parts draw what it would.

    Args:
        part: of a batch.
        phase: the first.
    """

    def __init__(self, part: Part, phase: int) -> None:
        self.part, self.phase = part, phase

    def normal(self, items: int, *shape: int) -> Tensor:
        """Return standard normal numbers, (items, *shape)."""
        return self._mine(self.part.noise.normal, shape)

    def uniform(self, items: int, *shape: int) -> Tensor:
        """Return numbers from [0, 1), (items, *shape)."""
        return self._mine(self.part.noise.uniform, shape)

    def _mine(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        self.phase += 1
        whole = draw(self.part.items, *shape, phase=self.phase - 1)
        return whole.chunk(self.part.parts)[self.part.place]


class Scores:
    """The critic's logits, computed once for the same samples in the same precision.

    A penalty at samples that the loss has scored needs no second pass.

    Args:
        critic: the net.
        labels: classes of the samples, int64 (batch,), or None.
    """

    def __init__(self, critic: nn.Module, labels: Tensor | None) -> None:
        self.critic, self.labels = critic, labels
        self.dtype = next(critic.parameters()).dtype  # of the losses, under autocast too
        self._known: dict[tuple[int, bool], tuple[Tensor, Tensor]] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits (batch,) of samples (batch, ...)."""
        key = id(x), torch.is_autocast_enabled(x.device.type)
        if key not in self._known:
            self._known[key] = x, self.critic(x, self.labels).to(self.dtype)
        return self._known[key][1]


@contextmanager
def statistics_kept(net: nn.Module) -> Iterator[None]:
    """Leave running statistics alone in the block, where batch norms use those of the batch."""
    layers = [m for m in net.modules() if isinstance(m, _BatchNorm)]
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
