"""How far pictures that were made are from real ones, in the features of a network of our own.

The formulas are those of FID and its successors, but the features are not Inception's: the values
compare with others of the same feature net, split and counts only, and are never called FID. Each
says little without its floor, the same measure of real training pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from zoo.layers.evaluation import in_evaluation

ROWS = 1024  # of a matrix of distances that are held at once


def frechet_distance(real: Tensor, made: Tensor) -> Tensor:
    """Return the squared Frechet distance of the normal distributions with the sets' moments.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); Dowson and Landau (1982), equation 4, as FID
    (Heusel et al., arXiv 1706.08500) takes it.

    Args:
        real: float (n, channels), at least 2 rows.
        made: float (m, channels), at least 2 rows.

    Returns:
        float64 (), at least 0 up to rounding.

    Raises:
        ValueError: if the shapes do not fit or a value is not finite.
    """
    real, made = _checked(real, made, least=2)
    apart = (real.mean(0) - made.mean(0)).square().sum()
    one, other = (torch.atleast_2d(torch.cov(x.T)) for x in (real, made))
    values, vectors = torch.linalg.eigh(one)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # tr (C1 C2)^(1/2) by a symmetric matrix with the same eigenvalues
    shared = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    return apart + one.trace() + other.trace() - 2 * shared


def kernel_distance(real: Tensor, made: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy of two sets, without bias, of all pairs.

    The kernel is (x.y / channels + 1)^3; KID (Binkowski et al., arXiv 1801.01401, section 4) is
    its mean over subsets.

    Args:
        real: float (n, channels), at least 2 rows.
        made: float (m, channels), at least 2 rows.

    Returns:
        float64 (); about 0, and below it as often as above, for sets of one distribution.

    Raises:
        ValueError: if the shapes do not fit or a value is not finite.
    """
    real, made = _checked(real, made, least=2)
    n, m = len(real), len(made)
    within = _kernel_sum(real, real) - _kernel_diagonal(real)
    within_made = _kernel_sum(made, made) - _kernel_diagonal(made)
    between = _kernel_sum(real, made)
    return within / (n * (n - 1)) + within_made / (m * (m - 1)) - 2 * between / (n * m)


def neighbour_scores(real: Tensor, made: Tensor, k: int = 5) -> dict[str, Tensor]:
    """Return precision, recall, density and coverage, by balls around the k-th neighbours.

    Precision: the share of what was made that lies in the ball of a real picture; recall the other
    way round (Kynkaanniemi et al., arXiv 1904.06991, equations 1 and 2). Density: in how many real
    balls it lies, over k; coverage: the share of real balls with something made in them (Naeem et
    al., arXiv 2002.09797, equations 4 and 5).

    Args:
        real: float (n, channels), more than k rows.
        made: float (m, channels), more than k rows.
        k: the neighbour whose distance is the radius, the picture itself not counted; default 5.

    Returns:
        float64 () by name; all but density in [0, 1].

    Raises:
        ValueError: if the shapes do not fit, a value is not finite or there are too few rows.
    """
    if k < 1:
        raise ValueError(f"k is {k}: expected at least 1")
    real, made = _checked(real, made, least=k + 1)
    real_radius, made_radius = _radius(real, k), _radius(made, k)
    inside = torch.zeros(len(made), dtype=torch.float64, device=made.device)
    recalled, covered = [], []
    for rows, distance in _distances(real, made):  # (rows, m)
        in_real = distance <= real_radius[rows, None]
        inside += in_real.sum(0)
        covered.append(in_real.any(1))
        recalled.append((distance <= made_radius).any(1))
    return {
        "precision": (inside > 0).double().mean(),
        "recall": torch.cat(recalled).double().mean(),
        "density": inside.mean() / k,
        "coverage": torch.cat(covered).double().mean(),
    }


def all_distances(real: Tensor, made: Tensor, k: int = 5) -> dict[str, Tensor]:
    """Return every measure of this module by name; arguments as of `neighbour_scores`."""
    return {
        "frechet": frechet_distance(real, made),
        "kernel": kernel_distance(real, made),
        **neighbour_scores(real, made, k),
    }


class PictureDistances(Metric):
    """The measures of this module from batches of pictures, on any number of processes.

    Args:
        net: the feature net: its `features`, if it has that, else itself, maps pictures float
            (n, channels, height, width) to float (n, features). It is no part of the state, and
            goes to the device of the pictures.
        k: see `neighbour_scores`; default 5.

    Example:
        >>> distances = PictureDistances(nn.Flatten())
        >>> pictures = torch.rand(20, 1, 2, 2, generator=torch.Generator().manual_seed(0))
        >>> distances.update(pictures, real=True)
        >>> distances.update(pictures, real=False)
        >>> f"{float(distances.compute()['coverage']):.1f}"
        '1.0'
    """

    real: list[Tensor]
    made: list[Tensor]

    def __init__(self, net: nn.Module, k: int = 5) -> None:
        super().__init__()
        self._net = (net,)  # in a tuple, for a submodule's weights would be saved with a module
        self.k = k
        self.add_state("real", [], dist_reduce_fx="cat")
        self.add_state("made", [], dist_reduce_fx="cat")

    def update(self, pictures: Tensor, real: bool) -> None:
        """Add a batch of real pictures, or of made ones."""
        net = self._net[0].to(pictures.device)  # no submodule, so that nothing else moves it
        (self.real if real else self.made).append(describe(net, pictures))

    def compute(self) -> dict[str, Tensor]:
        """Return the measures by name, float64 ()."""
        return all_distances(dim_zero_cat(self.real), dim_zero_cat(self.made), self.k)


