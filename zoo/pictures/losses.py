"""The loss of a classifier of pictures."""

from torch import Tensor
from torch.nn import functional as F


def smoothed_cross_entropy(
    logits: Tensor, labels: Tensor, smoothing: float = 0.0, count: Tensor | None = None
) -> Tensor:
    """Return the cross-entropy with smoothed labels, a mean over pictures.

    Label smoothing of Szegedy et al., arXiv 1512.00567, section 7.

    Args:
        logits: float (n, classes).
        labels: int64 (n,).
        smoothing: the probability spread evenly over all classes; default 0.
        count: (), what the sum is divided by; default n. On several processes the mean of theirs,
            whose gradients, averaged, are those of the mean over all pictures.

    Returns:
        float ().
    """
    total = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum")
    return total / (len(labels) if count is None else count)
