"""Normals of the latents and of the pictures, Bernoulli pixels and mixtures of logistics.

All of them compute in float32, whatever autocast makes of the convolutions.
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Scale = Literal["exp", "softplus"]
Likelihood = Literal["bernoulli", "mixture", "normal"]

LEAST_SCALE = 0.01
LEAST_LOG_SCALE = -7.0  # of a logistic
LOG_2PI = math.log(2 * math.pi)


def soft_clamp(x: Tensor) -> Tensor:
    """Return `5 tanh(x / 5)`: x near 0, never beyond 5 on either side."""
    return 5 * torch.tanh(x / 5)


class Normal:
    """Independent normals with a mean and a scale for each number.

    Args:
        mean: raw means, any shape; softly clamped to (-5, 5).
        raw_scale: of the same shape.
        scale: `exp`, the paper's: sigma = exp(5 tanh(raw / 5)) + 0.01; or `softplus`:
            sigma = log2(1 + 2^raw) + 0.01, whose gradient does not explode (the gradient smoothing
            of Efficient-VDVAE, arXiv 2203.13751, section 5).
    """

    def __init__(self, mean: Tensor, raw_scale: Tensor, scale: Scale = "exp") -> None:
        self.mean = soft_clamp(mean.float())
        raw = raw_scale.float()
        sigma = soft_clamp(raw).exp() if scale == "exp" else F.softplus(raw, beta=math.log(2))
        self.sigma = sigma + LEAST_SCALE

    def sample(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Return `mean + temperature * sigma * noise`; noise is standard normal, of their shape."""
        return self.mean + (temperature * self.sigma) * noise

    def whiten(self, value: Tensor) -> Tensor:
        """Return the noise that `sample` makes into a value."""
        return (value - self.mean) / self.sigma

    def log_density(self, value: Tensor) -> Tensor:
        """Return the log density of each number, in nats."""
        return -0.5 * self.whiten(value).square() - self.sigma.log() - 0.5 * LOG_2PI

    def kl(self, prior: "Normal") -> Tensor:
        """Return KL(self || prior) of each number, in nats.

        With d = (m - m') / s' and r = s / s': (d^2 + r^2 - 1) / 2 - log r. Where the posterior is
        m' + dm, s' ds this is the residual normal's (dm^2 / s'^2 + ds^2 - 1) / 2 - log ds of
        NVAE, equation 2.
        """
        distance = (self.mean - prior.mean) / prior.sigma
        ratio = self.sigma / prior.sigma
        return 0.5 * (distance.square() + ratio.square() - 1) - ratio.log()


class Bernoulli:
    """Black and white pixels. Args: logits (batch, channels, height, width) of white."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits.float()

    def nats(self, x: Tensor) -> Tensor:
        """Return -log p(x) (batch,) of pictures (batch, channels, height, width) of 0 and 1."""
        pixels = F.binary_cross_entropy_with_logits(self.logits, x, reduction="none")
        return pixels.sum(dim=(1, 2, 3))

    def mean(self) -> Tensor:
        """Return the probability of white, shaped as the logits."""
        return self.logits.sigmoid()

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Return pictures of 0 and 1, shaped as the logits."""
        return (uniform(self.logits, generator) < self.mean()).float()


