"""What a penalty may look at: the critic, real and fake samples, and random numbers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Score = Callable[[Tensor], Tensor]


class Noise(Protocol):
    """Where the random numbers of a step come from."""

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers."""
        ...

    def uniform(self, *shape: int) -> Tensor:
        """Return numbers from [0, 1)."""
        ...


@dataclass(frozen=True)
class CriticStep:
    """What a penalty may look at.

    Attributes:
        score: the critic, from samples (batch, ...) to logits (batch,).
        real: float (batch, ...).
        fake: float (batch, ...).
        weights: the critic's parameters.
        noise: random numbers.
    """

    score: Score
    real: Tensor
    fake: Tensor
    weights: Iterable[Tensor]
    noise: Noise


def squared_gradient(score: Score, x: Tensor) -> Tensor:
    """Return |grad D(x)|^2 of each sample, with a graph to differentiate it again.

    It is computed in float32 or better outside autocast: squares of half-precision gradients
    overflow or vanish.

    Args:
        score: from samples to logits (batch,).
        x: float (batch, ...).

    Returns:
        float (batch,).
    """
    if x.dtype in (torch.float16, torch.bfloat16):
        x = x.float()
    if not x.requires_grad:
        x = x.detach().requires_grad_()
    with torch.autocast(x.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(score(x).sum(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def pixels(x: Tensor, values: Tensor) -> Tensor:
    """Reshape one value for each sample, (batch,), to broadcast over samples x (batch, ...)."""
    return values.view(-1, *[1] * (x.dim() - 1))
