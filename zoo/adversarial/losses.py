"""Formulas of adversarial training: directions, projections and divergences."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Norm = Literal["l2", "linf"]


def ascend(gradient: Tensor, length: Tensor | float, norm: Norm = "l2", samples: int = 0) -> Tensor:
    """Return the step of a given length that raises the loss most, to first order.

    With g the gradient, l2: length * g / ||g||_2 (Miyato et al., arXiv 1605.07725, equation 5;
    Su 7234 takes the whole embedding matrix for g); linf: length * sign(g) (Goodfellow et al.,
    arXiv 1412.6572). Neither depends on the scale of the loss.

    Args:
        gradient: float, at least single precision.
        length: of the step; a number or a tensor that broadcasts.
        norm: in which the step has that length; default l2.
        samples: leading dimensions that count samples, each with a step of its own: 0, the
            default, for one step of the whole tensor, 1 for one a row.

    Returns:
        float as `gradient`; zero where there is no direction, that is where a sample's gradient is
        zero or not finite.
    """
    size = norm_of(gradient, "l2", samples)
    unit = gradient / size if norm == "l2" else gradient.sign()
    return torch.where(size.isfinite() & (size > 0), length * unit, 0.0)


def project(shift: Tensor, radius: float, norm: Norm = "l2", samples: int = 0) -> Tensor:
    """Return the nearest shift of norm at most `radius` (Madry et al., arXiv 1706.06083).

    Args:
        shift: float.
        radius: largest norm, positive.
        norm: which; default l2.
        samples: as for `ascend`.
    """
    if norm == "linf":
        return shift.clamp(-radius, radius)
    size = norm_of(shift, "l2", samples)
    return torch.where(size > radius, shift * (radius / size), shift)


def norm_of(x: Tensor, norm: Norm = "l2", samples: int = 0) -> Tensor:
    """Return the norm of a tensor, or of each of its samples, with dimensions kept to broadcast."""
    dims = list(range(samples, x.dim()))
    if not dims:
        return x.abs()
    return torch.linalg.vector_norm(x, 2 if norm == "l2" else torch.inf, dims, keepdim=True)


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Return KL(p || q), the mean over rows, of two classifiers.

    Args:
        logits: float (..., classes), of p.
        others: float (..., classes), of q.

    Returns:
        float (), in nats.
    """
    p, q = (x.flatten(0, -2).float().log_softmax(-1) for x in (logits, others))
    return F.kl_div(q, p, log_target=True, reduction="batchmean")


def symmetric_divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Return (KL(p || q) + KL(q || p)) / 2 (R-Drop, arXiv 2106.14448, equation 1)."""
    return (divergence(logits, others) + divergence(others, logits)) / 2