class NormalPixels:
    """Normal pixels, a density on [-1, 1]: its nats are comparable with no discrete likelihood.

    Args:
        parameters: (batch, 2 channels, height, width), raw means, then raw scales.
    """

    def __init__(self, parameters: Tensor, scale: Scale = "exp") -> None:
        mean, raw_scale = parameters.chunk(2, dim=1)
        self.normal = Normal(mean, raw_scale, scale)

    def nats(self, x: Tensor) -> Tensor:
        """Return -log density (batch,) of pictures (batch, channels, height, width) in [0, 1]."""
        return -self.normal.log_density(2 * x - 1).sum(dim=(1, 2, 3))

    def mean(self) -> Tensor:
        """Return the mean picture in [0, 1]."""
        return ((self.normal.mean + 1) / 2).clamp(0, 1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Return pictures in [0, 1]; what lies beyond is cut off."""
        mean = self.normal.mean
        noise = torch.randn(mean.shape, generator=generator, device=_home(generator, mean))
        return ((self.normal.sample(noise.to(mean.device)) + 1) / 2).clamp(0, 1)


class LogisticMixture:
    """Mixtures of logistics over 2^bits values, each channel given the ones before it.

    PixelCNN++ (arXiv 1701.05517, section 2.1-2.2), with its order of the parameters: the mixture's
    logits, then for each channel its means, its log scales and, while there are any, a set of
    coefficients of earlier channels; sets that are left over stand at the end.

    Args:
        parameters: (batch, `LogisticMixture.count(channels, mixtures)`, height, width).
        channels: of the picture.
        bits: a channel takes the values 0 to 2^bits - 1; default 8.
    """

    def __init__(self, parameters: Tensor, channels: int, bits: int = 8) -> None:
        self.channels, self.top = channels, 2**bits - 1
        links = channels * (channels - 1) // 2
        blocks = 1 + 2 * channels + links
        # (batch, blocks, mixtures, height, width)
        split = parameters.float().unflatten(1, (blocks, -1)).unbind(1)
        self.log_weights = split[0].log_softmax(dim=1)
        starts = [1 + 2 * c + min(c, links) for c in range(channels)]
        self.means = [split[s] for s in starts]
        self.log_scales = [split[s + 1].clamp(min=LEAST_LOG_SCALE) for s in starts]
        used = {0, *starts, *(s + 1 for s in starts)}
        self.links = [block.tanh() for i, block in enumerate(split) if i not in used]

    @staticmethod
    def count(channels: int, mixtures: int) -> int:
        """Return the number of parameters of a pixel."""
        return mixtures * (1 + 2 * channels + channels * (channels - 1) // 2)

    def nats(self, x: Tensor) -> Tensor:
        """Return -log p(x) (batch,) of pictures (batch, channels, height, width) in [0, 1]."""
        x = 2 * x - 1
        log_mixture = self.log_weights
        for c in range(self.channels):
            value = x[:, c, None]
            log_mixture = log_mixture + self._log_mass(value, self._mean(c, x), c)
        return -log_mixture.logsumexp(dim=1).sum(dim=(1, 2))

    def mean(self) -> Tensor:
        """Return the mean picture (batch, channels, height, width) in [0, 1]."""
        means: list[Tensor] = []  # of each channel, by mixture
        for c in range(self.channels):
            earlier = zip(self._links(c), means, strict=True)
            means.append(sum((k * m for k, m in earlier), self.means[c]).clamp(-1, 1))
        weights = self.log_weights.exp()
        mixed = [((weights * m).sum(1) + 1) / 2 for m in means]
        return torch.stack(mixed, dim=1).clamp(0, 1)  # weights add up to 1 but for rounding

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Return pictures (batch, channels, height, width) of the values that `bits` allows."""
        gumbel = -(-uniform(self.log_weights, generator).log()).log()
        chosen = (self.log_weights + gumbel).argmax(dim=1, keepdim=True)
        x = torch.zeros_like(self.log_weights[:, : self.channels])
        x = x.new_zeros(len(x), self.channels, *x.shape[2:])
        for c in range(self.channels):
            mean = self._mean(c, x).gather(1, chosen)
            scale = self.log_scales[c].gather(1, chosen).exp()
            u = uniform(mean, generator)
            x[:, c] = (mean + scale * (u.log() - (-u).log1p()))[:, 0].clamp(-1, 1)
        return ((x + 1) / 2 * self.top).round() / self.top

    def _links(self, channel: int) -> list[Tensor]:
        """Return the coefficients of the earlier channels in a channel's means."""
        first = channel * (channel - 1) // 2
        return self.links[first : first + channel]

    def _mean(self, channel: int, x: Tensor) -> Tensor:
        """Return the means (batch, mixtures, height, width) of a channel given earlier ones."""
        earlier = (k * x[:, e, None] for e, k in enumerate(self._links(channel)))
        return sum(earlier, self.means[channel])

    def _log_mass(self, value: Tensor, mean: Tensor, channel: int) -> Tensor:
        """Return the log probability (batch, mixtures, height, width) of a value's bin.

        The lowest bin reaches to minus infinity, the highest to infinity. Where a bin has next to
        no mass its logarithm is that of the density in its middle times its width.
        """
        inverse = (-self.log_scales[channel]).exp()
        centred, half = value - mean, 1 / self.top
        upper, lower = inverse * (centred + half), inverse * (centred - half)
        mass = upper.sigmoid() - lower.sigmoid()
        middle = inverse * centred
        density = middle - self.log_scales[channel] - 2 * F.softplus(middle)
        log_mass = torch.where(
            mass > 1e-5, mass.clamp(min=1e-10).log(), density - math.log(self.top / 2)
        )
        log_mass = torch.where(value > 1 - half, -F.softplus(lower), log_mass)
        return torch.where(value < half - 1, F.logsigmoid(upper), log_mass)


Pixels = Bernoulli | LogisticMixture | NormalPixels


def parameters_of(likelihood: Likelihood, channels: int, mixtures: int) -> int:
    """Return how many numbers a pixel's distribution takes."""
    if likelihood == "mixture":
        return LogisticMixture.count(channels, mixtures)
    return channels if likelihood == "bernoulli" else 2 * channels


def pixels(
    likelihood: Likelihood, parameters: Tensor, channels: int, bits: int, scale: Scale
) -> Pixels:
    """Return the distribution of pictures that has these parameters (batch, count, ...)."""
    if likelihood == "mixture":
        return LogisticMixture(parameters, channels, bits)
    if likelihood == "normal":
        return NormalPixels(parameters, scale)
    return Bernoulli(parameters)


def bits_per_dimension(nats: Any, dimensions: int) -> Any:
    """Return nats of a picture as bits of each of its numbers: `nats / (dimensions ln 2)`."""
    return nats / (dimensions * math.log(2))


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return uniform numbers in (0, 1), shaped as a tensor and on its device."""
    drawn = torch.rand(like.shape, generator=generator, device=_home(generator, like))
    return drawn.clamp(1e-7, 1 - 1e-7).to(like.device)


def _home(generator: torch.Generator | None, like: Tensor) -> torch.device:
    return like.device if generator is None else generator.device
