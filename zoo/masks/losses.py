"""The losses of token prediction: pure functions of tensors."""

import math

from torch import Tensor
from torch.nn import functional as F


def token_nats(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of each prediction, -(1 - s) log p(label) - s mean log p.

    Label smoothing: Szegedy et al., arXiv 1512.00567, section 7.

    Args:
        logits: float (n, vocabulary); taken to float32, since log-probabilities of ten thousand
            tokens do not survive bfloat16.
        labels: int64 (n,).
        smoothing: s, from 0 to 1; default 0, the plain -log p(label).

    Returns:
        float32 (n,), nats.
    """
    return F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smoothing)


def bits(nats: Tensor) -> Tensor:
    """Turn nats into bits."""
    return nats / math.log(2)
