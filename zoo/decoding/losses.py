"""The formulas of the end-of-sequence heads, and the loss that trains them.

Everything is in log space and exact at any logit; time is parallel.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

Kind = Literal["softmax", "self_terminating", "non_monotonic"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def log1mexp(x: Tensor) -> Tensor:
    """Return log(1 - exp(x)) for x <= 0, exact near 0 and far from it.

    Mächler, "Accurately computing log(1 - exp(-|a|))", equation 7. At 0, where the result would be
    minus infinity and its gradient undefined, x counts as the number next to it.
    """
    x = x.clamp(max=-torch.finfo(x.dtype).tiny)
    near = x > -math.log(2)
    return torch.where(
        near,
        torch.log(-torch.expm1(torch.where(near, x, -1.0))),
        torch.log1p(-torch.exp(torch.where(near, -1.0, x))),
    )


def self_terminating(z: Tensor, counted: Tensor, eps: float) -> Tensor:
    """Return log-probabilities of going on that fall from step to step.

    1 - p_end(t) = Π_{i≤t} (1 - eps) σ(z_i): Welleck et al. (arXiv 2002.02492), section 4.2, with
    the recursion written out. So p_end(t) >= 1 - (1 - eps)^t, and a large z means "go on".

    Args:
        z: logits of the end, float32 (batch, time).
        counted: bool (batch, time), false on the positions of a given context, where nothing ends.
        eps: between 0 and 1.

    Returns:
        Log-probability of going on, float32 (batch, time).
    """
    return torch.where(counted, F.logsigmoid(z) + math.log1p(-eps), 0.0).cumsum(1)


def non_monotonic(z: Tensor, counted: Tensor, eps: float) -> Tensor:
    """Return log-probabilities of going on that stay below a curve that falls to minus infinity.

    1 - p_end(t) = (1 - σ(z_t)) (1 - eps)^t: Choi, Cho, Lee (arXiv 2210.00660), equation 10, whose
    convex combination of the curve 1 - (1 - eps)^t and 1 is this product.

    Args:
        z: logits of the end, float32 (batch, time).
        counted: bool (batch, time), false on the positions of a given context, where t is 0.
        eps: between 0 and 1.

    Returns:
        Log-probability of going on, float32 (batch, time).
    """
    return F.logsigmoid(-z) + counted.cumsum(1) * math.log1p(-eps)


LOG_ON: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "self_terminating": self_terminating,
    "non_monotonic": non_monotonic,
}


def log_probabilities(kind: Kind, logits: Tensor, eos_id: int, eps: float) -> Tensor:
    """Return the log-probabilities of a whole output.

    Args:
        kind: of the head.
        logits: float (batch, time, vocabulary), of any precision, from the first token on that the
            model gives.
        eos_id: id of the end.
        eps: between 0 and 1.

    Returns:
        float32 (batch, time, vocabulary).
    """
    logits = logits.float()
    if kind == "softmax":
        return logits.log_softmax(-1)
    z = logits[..., eos_id]
    log_on = LOG_ON[kind](z, torch.ones_like(z, dtype=torch.bool), eps)
    others = logits.clone()
    others[..., eos_id] = -math.inf
    log_p = others.log_softmax(-1) + log_on[..., None]
    log_p[..., eos_id] = log1mexp(log_on)
    return log_p


def nats(
    kind: Kind, logits: Tensor, targets: Tensor, counted: Tensor, eos_id: int, eps: float
) -> Tensor:
    """Return -log p(target) at every position of whole sequences, for training.

    The probabilities are those of `log_probabilities`, for the price of a cross-entropy.

    Args:
        kind: of the head.
        logits: float (batch, time, vocabulary); overwritten.
        targets: int64 (batch, time), the token that follows each position.
        counted: bool (batch, time), false where the target belongs to a given context.
        eos_id: id of the end.
        eps: between 0 and 1.

    Returns:
        float32 (batch, time).
    """
    logits = logits.float()
    if kind == "softmax":
        return cross_entropy(logits, targets)
    others, z = _TakeOut.apply(logits, eos_id)
    log_on = LOG_ON[kind](z, counted, eps)
    ends = targets == eos_id
    return torch.where(ends, -log1mexp(log_on), cross_entropy(others, targets) - log_on)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return -log softmax(logits) at the targets, float32 (batch, time)."""
    flat = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return flat.view_as(targets)


class _TakeOut(torch.autograd.Function):
    """Split the end's logit from the others, where -inf is left, without a copy of the logits.

    Slicing and masking would cost two passes over (batch, time, vocabulary) in each direction. The
    gradient that comes back for the others is written to in place, so they may go into one
    operation alone.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, eos_id: int) -> tuple[Tensor, Tensor]:
        ctx.eos_id = eos_id
        ctx.mark_dirty(logits)
        z = logits[..., eos_id].clone()
        logits[..., eos_id] = -math.inf
        return logits, z

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        others, z = gradients
        others[..., ctx.eos_id] = z
        return others, None
