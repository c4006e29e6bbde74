"""Points around a circle."""

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from zoo.data.resumable import ResumableLoader


class Circle(LightningDataModule):
    """Points near the circle of radius 2.

    Args:
        batch_size: points a process and step; default 8.
        seed: of their order; default 0.
        preprocess: not used.
    """

    title = "circle"

    def __init__(self, batch_size: int = 8, seed: int = 0, preprocess: str | None = None) -> None:
        super().__init__()
        self.batch_size, self.seed = batch_size, seed

    def points(self, seed: int) -> Tensor:
        """Return float (64, 2)."""
        values = torch.randn(64, 2, generator=torch.Generator().manual_seed(seed))
        return 2 * values / values.norm(dim=1, keepdim=True) + 0.5

    def train_dataloader(self) -> ResumableLoader:
        """Shuffled points."""
        return ResumableLoader(self.points(0), self.batch_size, shuffle=True, seed=self.seed)

    def val_dataloader(self) -> ResumableLoader:
        """Other points in order."""
        return ResumableLoader(self.points(1), self.batch_size)

    def test_dataloader(self) -> ResumableLoader:
        """Other points in order."""
        return ResumableLoader(self.points(2), self.batch_size)
