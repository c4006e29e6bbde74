"""Gradients of further passes, which join those of a step after its backward."""

import torch
from torch import Tensor, nn

from zoo.optim.distributed import means_over_processes, rank_and_world_size


def add_gradients(module: nn.Module, gradients: list[Tensor | None]) -> None:
    """Add gradients, averaged over processes, to those of a module's trained parameters.

    A parameter that has none on any process keeps its None.
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    gradients = _averaged(trained, gradients)
    for p, gradient in zip(trained, gradients, strict=True):
        if gradient is not None:
            p.grad = gradient if p.grad is None else p.grad.add_(gradient)


def _averaged(trained: list[nn.Parameter], gradients: list[Tensor | None]) -> list[Tensor | None]:
    """Average gradients over processes in one all-reduce; None where no process has any."""
    _, world = rank_and_world_size()
    if world == 1:
        return gradients
    there = torch.tensor([g is not None for g in gradients]).to(trained[0])
    filled = [
        torch.zeros_like(p) if g is None else g for p, g in zip(trained, gradients, strict=True)
    ]
    shares, *means = means_over_processes([there, *filled])
    return [mean if share else None for mean, share in zip(means, shares.tolist(), strict=True)]
