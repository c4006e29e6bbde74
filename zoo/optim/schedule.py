"""Learning rates that rise and fall in straight lines."""

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
