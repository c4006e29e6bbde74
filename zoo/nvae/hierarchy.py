"""The net itself: two towers and the groups between them; pictures in, the evidence bound out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.layers.evaluation import require_evaluation
from zoo.nvae.architecture import Architecture
from zoo.nvae.cells import CellBuilder
from zoo.nvae.distributions import Pixels, pixels
from zoo.nvae.groups import Latent, from_posterior, from_prior, given
from zoo.nvae.noise import draw_noise, generator_of, noise_by_place
from zoo.nvae.towers import BottomUp, TopDown


@dataclass
class Output:
    """What a forward pass gives, in nats.

    Attributes:
        logits: parameters of the pixels (batch, count, height, width), margin included.
        nll: -log p(x | z) (batch,), of the pixels inside the margin.
        kl: of each group (batch, groups), from the top; with flows its one-sample estimate.
        latents: the groups, from the top.
    """

    logits: Tensor
    nll: Tensor
    kl: Tensor
    latents: list[Latent]

    @property
    def nelbo(self) -> Tensor:
        """The negative evidence lower bound (batch,), `nll + kl`: no less than -log p(x)."""
        return self.nll + self.kl.sum(dim=1)

    @property
    def log_p(self) -> Tensor:
        """Log density of all latents under their priors (batch,)."""
        return torch.stack([latent.log_p for latent in self.latents]).sum(dim=0)

    @property
    def log_q(self) -> Tensor:
        """Log density of all latents under their posteriors (batch,)."""
        return torch.stack([latent.log_q for latent in self.latents]).sum(dim=0)


class Hierarchy(nn.Module):
    """A hierarchy of latents, from pictures and to pictures.

    Args:
        **arguments: the fields of `Architecture`.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.plan = plan = Architecture(**arguments)
        self.arguments = asdict(plan)
        build = CellBuilder(plan.norm, plan.squeeze, plan.cell_count)
        self.encoder = BottomUp(plan, build)
        self.decoder = TopDown(plan, build)
        self.to(memory_format=torch.channels_last)  # a depthwise convolution is twice as fast

    def forward(
        self,
        x: Tensor,
        noise: Sequence[Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> Output:
        """Return the parts of the evidence bound, from one draw of the posterior.

        Args:
            x: pictures (batch, channels, height, width) in [0, 1], of 0 and 1 for a net of black
                and white; the margin may be there already.
            noise: standard normal, one (batch, latents, height, width) a group, from the top;
                default drawn.
            generator: draws the noise; default torch's.

        Raises:
            ValueError: if the shape is not the net's.
        """
        self._require_shape(x)
        noise = noise or draw_noise(self.plan.latent_shapes, len(x), generator)
        logits, latents = self.decoder(len(x), from_posterior(noise, x.device), self.features(x))
        kl = torch.stack([latent.kl for latent in latents], dim=1)
        return Output(logits, self.nats(logits, x), kl, latents)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return what the encoder says of pictures to each group, from the top."""
        if tuple(x.shape[2:]) != self.plan.padded:
            x = F.pad(x, self.plan.sides)
        return self.encoder(2 * x - 1)

    def pixels(self, logits: Tensor) -> Pixels:
        """Return the distribution of the picture inside the margin, from `Output.logits`."""
        plan = self.plan
        return pixels(plan.likelihood, self._crop(logits), plan.channels, plan.bits, plan.scale)

    def nats(self, logits: Tensor, x: Tensor) -> Tensor:
        """Return -log p(x | z) (batch,) of pictures, with the margin or without."""
        cropped = self._crop(x) if tuple(x.shape[2:]) == self.plan.padded else x
        return self.pixels(logits).nats(cropped.float())

    def prepare(self, x: Tensor, seed: int = 0, places: Sequence[int] | None = None) -> Tensor:
        """Return pictures as the net sees them: drawn black and white, or rounded to its bits.

        Args:
            x: (batch, channels, height, width) in [0, 1].
            seed: of what is drawn; default 0.
            places: of the pictures in what they belong to; default 0, 1, 2, ...

        Raises:
            ValueError: if shape or values are not a picture's.
        """
        self._require_shape(x)
        require_range(x)
        if self.plan.likelihood == "bernoulli":
            places = places_of(x, places)
            u = [torch.rand(x.shape[1:], generator=generator_of(seed, p, 1)) for p in places]
            return (torch.stack(u).to(x.device) < x).float()
        if self.plan.likelihood == "mixture":
            return quantize(x, self.plan.bits)
        return x

    def bound(self, x: Tensor, seed: int = 0, places: Sequence[int] | None = None) -> Output:
        """Return what a forward pass gives, drawn by seed and places; arguments as `prepare`."""
        places = places_of(x, places)
        noise = noise_by_place(self.plan.latent_shapes, seed, places)
        return self(self.prepare(x, seed, places), noise)

    @torch.no_grad()
    def decode(self, z: Sequence[Tensor]) -> Tensor:
        """Return the pictures of latents, the means of their pixels, float in [0, 1].

        Args:
            z: one (batch, latents, height, width) a group, from the top.

        Raises:
            ValueError: if there is not one a group.
        """
        require_evaluation(self)
        self._require_groups(z)
        logits, _ = self.decoder(len(z[0]), given(z))
        return self.pixels(logits).mean()

    @torch.no_grad()
    def decode_white(self, white: Sequence[Tensor]) -> Tensor:
        """Return the pictures of latents in standard deviations of their priors."""
        logits, _ = self.decoder(white[0].shape[0], from_prior(white))  # len() stops an export
        return self.pixels(logits).mean()

    def means(self, features: Sequence[Tensor]) -> tuple[list[Tensor], list[Latent]]:
        """Return the means of the posteriors, moved by the flows, and all that lies beside."""
        zeros = [
            f.new_zeros(len(f), *s) for f, s in zip(features, self.plan.latent_shapes, strict=True)
        ]
        _, latents = self.decoder(
            len(features[0]), from_posterior(zeros, zeros[0].device), features
        )
        return [latent.z for latent in latents], latents

    def _crop(self, x: Tensor) -> Tensor:
        left, right, top, bottom = self.plan.sides
        height, width = x.shape[2:]
        return x[:, :, top : height - bottom, left : width - right]

    def _require_shape(self, x: Tensor) -> None:
        plan = self.plan
        if x.dim() != 4 or x.shape[1] != plan.channels:
            raise ValueError(
                f"pictures of shape {tuple(x.shape)}: expected (batch, {plan.channels}, "
                f"{plan.size[0]}, {plan.size[1]}), of {plan.channels} channels"
            )
        if tuple(x.shape[2:]) not in (tuple(plan.size), plan.padded):
            raise ValueError(
                f"pictures of {x.shape[2]} by {x.shape[3]}: expected {plan.size[0]} by "
                f"{plan.size[1]}; resize them, or train a net of their size"
            )

    def _require_groups(self, z: Sequence[Tensor]) -> None:
        expected = self.plan.latent_shapes
        if [tuple(part.shape[1:]) for part in z] != expected:
            raise ValueError(
                f"latents of shapes {[tuple(part.shape) for part in z]}: expected a batch of each "
                f"of {expected}, as `encode` gives them"
            )


def places_of(x: Tensor, places: Sequence[int] | None) -> Sequence[int]:
    """Return the places of pictures in what they belong to, by default 0, 1, 2, ...

    Raises:
        ValueError: if they are not as many as the pictures.
    """
    if places is None:
        return range(len(x))
    if len(places) != len(x):
        raise ValueError(f"{len(places)} places for {len(x)} pictures: expected one for each")
    return places


def quantize(x: Tensor, bits: int) -> Tensor:
    """Return pictures in [0, 1] of 256 values as ones of 2^bits, from the high bits."""
    steps = torch.div((x * 255).round(), 2 ** (8 - bits), rounding_mode="floor")
    return steps / (2**bits - 1)


def require_range(x: Tensor) -> None:
    """Refuse pictures that are not float in [0, 1].

    Raises:
        ValueError: if they are not.
    """
    if not x.is_floating_point():
        raise ValueError(f"pictures are {x.dtype}: expected float in [0, 1]; divide bytes by 255")
    if not x.numel():
        return
    low, high = x.min().item(), x.max().item()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"pictures reach from {low:.4g} to {high:.4g}: expected values in [0, 1]; divide "
            "bytes by 255"
        )
