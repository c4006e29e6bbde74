"""Groups of latents: what the top-down pass asks and does at each of them (NVAE, figure 2)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nvae.cells import WeightNormConv2d
from zoo.nvae.distributions import Normal, Scale
from zoo.nvae.flows import AutoregressiveFlow


def adaptive_groups(largest: int, scales: int, least: int = 1) -> list[int]:
    """Return the number of groups of each scale, from the top: half as many at each smaller size.

    Args:
        largest: groups of the largest size.
        scales: number of sizes.
        least: no scale has fewer; default 1.

    Example:
        >>> adaptive_groups(10, 2)
        [5, 10]
    """
    return [max(largest // 2**i, least) for i in reversed(range(scales))]


class Latent(NamedTuple):
    """One group of latents of a batch.

    Attributes:
        z: the latents (batch, latents, height, width).
        prior: the distribution of z given the groups above.
        posterior: that of `drawn`, given the picture too; None without a picture.
        drawn: what the flows moved to z; None if nothing was moved.
    """

    z: Tensor
    prior: Normal
    posterior: Normal | None = None
    drawn: Tensor | None = None

    @property
    def log_p(self) -> Tensor:
        """Log density of z under the prior (batch,), in nats."""
        return self.prior.log_density(self.z).sum(dim=(1, 2, 3))

    @property
    def log_q(self) -> Tensor:
        """Log density of z under the posterior (batch,), in nats: flows keep the volume."""
        return self._log_q().sum(dim=(1, 2, 3))

    @property
    def kl(self) -> Tensor:
        """KL of the posterior from the prior (batch,), in nats; with flows from this one draw."""
        assert self.posterior is not None
        if self.drawn is None:
            return self.posterior.kl(self.prior).sum(dim=(1, 2, 3))
        # number by number: of two large sums the difference would keep few digits
        return (self._log_q() - self.prior.log_density(self.z)).sum(dim=(1, 2, 3))

    def _log_q(self) -> Tensor:
        assert self.posterior is not None
        return self.posterior.log_density(self.z if self.drawn is None else self.drawn)


class LatentGroup(nn.Module):
    """One group of latents, with the decoder's cells that lead to it.

    Args:
        cells: decoder cells before the group, the first one from the scale above if there is one.
        channels: of the decoder's state.
        latents: channels of the latents.
        flows: pairs of autoregressive steps on the posterior.
        top: whether this is the first group, whose prior is fixed.
        residual: whether the posterior is relative to the prior.
        scale: how scales of normals are made positive.
    """

    def __init__(
        self,
        cells: Sequence[nn.Module],
        channels: int,
        latents: int,
        flows: int,
        top: bool,
        residual: bool,
        scale: Scale,
    ) -> None:
        super().__init__()
        self.latents, self.residual = latents, residual
        self.scale: Scale = scale
        self.cells = nn.Sequential(*cells)
        self.posterior = WeightNormConv2d(channels, 2 * latents, 3)
        self.prior = None if top else WeightNormConv2d(channels, 2 * latents, 1)
        self.tap = None if top else WeightNormConv2d(channels, channels, 1)
        self.flows = nn.Sequential(*(AutoregressiveFlow(latents) for _ in range(flows)))
        self.merge = WeightNormConv2d(channels + latents, channels, 1)

    def prior_parameters(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the prior's raw means and scales (batch, latents, height, width)."""
        if self.prior is None:
            zeros = state.new_zeros(state.shape[0], self.latents, *state.shape[2:])
            return zeros, zeros
        mean, raw_scale = self.prior(F.elu(state)).chunk(2, dim=1)
        return mean, raw_scale

    def posterior_parameters(self, state: Tensor, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior's raw means and scales, those that are added to the prior's.

        Args:
            state: the decoder's state (batch, channels, height, width).
            feature: the encoder's, of the same shape.
        """
        seen = feature if self.tap is None else feature + self.tap(state)
        mean, raw_scale = self.posterior(seen).chunk(2, dim=1)
        return mean, raw_scale

    def distributions(self, state: Tensor, feature: Tensor | None) -> tuple[Normal, Normal | None]:
        """Return prior and, given the encoder's feature, posterior."""
        mean, raw_scale = self.prior_parameters(state)
        prior = Normal(mean, raw_scale, self.scale)
        if feature is None:
            return prior, None
        own_mean, own_scale = self.posterior_parameters(state, feature)
        if self.residual:
            own_mean, own_scale = mean + own_mean, raw_scale + own_scale
        return prior, Normal(own_mean, own_scale, self.scale)

    def draw(self, prior: Normal, posterior: Normal, noise: Tensor) -> Latent:
        """Return latents drawn from the posterior: its noise (batch, latents, height, width)."""
        drawn = posterior.sample(noise)
        if not self.flows:
            return Latent(drawn, prior, posterior)
        return Latent(self.flows(drawn), prior, posterior, drawn)

    def forward(self, state: Tensor, z: Tensor) -> Tensor:
        """Return the state (batch, channels, height, width) that knows the latents."""
        return self.merge(torch.cat([state, z.to(state.dtype)], dim=1))


Choose = Callable[[int, LatentGroup, Normal, Normal | None], Latent]


def from_posterior(noise: Sequence[Tensor], device: torch.device) -> Choose:
    """Choose latents from their posteriors, by noise."""

    def choose(index: int, group: LatentGroup, prior: Normal, belief: Normal | None) -> Latent:
        assert belief is not None
        return group.draw(prior, belief, noise[index].to(device))

    return choose


def from_prior(white: Sequence[Tensor]) -> Choose:
    """Choose latents from their priors, by noise."""
    return lambda index, group, prior, belief: Latent(prior.sample(white[index]), prior)


def given(z: Sequence[Tensor]) -> Choose:
    """Choose the latents that are given."""
    return lambda index, group, prior, belief: Latent(z[index], prior)
