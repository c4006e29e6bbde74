"""What training minimises: the warmed-up, balanced bound and two regularisers.

`mean(nll + beta sum_l gamma_l KL_l) + lambda (sum of spectral norms + sum of max |gamma_BN|)`,
NVAE, sections 3.2 and A.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.nvae.cells import WeightNormConv2d

LEAST_WARMTH = 1e-4


def kl_warmth(step: int, total: int, rising: float) -> float:
    """Return beta: from 1e-4 to 1 in a straight line, over the first share of the steps.

    Args:
        step: steps taken.
        total: steps of the whole training.
        rising: the share in which beta rises; where that is no step, beta is 1.
    """
    if not rising * total:
        return 1.0
    return min(max(step / (rising * total), LEAST_WARMTH), 1.0)


def group_weights(groups: Sequence[int]) -> Tensor:
    """Return what balancing expects of each group's KL, relative to the least: (groups,).

    A group of a scale with four times the pixels and n groups gets `4^scale / n`.

    Args:
        groups: groups of each scale, from the top.
    """
    alpha = torch.tensor([4.0**i / n for i, n in enumerate(groups) for _ in range(n)])
    return alpha / alpha.min()


def balance(kl: Tensor, alpha: Tensor) -> Tensor:
    """Return gamma (groups,), of mean 1: a group of little KL is punished less while it begins.

    `gamma_l` is proportional to `(mean |KL_l| + 0.01) / alpha_l`; no gradient flows through it.

    Args:
        kl: (groups,), the mean size over the batches of all processes.
        alpha: as `group_weights`.
    """
    gamma = (kl.detach() + 0.01) / alpha.to(kl.device)
    return gamma / gamma.mean()


def regularisation_weight(start: float, end: float, beta: float) -> float:
    """Return lambda: `start^(1 - beta) end^beta`, which arrives as the KL warm-up ends."""
    return start ** (1 - beta) * end**beta


def require_weights(start: float, end: float) -> None:
    """Refuse what `regularisation_weight` has no way between.

    Raises:
        ValueError: if one is negative, or one alone is 0.
    """
    if min(start, end) < 0 or (start == 0) != (end == 0):
        raise ValueError(
            f"regularisation is {start} and regularisation_end {end}: expected two numbers above "
            "0, between which its logarithm goes in a straight line, or 0 twice for none"
        )


def batch_norm_penalty(net: nn.Module) -> Tensor:
    """Return the sum over all batch norms of their largest |gamma|; 0 if there are none."""
    scales = [m.weight.abs().max() for m in net.modules() if isinstance(m, _BatchNorm)]
    return torch.stack(scales).sum() if scales else torch.zeros(())


def matrices(net: nn.Module) -> Iterator[Tensor]:
    """Yield the filters of each convolution as a matrix (outputs, rest), as they are applied."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            weighted = isinstance(module, WeightNormConv2d)
            yield (module.filters() if weighted else module.weight).flatten(1)


class SpectralPenalty(nn.Module):
    """The sum of the largest singular values of all convolutions, by power iteration.

    The vectors are buffers: they go with a training checkpoint, so that a run that is resumed
    goes on as it would have. All matrices of a shape take one batched product.

    Args:
        net: whose convolutions are measured; not kept.
        iterations: of a step; default 4.
        first: of the first step, from random vectors; default 40.
        seed: of these; default 0.
    """

    begun: Tensor

    def __init__(self, net: nn.Module, iterations: int = 4, first: int = 40, seed: int = 0) -> None:
        super().__init__()
        self.iterations, self.first = iterations, first
        generator = torch.Generator().manual_seed(seed)
        for (rows, columns), stack in _by_shape(net).items():
            vectors = torch.randn(len(stack), columns, generator=generator)
            self.register_buffer(f"right_{rows}x{columns}", F.normalize(vectors, dim=1))
        self.register_buffer("begun", torch.tensor(False))

    def forward(self, net: nn.Module) -> Tensor:
        """Return the sum of the largest singular values, after more iterations of the vectors."""
        rounds = self.iterations if self.begun else self.first
        total = torch.zeros((), device=self.begun.device)
        for (rows, columns), stack in _by_shape(net).items():
            weights = torch.stack(stack).float()
            right = getattr(self, f"right_{rows}x{columns}")
            left, right = power_iteration(weights.detach(), right, rounds)
            if self.training:
                getattr(self, f"right_{rows}x{columns}").copy_(right)
            total = total + torch.einsum("kr,krc,kc->", left, weights, right)
        if self.training:
            self.begun.fill_(True)
        return total


@torch.no_grad()
def power_iteration(weights: Tensor, right: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """Return left (k, rows) and right (k, columns) vectors nearer the largest singular value's.

    Args:
        weights: matrices (k, rows, columns).
        right: unit vectors (k, columns) to begin with.
        rounds: at least 1.
    """
    left = right
    for _ in range(rounds):
        left = F.normalize(torch.einsum("krc,kc->kr", weights, right), dim=1)
        right = F.normalize(torch.einsum("krc,kr->kc", weights, left), dim=1)
    return left, right


def _by_shape(net: nn.Module) -> dict[tuple[int, int], list[Tensor]]:
    shapes: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
    for matrix in matrices(net):
        shapes[matrix.shape[0], matrix.shape[1]].append(matrix)
    return shapes