@dataclass(frozen=True)
class DistanceRow:
    """One measure with all that one must know to compare it.

    Attributes:
        metric: `frechet`, `kernel`, `precision`, `recall`, `density` or `coverage`.
        value: of what was made against the real pictures.
        floor: of real training pictures, as many, against the same.
        features: the feature net.
        split: of the real pictures.
        counts: real and made pictures.
    """

    metric: str
    value: float
    floor: float
    features: str
    split: str
    counts: tuple[int, int]

    def __str__(self) -> str:
        real, made = self.counts
        return (
            f"| {self.metric} | {self.value:.4g} | {self.floor:.4g} | {self.features} | "
            f"{self.split} | {real:,} / {made:,} |"
        )


def distance_rows(
    net: nn.Module,
    real: Tensor,
    made: Tensor,
    training: Tensor,
    *,
    features: str,
    split: str = "test",
    k: int = 5,
) -> list[DistanceRow]:
    """Measure pictures beside the floor.

    Args:
        net: the feature net, as of `PictureDistances`.
        real: float (n, channels, height, width) in [0, 1], of the split.
        made: float (m, channels, height, width) in [0, 1].
        training: float, real pictures of training; as many as `made` are used.
        features: what the feature net is called.
        split: of `real`; default `test`.
        k: see `neighbour_scores`; default 5.

    Raises:
        ValueError: if there are fewer training pictures than made ones.
    """
    if len(training) < len(made):
        raise ValueError(
            f"{len(training)} training pictures: expected as many as the {len(made)} made, for a "
            "floor of equal counts; make fewer, or give more"
        )
    target, ours, floor = (describe(net, p) for p in (real, made, training[: len(made)]))
    values, floors = all_distances(target, ours, k), all_distances(target, floor, k)
    return [
        DistanceRow(name, float(v), float(floors[name]), features, split, (len(real), len(made)))
        for name, v in values.items()
    ]


@torch.no_grad()
def describe(net: nn.Module, pictures: Tensor, batch: int = 500) -> Tensor:
    """Return features float (n, channels) of pictures, in evaluation mode, by batches.

    In float32 whatever the autocast: real pictures come within a step, made ones outside.
    """
    features = getattr(net, "features", net)
    with in_evaluation(net), torch.autocast(pictures.device.type, enabled=False):
        return torch.cat([features(part.float()).float() for part in pictures.split(batch)])


def _checked(real: Tensor, made: Tensor, least: int) -> tuple[Tensor, Tensor]:
    """Return both sets in float64, if they fit."""
    if real.dim() != 2 or made.dim() != 2 or real.shape[1] != made.shape[1]:
        raise ValueError(
            f"features of shapes {tuple(real.shape)} and {tuple(made.shape)}: expected "
            "(n, channels) and (m, channels)"
        )
    if min(len(real), len(made)) < least:
        raise ValueError(
            f"{len(real)} real and {len(made)} made pictures: expected at least {least} of each"
        )
    if not (real.isfinite().all() and made.isfinite().all()):
        raise ValueError("a feature is not finite: look for pictures that are not in [0, 1]")
    if real.device.type == "mps":  # which has no float64
        real, made = real.cpu(), made.cpu()
    return real.double(), made.double()


def _kernel_sum(one: Tensor, other: Tensor) -> Tensor:
    parts = [(rows @ other.T / one.shape[1] + 1).pow(3).sum() for rows in one.split(ROWS)]
    return torch.stack(parts).sum()


def _kernel_diagonal(values: Tensor) -> Tensor:
    return (values.square().sum(1) / values.shape[1] + 1).pow(3).sum()


def _radius(values: Tensor, k: int) -> Tensor:
    """Return the distance of each row's k-th neighbour, itself not counted."""
    parts = [d.kthvalue(k + 1, dim=1).values for _, d in _distances(values, values)]
    return torch.cat(parts)


def _distances(one: Tensor, other: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield the Euclidean distances of some rows to all others, (rows, m)."""
    for start in range(0, len(one), ROWS):
        rows = slice(start, start + ROWS)
        # exact, not by products: a picture is at distance 0 from itself
        mode = "donot_use_mm_for_euclid_dist"
        yield rows, torch.cdist(one[rows], other, compute_mode=mode)
