"""The non-saturating loss (arXiv 1406.2661, section 3) and the R1 penalty (arXiv 1801.04406)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def critic_loss(real: Tensor, made: Tensor) -> Tensor:
    """Return the critic's loss, from its numbers for real and for made points."""
    return F.softplus(-real).mean() + F.softplus(made).mean()


def generator_loss(made: Tensor) -> Tensor:
    """Return the generator's loss, from the critic's numbers for what it made."""
    return F.softplus(-made).mean()


def r1(real: Tensor, points: Tensor) -> Tensor:
    """Return half the mean squared norm of the critic's gradient at the real points."""
    (gradient,) = torch.autograd.grad(real.sum(), points, create_graph=True)
    return gradient.square().sum(1).mean() / 2
