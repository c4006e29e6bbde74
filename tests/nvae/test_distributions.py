import math

import pytest
import torch
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence

from zoo.nvae.distributions import (
    Bernoulli,
    LogisticMixture,
    Normal,
    NormalPixels,
    bits_per_dimension,
    soft_clamp,
)


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


@pytest.mark.parametrize("scale", ["exp", "softplus"])
def test_kl_is_the_closed_form_of_torch_and_the_mean_of_draws(scale):
    q = Normal(numbers(4, seed=1), numbers(4, seed=2), scale)
    p = Normal(numbers(4, seed=3), numbers(4, seed=4), scale)
    expected = kl_divergence(TorchNormal(q.mean, q.sigma), TorchNormal(p.mean, p.sigma))
    torch.testing.assert_close(q.kl(p), expected)
    z = q.sample(numbers(200_000, 4, seed=5))
    drawn = (q.log_density(z) - p.log_density(z)).mean(0)
    torch.testing.assert_close(drawn, expected, rtol=0.02, atol=0.01)


def test_residual_kl_is_equation_2_of_the_paper():
    mean, sigma = torch.tensor(0.3), torch.tensor(1.7)
    shift, factor = torch.tensor(-0.6), torch.tensor(0.4)
    p, q = Normal(mean, sigma), Normal(mean, sigma)
    p.mean, p.sigma = mean, sigma
    q.mean, q.sigma = mean + shift, sigma * factor
    expected = 0.5 * ((shift / sigma) ** 2 + factor**2 - 2 * factor.log() - 1)
    torch.testing.assert_close(q.kl(p), expected)


def test_equal_normals_have_no_kl_and_whiten_is_the_inverse_of_sample():
    q = Normal(numbers(5), numbers(5, seed=1))
    assert q.kl(q).abs().max() == 0
    noise = numbers(5, seed=2)
    torch.testing.assert_close(q.whiten(q.sample(noise)), noise)


def test_the_fixed_prior_has_the_scale_of_the_reference():
    prior = Normal(torch.zeros(1), torch.zeros(1))
    assert prior.mean.item() == 0
    assert prior.sigma.item() == pytest.approx(1.01)


@pytest.mark.parametrize("scale", ["exp", "softplus"])
def test_scales_stay_finite_and_positive_however_large_the_numbers(scale):
    raw = torch.tensor([-1e4, -50.0, 0.0, 50.0, 1e4], requires_grad=True)
    normal = Normal(raw, raw, scale)
    assert (normal.sigma > 0).all()
    (gradient,) = torch.autograd.grad(normal.kl(Normal(raw * 0, raw * 0, scale)).sum(), raw)
    assert gradient.isfinite().all()
    assert soft_clamp(raw).abs().max() <= 5


def every_value(channels, bits=8):
    """All values of the last channel, the others fixed: (2^bits, channels, 1, 1)."""
    top = 2**bits - 1
    x = torch.full((2**bits, channels, 1, 1), round(0.3 * top) / top)
    x[:, -1, 0, 0] = torch.arange(2**bits) / top
    return x


@pytest.mark.parametrize("spread", [0.3, 3.0])
@pytest.mark.parametrize("bits", [3, 5, 8])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_mixture_sums_to_one_over_the_values_of_each_channel(channels, bits, spread):
    mixtures = 4
    parameters = spread * numbers(1, LogisticMixture.count(channels, mixtures), 1, 1, seed=channels)
    x = every_value(channels, bits)
    whole = LogisticMixture(parameters.expand(len(x), -1, -1, -1), channels, bits)
    total = (-whole.nats(x)).double().exp().sum()
    assert marginal(parameters, channels, bits, x) == pytest.approx(total.item(), rel=1e-4)


def marginal(parameters, channels, bits, x):
    """The probability of the channels before the last, by the mixture of those alone."""
    mixture = LogisticMixture(parameters, channels, bits)
    log = mixture.log_weights
    for c in range(channels - 1):
        log = log + mixture._log_mass(x[:1, c, None] * 2 - 1, mixture._mean(c, 2 * x[:1] - 1), c)
    return log.double().exp().sum().item()


def test_one_channel_sums_to_one():
    for seed in range(5):
        parameters = 4 * numbers(1, LogisticMixture.count(1, 3), 1, 1, seed=seed)
        x = every_value(1)
        nats = LogisticMixture(parameters.expand(256, -1, -1, -1), 1).nats(x)
        assert (-nats).double().exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_a_narrow_logistic_puts_all_on_its_value():
    parameters = torch.zeros(1, 3, 1, 1)
    parameters[0, 1], parameters[0, 2] = 2 * 100 / 255 - 1, -20
    x = torch.full((1, 1, 1, 1), 100 / 255)
    assert LogisticMixture(parameters, 1).nats(x).item() == pytest.approx(0, abs=0.1)


def test_samples_of_a_mixture_have_its_probabilities():
    parameters = numbers(1, LogisticMixture.count(3, 2), 1, 1, seed=7).expand(40_000, -1, -1, -1)
    mixture = LogisticMixture(parameters, 3, bits=3)
    drawn = mixture.sample(torch.Generator().manual_seed(0))
    values, counts = (drawn * 7).round().flatten(1).unique(dim=0, return_counts=True)
    one = LogisticMixture(parameters[: len(values)], 3, bits=3)
    expected = (-one.nats(values.view(-1, 3, 1, 1) / 7)).exp()
    shares = counts / len(drawn)
    assert (shares - expected).abs().max() < 0.01
    assert mixture.mean().shape == drawn.shape


def test_the_mean_of_a_mixture_lies_between_its_components():
    parameters = torch.zeros(1, 6, 1, 1)
    parameters[0, 2], parameters[0, 3] = -0.5, 0.5
    assert LogisticMixture(parameters, 1).mean().item() == pytest.approx(0.5)


def test_bernoulli_nats_sum_to_one_over_all_pictures():
    logits = numbers(1, 1, 2, 2)
    pictures = torch.tensor([[i >> j & 1 for j in range(4)] for i in range(16)]).float()
    nats = Bernoulli(logits.expand(16, -1, -1, -1)).nats(pictures.view(16, 1, 2, 2))
    assert (-nats).exp().sum().item() == pytest.approx(1)


def test_normal_pixels_are_a_density_on_minus_one_to_one():
    parameters = torch.cat([numbers(1, 1, 1, 1), numbers(1, 1, 1, 1, seed=1)], dim=1)
    grid = torch.linspace(-20, 20, 40_001)
    x = (grid.view(-1, 1, 1, 1) + 1) / 2
    density = (-NormalPixels(parameters.expand(len(x), -1, -1, -1)).nats(x)).exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-4)


def test_nats_as_bits_of_each_number():
    assert bits_per_dimension(784 * math.log(2), 784) == pytest.approx(1)
    assert bits_per_dimension(torch.tensor([math.log(2)]), 2).item() == pytest.approx(0.5)


@pytest.mark.parametrize("mean", [-9.0, 9.0])
def test_the_mean_of_a_mixture_stays_a_picture(mean):
    parameters = torch.randn(4, 3, 10, 8, 8, generator=torch.Generator().manual_seed(0))
    parameters[:, 1] = mean
    made = LogisticMixture(parameters.flatten(1, 2), 1).mean()
    assert 0 <= made.min() <= made.max() <= 1
