"""The importance-weighted bound against the exact likelihood of a linear-Gaussian hierarchy."""

import math

import pytest
import torch
from nvae_nets import tiny
from torch import nn

from zoo.nvae.distributions import Normal
from zoo.nvae.groups import Latent
from zoo.nvae.likelihood_bound import log_mean, log_weights, standard_error


class Gaussian(Normal):
    """A normal whose mean and scale are given as they are."""

    def __init__(self, mean, sigma):
        self.mean, self.sigma = mean, sigma.expand_as(mean)


class LinearDecoder(nn.Module):
    """z1 ~ N(0, 1), z2 ~ N(a z1, s), x ~ N(b z2 + c z1, t); posteriors are off by a little."""

    a, b, c = 0.8, 0.9, 0.5
    s, t = torch.tensor(0.7), torch.tensor(0.6)

    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(()))

    def covariance(self):
        """Of (z1, z2, x), by its definition."""
        z2 = torch.tensor([self.a, float(self.s), 0.0])
        x = self.b * z2 + torch.tensor([self.c, 0.0, float(self.t)])
        z1 = torch.tensor([1.0, 0.0, 0.0])
        rows = torch.stack([z1, z2, x])
        return rows @ rows.T

    def conditional(self, target, given, values):
        """Mean and scale of one variable given others."""
        full = self.covariance()
        weights = torch.linalg.solve(full[given][:, given], full[given, target])
        variance = full[target, target] - weights @ full[given, target]
        mean = sum(w * v for w, v in zip(weights, values, strict=True))
        return Gaussian(mean, variance.sqrt() * 1.15)  # wider than the exact one

    def forward(self, batch, choose, features=None):
        x = features[0]
        exact = self.conditional(0, [2], [x])
        first = choose(0, self, Gaussian(torch.zeros_like(x), torch.ones(())), exact)
        prior = Gaussian(self.a * first.z, self.s)
        second = choose(1, self, prior, self.conditional(1, [0, 2], [first.z, x]))
        return self.b * second.z + self.c * first.z, [first, second]

    def draw(self, prior, posterior, noise):
        return Latent(posterior.sample(noise), prior, posterior)


class Plan:
    latent_shapes = ((1, 1, 1), (1, 1, 1))


class LinearGaussian:
    """What `log_weights` asks of a hierarchy, with everything known."""

    plan = Plan()

    def __init__(self):
        self.decoder = LinearDecoder()

    def prepare(self, x, seed, places):
        return x

    def features(self, x):
        return [x]

    def nats(self, mean, x):
        return -Gaussian(mean, self.decoder.t).log_density(x).sum((1, 2, 3))

    def exact(self, x):
        variance = self.decoder.covariance()[2, 2]
        return -0.5 * (x.square() / variance + (2 * math.pi * variance).log()).sum((1, 2, 3))


@torch.no_grad()
def test_a_thousand_samples_meet_the_exact_likelihood_and_more_samples_raise_the_bound():
    net = LinearGaussian()
    x = torch.randn(400, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    weights = log_weights(net, x, samples=1000)
    exact = net.exact(x).double().mean().item()
    bounds = [log_mean(weights[:, :k]).mean().item() for k in (1, 5, 30, 1000)]
    assert bounds == sorted(bounds)
    assert bounds[0] < exact - 0.02
    assert bounds[-1] == pytest.approx(exact, abs=0.02)


@torch.no_grad()
def test_the_standard_error_is_the_spread_of_repeated_estimates():
    net = LinearGaussian()
    x = torch.full((300, 1, 1, 1), 0.7)  # one picture at three hundred places
    weights = log_weights(net, x, samples=100)
    spread = log_mean(weights).std().item()
    assert standard_error(weights).mean().item() == pytest.approx(spread, rel=0.2)


def test_the_bound_depends_neither_on_the_batch_nor_on_how_many_rows_are_decoded():
    net, x = tiny().eval(), torch.rand(5, 1, 8, 8)
    whole = log_weights(net, x, samples=7)
    assert whole.dtype == torch.float64
    few = log_weights(net, x, samples=7, rows=3)
    torch.testing.assert_close(few, whole, rtol=1e-5, atol=1e-5)
    parts = [log_weights(net, x[i : i + 1], samples=7, places=[i]) for i in range(5)]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(net.log_likelihood(x, samples=7), log_mean(whole))
    with pytest.raises(ValueError, match="samples is 0"):
        net.log_likelihood(x, samples=0)


def test_one_sample_is_the_evidence_bound():
    net, x = tiny(flows=1).eval(), torch.rand(4, 1, 8, 8)
    bound = net.bound(x)
    expected = bound.log_p - bound.log_q - bound.nll
    torch.testing.assert_close(log_weights(net, x, 1)[:, 0].float(), expected, rtol=1e-4, atol=1e-3)
