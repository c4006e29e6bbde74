"""A mean over the items of all processes, when some have none."""

import pytest
import torch
from two_processes import on_two_processes

from zoo.optim.distributed import part_of_mean

COUNTS = torch.tensor([[3, 1], [1, 0], [0, 0]])  # of three batches, on two processes


def parts(rank):
    """Return each batch's part of the mean of ones, and its gradient."""
    ones = torch.ones(3, requires_grad=True)
    totals = ones * COUNTS[:, rank]
    found = torch.stack([part_of_mean(t, c) for t, c in zip(totals, COUNTS[:, rank], strict=True)])
    found.sum().backward()
    return found.detach(), ones.grad


@pytest.mark.ddp
def test_the_mean_over_processes_of_the_parts_is_that_over_all_items():
    (first, slope), (second, _) = on_two_processes(parts)
    assert ((first + second) / 2).tolist() == [1.0, 1.0, 0.0]
    assert slope.tolist() == [1.5, 2.0, 0.0]


def test_one_process_without_items_has_a_mean_of_nothing():
    assert part_of_mean(torch.tensor(0.0), torch.tensor(0)).item() == 0.0
    assert part_of_mean(torch.tensor(6.0), torch.tensor(4)).item() == 1.5
