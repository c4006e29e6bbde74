import pytest
import torch
from torch import nn
from two_processes import on_two_processes

from zoo.layers.batch_norm import (
    BatchNormOverProcesses,
    measuring_statistics,
    normalise_over_processes,
)


def make_net(norm=nn.BatchNorm2d):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(2, 6, 3), norm(6), nn.SiLU(), nn.Conv2d(6, 4, 3), norm(4))
    return net if norm is nn.BatchNorm2d else normalise_over_processes(net)


def pictures():
    return torch.randn(7, 2, 9, 9, generator=torch.Generator().manual_seed(2)) + 3


def penalised(net, x):
    """Return values of a critic with a gradient penalty, which needs a second derivative."""
    x = x.requires_grad_()
    out = net(x)
    (gradient,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
    return out, out.sin().flatten(1).sum(1) + gradient.square().flatten(1).sum(1)


def step(rank, world):
    """Return gradients of the mean over all items and the statistics, on one of `world`."""
    net = make_net() if world == 1 else normalise_over_processes(make_net())
    mine = pictures()[rank::world]
    out, values = penalised(net, mine)
    # as DDP averages over processes: a sum over mine, times world, over all items
    (values.sum() * world / len(pictures())).backward()
    found = {name: p.grad for name, p in net.named_parameters()}
    if world > 1:
        for gradient in found.values():
            torch.distributed.all_reduce(gradient)
            gradient /= world
    return out.detach(), found, dict(net.named_buffers())


@pytest.mark.ddp
def test_two_processes_with_batches_of_different_sizes_equal_one_also_in_the_second_derivative():
    (one_out, one_gradient, one_kept), two = step(0, 1), on_two_processes(step, 2)
    for rank, (out, gradient, kept) in enumerate(two):
        torch.testing.assert_close(out, one_out[rank::2], rtol=1e-5, atol=2e-6)
        for name, value in gradient.items():
            torch.testing.assert_close(value, one_gradient[name], rtol=1e-4, atol=1e-4)
        for name, value in kept.items():
            torch.testing.assert_close(value, one_kept[name], rtol=1e-6, atol=1e-6)


def test_alone_it_is_torchs_own_and_keeps_the_names():
    ours, theirs = normalise_over_processes(make_net()), make_net()
    assert isinstance(ours[1], BatchNormOverProcesses)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for net in (ours, theirs):
        net(pictures())
    assert torch.equal(ours(pictures()), theirs(pictures()))
    ours.eval(), theirs.eval()
    assert torch.equal(ours(pictures()), theirs(pictures()))


def test_statistics_measured_anew_are_the_mean_over_the_passes():
    net, x = make_net(), pictures()
    net(x * 50)  # statistics of something else
    with measuring_statistics(net), torch.autocast("cpu", enabled=False):
        net(x), net(x + 1)
    inside = [net[0](x + k) for k in (0, 1)]
    expected = torch.stack([v.mean((0, 2, 3)) for v in inside]).mean(0)
    torch.testing.assert_close(net[1].running_mean, expected)
    expected = torch.stack([v.transpose(0, 1).flatten(1).var(1) for v in inside]).mean(0)
    torch.testing.assert_close(net[1].running_var, expected)
    assert net[1].momentum == 0.1


def test_statistics_that_are_not_finite_are_refused_and_the_old_ones_stay():
    net = make_net().eval()
    before = {k: v.clone() for k, v in net.named_buffers()}
    refused = pytest.raises(ValueError, match="1: a statistic measured anew is not finite")
    with refused, measuring_statistics(net):
        net(pictures() * torch.inf)
    with pytest.raises(ValueError, match="1 saw no batch"), measuring_statistics(net):
        pass
    assert all(torch.equal(v, before[k]) for k, v in net.named_buffers())
    assert not net[1].training
