"""Learning rates that rise and fall in straight lines."""

from typing import Any

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


def warm_up_and_fall(optimizer: Optimizer, warmup: float, total: int) -> Any:
    """Return what `configure_optimizers` is to return for BERT's schedule (1810.04805, A.2).

    Args:
        optimizer: its learning rate is the highest.
        warmup: share of the steps in which the learning rate rises; it then falls to 0.
        total: steps of the run.
    """
    rising = max(1, round(warmup * total))
    schedule = rise_and_fall(optimizer, rising, total - rising, first=1 / (rising + 1))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
