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
