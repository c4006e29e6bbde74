"""How far samples are from real pictures, and how many classes both fill."""

from collections.abc import Iterable

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torchmetrics import CatMetric

from zoo.metrics.feature_distances import PictureDistances
from zoo.optim.distributed import rank_and_world_size

AT_ONCE = 500  # pictures that are classified in a pass


class SampleMeasures(nn.Module):
    """Measure samples on the features of a net, which is no part of the state.

    Args:
        net: of `zoo.pictures`, or any with `features` that also classifies.
    """

    classifier: nn.Module

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.distances = PictureDistances(net)
        object.__setattr__(self, "classifier", net)
        self.labels = CatMetric()  # of the real pictures of all processes

    def see(self, pictures: Tensor, labels: Tensor) -> None:
        """Keep the features of real pictures, float (n, c, h, w) in [0, 1], and their labels."""
        self.distances.update(pictures, real=True)
        self.labels.update(labels)

    def forget(self) -> None:
        """Begin anew."""
        self.distances.reset()
        self.labels.reset()

    def of(self, made: Tensor, mine: slice) -> dict[str, Tensor]:
        """Return the distances of samples from what was seen, by name, and `classes`.

        Args:
            made: float (n, channels, height, width) in [0, 1], the same on every process.
            mine: those that this process takes.
        """
        self.distances.update(made[mine], real=False)
        with torch.no_grad():
            found = torch.cat([self.classifier(some).argmax(1) for some in made.split(AT_ONCE)])
        return {**self._computed(), "classes": effective_number(found)}

    def floors(self, batches: Iterable[tuple[Tensor, Tensor]], count: int) -> dict[str, Tensor]:
        """Return the distances of so many real training pictures, in place of samples.

        Where there are fewer, it warns: the distances are larger then.

        Args:
            batches: pictures and labels.
            count: of the pictures that this process takes.
        """
        self.distances.made.clear()
        left = count
        for pictures, _ in batches:
            self.distances.update(pictures[:left].to(self.distances.device), real=False)
            left -= len(pictures)
            if left <= 0:
                break
        if left > 0:
            _, world = rank_and_world_size()
            rank_zero_warn(
                f"the floor is of {world * (count - left)} training pictures, the distances of "
                f"{world * count} samples: fewer lie farther off; lower model.samples to their "
                "number"
            )
        return {f"{name}_floor": value for name, value in self._computed().items()}

    def real_classes(self) -> Tensor:
        """Return how many classes the real pictures of all processes fill."""
        return effective_number(self.labels.compute().long())

    def _computed(self) -> dict[str, Tensor]:
        return {name: value.float() for name, value in self.distances.compute().items()}


def effective_number(labels: Tensor) -> Tensor:
    """Return how many classes labels int64 (n,) fill: the exponential of their entropy."""
    shares = torch.bincount(labels) / len(labels)
    return torch.special.entr(shares).sum().exp()
