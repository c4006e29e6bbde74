"""The loss of a classifier of pictures."""

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.optim.distributed import mean_over_processes


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy with smoothed labels, over the batch of all processes.

    Label smoothing of Szegedy et al., arXiv 1512.00567, section 7.

    Args:
        logits: float (n, classes).
        labels: int64 (n,).
        smoothing: the probability spread evenly over all classes; default 0.

    Returns:
        float (); its gradients, averaged over processes as DDP does, are those of that mean.
    """
    total = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum")
    return total / mean_over_processes(torch.tensor(len(labels), device=labels.device))
