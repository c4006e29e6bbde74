"""A generator of points in the plane and its critic."""

import torch
from torch import Tensor, nn


class Duel(nn.Module):
    """Two perceptrons: from noise to points, from points to numbers.

    Args:
        width: hidden channels; default 16.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 2))
        self.critic = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))

    @torch.no_grad()
    def draw(self, n: int, seed: int = 0) -> Tensor:
        """Return points float (n, 2)."""
        return self.generator(torch.randn(n, 4, generator=torch.Generator().manual_seed(seed)))
