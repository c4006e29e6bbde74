"""What the processes of a run know of each other, and the means over all of them."""

from collections.abc import Sequence

import torch
from torch import Tensor, distributed

from zoo.layers.batch_norm import sum_over_processes


def rank_and_world_size() -> tuple[int, int]:
    """Return the number of this process and how many train together; (0, 1) if it is alone."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def means_over_processes(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the means of tensors over the processes, in one all-reduce and without a graph.

    Args:
        tensors: float, of the same shapes on every process; not changed.
    """
    _, world = rank_and_world_size()
    if world == 1:
        return list(tensors)
    flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    parts = (flat / world).split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


def differentiable_mean(tensor: Tensor) -> Tensor:
    """Return the mean of a tensor over the processes, differentiable to any order.

    Args:
        tensor: float, of the same shape on every process.
    """
    _, world = rank_and_world_size()
    return tensor if world == 1 else sum_over_processes(tensor) / world


def mean_over_processes(count: Tensor) -> Tensor:
    """Return the mean of a count over the processes that train together.

    A sum over a process's tokens, divided by this, is a mean over the tokens of the whole batch
    once DDP has averaged the gradients; divided by the process's own count, it would weigh the
    tokens of short texts more.

    Args:
        count: a number of tokens, of any shape; not changed.
    """
    _, world = rank_and_world_size()
    if world == 1:
        return count
    total = count.to(torch.float32, copy=True)
    distributed.all_reduce(total)
    return total / world


def counts_of_processes(count: int, device: torch.device | str) -> list[int]:
    """Return the number that each process has, by rank.

    Args:
        count: this process's.
        device: where the processes exchange it.
    """
    rank, world = rank_and_world_size()
    if world == 1:
        return [count]
    counts = torch.zeros(world, dtype=torch.long, device=device)
    counts[rank] = count
    distributed.all_reduce(counts)
    return counts.tolist()


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
