"""Means over processes: of items when some have none, of gradients, and through a graph."""

import pytest
import torch
from two_processes import on_two_processes

from zoo.optim.distributed import differentiable_mean, means_over_processes, part_of_mean

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


def means(rank):
    """Return means of two tensors, and the gradient of a squared mean with its derivative."""
    x = torch.tensor([1.0 + rank, 4.0], requires_grad=True)
    (slope,) = torch.autograd.grad(differentiable_mean(x).square().sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    plain = means_over_processes([x, torch.full((2, 1), float(rank))])
    return plain, slope.detach(), curvature


@pytest.mark.ddp
def test_means_are_those_of_both_processes_and_have_derivatives_of_any_order():
    for (one, other), slope, curvature in on_two_processes(means):
        assert one.tolist() == [1.5, 4.0]
        assert other.tolist() == [[0.5], [0.5]]
        assert slope.tolist() == [3.0, 8.0]  # of the sum over both processes of the squares
        assert curvature.tolist() == [2.0, 2.0]


def test_alone_a_mean_is_the_tensor_itself():
    x = torch.ones(3)
    assert differentiable_mean(x) is x
    assert means_over_processes([x]) == [x]
