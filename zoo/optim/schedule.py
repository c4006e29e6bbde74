"""Learning rates that rise and fall in straight lines."""

import math
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LinearLR, SequentialLR


def rise_and_fall(
    optimizer: Optimizer, rising: int, falling: int, first: float, last: float = 0.0
) -> SequentialLR:
    """Return a schedule from a share of the optimizer's learning rate to all of it, and down again.

    Args:
        optimizer: its learning rate is the highest.
        rising: steps from the first learning rate to the highest; less than 1 counts as 1.
        falling: steps from the highest to the last, where it stays; less than 1 counts as 1.
        first: the share of the highest in the first step, above 0.
        last: the share of the highest at the end; default 0.
    """
    rising, falling = max(1, rising), max(1, falling)
    up = LinearLR(optimizer, first, total_iters=rising)
    down = LinearLR(optimizer, 1.0, last, falling)
    return SequentialLR(optimizer, [up, down], milestones=[rising])


def warm_up(optimizer: Optimizer, warmup: float, total: float) -> Any:
    """Schedule a warm-up, then a fall to 0 at the last step; for `configure_optimizers` to return.

    The schedule of BERT (arXiv 1810.04805, appendix A.2).

    Args:
        optimizer: its learning rate is the highest.
        warmup: steps of the warm-up; below 1, their share of all steps.
        total: steps of the run, such as `trainer.estimated_stepping_batches`.

    Raises:
        ValueError: if the run has no end.
    """
    total = require_end(total)
    rising = max(1, round(warmup * total if warmup < 1 else warmup))
    falling = total - rising
    return each_step(optimizer, rise_and_fall(optimizer, rising, falling, first=1 / (rising + 1)))


def require_end(total: float) -> int:
    """Return the number of steps of a run.

    Args:
        total: `trainer.estimated_stepping_batches`, which may be infinite.

    Raises:
        ValueError: if it is.
    """
    if not math.isfinite(total):
        raise ValueError(
            "the run has no end, and the learning rate falls to its last value there: give "
            "--trainer.max_steps or --trainer.max_epochs"
        )
    return int(total)


def each_step(optimizer: Optimizer, schedule: SequentialLR) -> Any:
    """Let a schedule advance by steps; for `configure_optimizers` to return."""
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def linear_fall(step: int, total: int, share: float) -> float:
    """Return a factor of the learning rate: 1, and linearly to 0 in the last `share` of steps."""
    return min(1.0, max(0.0, (total - step) / (share * total)))


def decayed_matrices(net: nn.Module, weight_decay: float) -> list[dict]:
    """Return groups of parameters for AdamW: biases and norms do not decay."""
    return [
        {
            "params": [p for p in net.parameters() if p.dim() > 1],
            "weight_decay": weight_decay,
        },
        {"params": [p for p in net.parameters() if p.dim() <= 1], "weight_decay": 0.0},
    ]
