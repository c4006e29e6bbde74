import pytest
import torch
from nvae_nets import tiny
from torch import nn

from zoo.nvae.cells import WeightNormConv2d
from zoo.nvae.losses import (
    SpectralPenalty,
    balance,
    batch_norm_penalty,
    group_weights,
    kl_warmth,
    matrices,
    regularisation_weight,
)


def exact(net):
    return sum(torch.linalg.matrix_norm(m.double(), 2).item() for m in matrices(net))


def test_the_spectral_penalty_nears_the_singular_values():
    net = tiny(flows=1)
    assert SpectralPenalty(net, first=200)(net).item() == pytest.approx(exact(net), rel=5e-3)


def test_its_gradient_is_that_of_the_largest_singular_value():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3))
    (weight, _) = net.parameters()
    SpectralPenalty(net, first=500)(net).backward()
    found = weight.grad.clone()
    weight.grad = None
    torch.linalg.matrix_norm(weight.flatten(1), 2).backward()
    torch.testing.assert_close(found, weight.grad, rtol=1e-3, atol=1e-4)


def test_it_follows_weights_that_move():
    net = tiny()
    penalty = SpectralPenalty(net)
    penalty(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    for _ in range(20):
        found = penalty(net)
    assert found.item() == pytest.approx(exact(net), rel=5e-3)


def test_its_vectors_are_part_of_its_state_and_rest_in_eval_mode():
    net = tiny()
    penalty, other = SpectralPenalty(net, seed=1), SpectralPenalty(net, seed=2)
    penalty(net)
    other.load_state_dict(penalty.state_dict())
    state = {name: buffer.clone() for name, buffer in other.state_dict().items()}
    found = other.eval()(net)
    assert all(torch.equal(state[name], b) for name, b in other.state_dict().items())
    assert torch.equal(found, penalty.eval()(net))


def test_filters_have_the_learned_norms():
    conv = WeightNormConv2d(3, 5, 3)
    norms = conv.filters().flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, conv.log_norm.exp().flatten(), rtol=1e-3, atol=0)


def test_the_batch_norm_penalty_is_the_largest_gamma_of_each():
    net = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1), nn.BatchNorm1d(2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, -3.0]))
        net[2].weight.copy_(torch.tensor([0.5, 0.25]))
    assert batch_norm_penalty(net).item() == 3.5
    assert batch_norm_penalty(nn.Linear(2, 2)).item() == 0


def test_the_kl_warms_up_in_a_straight_line():
    assert kl_warmth(0, 1000, 0.3) == 1e-4
    assert kl_warmth(150, 1000, 0.3) == pytest.approx(0.5)
    assert kl_warmth(300, 1000, 0.3) == kl_warmth(999, 1000, 0.3) == 1
    assert kl_warmth(0, 1000, 0.0) == kl_warmth(0, 0, 0.3) == 1


def test_groups_weigh_by_pixels_and_number():
    assert group_weights([1, 2]).tolist() == [1, 2, 2]  # 1, 4 / 2
    assert group_weights([5, 10]).tolist() == pytest.approx([1.0] * 5 + [2.0] * 10)


def test_balancing_has_mean_one_prefers_little_kl_and_passes_no_gradient():
    kl = torch.tensor([1.0, 3.0], requires_grad=True)
    gamma = balance(kl, torch.ones(2))
    torch.testing.assert_close(gamma, torch.tensor([1.01, 3.01]) / 2.01)
    assert not gamma.requires_grad
    assert balance(torch.tensor([0.0, 5.0]), torch.ones(2))[0] < 0.01


def test_the_regularisation_is_annealed_in_its_logarithm():
    assert regularisation_weight(1.0, 0.01, 0.0) == pytest.approx(1)
    assert regularisation_weight(1.0, 0.01, 0.5) == pytest.approx(0.1)
    assert regularisation_weight(1.0, 0.01, 1.0) == pytest.approx(0.01)
    assert regularisation_weight(0.0, 0.0, 0.5) == 0
