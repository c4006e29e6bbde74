"""What the likelihood of a batch is divided by."""

import torch
from torch import Tensor, distributed


def mean_over_processes(count: Tensor) -> Tensor:
    """Return the mean of a count over the processes that train together.

    A sum over a process's tokens, divided by this, is a mean over the tokens of the whole batch
    once DDP has averaged the gradients; divided by the process's own count, it would weigh the
    tokens of short texts more.

    Args:
        count: a number of tokens, of any shape; not changed.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return count
    total = count.to(torch.float32, copy=True)
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def part_of_mean(total: Tensor, count: Tensor) -> Tensor:
    """Return a process's part of a mean over the items of all processes.

    Args:
        total: a sum over the items of this process, which may have none.
        count: how many they are.

    Returns:
        `total` over the mean count; 0, with a graph, where no process has any item.
    """
    mean = mean_over_processes(count)
    return total / torch.where(mean > 0, mean, 1.0)
