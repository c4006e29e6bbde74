"""Generators and critics for pictures of any height and width, of one channel or three."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.gan.blocks import (
    SLOPE,
    Norm,
    ResidualDown,
    ResidualUp,
    down,
    keep_variance,
    normalised,
    up,
)
from zoo.layers.arguments import built_with
from zoo.layers.evaluation import require_evaluation
from zoo.layers.signature import Signature
from zoo.layers.sizes import require_shape, require_sizes

Kind = Literal["dcgan", "resnet"]

AT_ONCE = 256  # samples that `Gan.sample` makes in a pass
CLASS_SPREAD = 0.1  # of the generator's classes at first; at 1 they drown z: one picture a class


class Generator(nn.Module):
    """Make pictures of noise: a linear layer to a small grid, then blocks that double its sides.

    Args:
        shape: channels, height and width of a picture; the grid is cut to it at the end.
        latent: length of the noise of a picture; default 64.
        base: channels at full size, doubled with each block below; default 16.
        blocks: how often the sides double; default 2.
        kind: `dcgan`, transposed convolutions, or `resnet`, residual blocks; default `dcgan`.
        norm: `batch` or `none`; default `batch`.
        classes: given together with the noise; default 0, none.
    """

    def __init__(
        self,
        shape: list[int],
        latent: int = 64,
        base: int = 16,
        blocks: int = 2,
        kind: Kind = "dcgan",
        norm: Norm = "batch",
        classes: int = 0,
    ) -> None:
        super().__init__()
        channels, self.height, self.width = require_halvable(shape, blocks)
        require_sizes(latent=latent, base=base)
        require_sizes(0, classes=classes)
        self.latent, self.widest = latent, base * 2**blocks
        self.grid = [-(-side // 2**blocks) for side in (self.height, self.width)]
        self.classes = nn.Embedding(classes, latent) if classes else None
        if self.classes is not None:
            nn.init.normal_(self.classes.weight, std=CLASS_SPREAD)
        inputs = 2 * latent if classes else latent
        self.start = nn.Linear(inputs, self.widest * self.grid[0] * self.grid[1])
        block = up if kind == "dcgan" else ResidualUp
        widths = [base * 2**k for k in range(blocks, -1, -1)]
        pairs = pairwise(widths)
        self.blocks = nn.Sequential(*(block(a, b, norm) for a, b in pairs))
        self.end = nn.Sequential(
            *normalised(base, norm), nn.ReLU(), nn.Conv2d(base, channels, 3, padding=1)
        )
        if kind == "resnet" and norm == "none":
            keep_variance(self)
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Make pictures.

        Args:
            z: float (batch, latent), standard normal.
            labels: int64 (batch,), where there are classes.

        Returns:
            float (batch, channels, height, width) in [-1, 1].
        """
        if self.classes is not None:
            z = torch.cat([z, self.classes(labels)], 1)
        x = self.start(z).view(-1, self.widest, *self.grid)  # (batch, widest, grid)
        x = self.end(self.blocks(x))
        top, left = (x.shape[2] - self.height) // 2, (x.shape[3] - self.width) // 2
        return torch.tanh(x[:, :, top : top + self.height, left : left + self.width])


class Critic(nn.Module):
    """Score how real pictures look: blocks that halve the sides, and a linear layer.

    Its last layer has no bias: the relativistic losses see differences alone. Of classes it knows
    by projection, phi(x) . (w + e(y)) (Miyato and Koyama, arXiv 1802.05637, equation 3), e = 0 at
    first unless `Gan` normalises it (`spectral`).

    Args:
        shape: channels, height and width of a picture.
        base: channels at full size, doubled with each block; default 16.
        blocks: how often the sides halve; default 2.
        kind: `dcgan`, strided convolutions, or `resnet`, residual blocks; default `dcgan`.
        norm: `batch` or `none`; default `none`, for penalties and batch norm do not go together.
        classes: of the pictures; default 0, none.
    """

    def __init__(
        self,
        shape: list[int],
        base: int = 16,
        blocks: int = 2,
        kind: Kind = "dcgan",
        norm: Norm = "none",
        classes: int = 0,
    ) -> None:
        super().__init__()
        channels, height, width = require_halvable(shape, blocks)
        require_sizes(base=base)
        require_sizes(0, classes=classes)
        block = down if kind == "dcgan" else ResidualDown
        widths = [base * 2**k for k in range(blocks + 1)]
        pairs = pairwise(widths)
        self.start = nn.Conv2d(channels, base, 3, padding=1)
        self.blocks = nn.Sequential(*(block(a, b, norm) for a, b in pairs))
        features = widths[-1] * (height >> blocks) * (width >> blocks)
        self.end = nn.Linear(features, 1, bias=False)
        if kind == "resnet" and norm == "none":
            keep_variance(self)
        self.classes = nn.Embedding(classes, features) if classes else None
        if self.classes is not None:
            nn.init.zeros_(self.classes.weight)
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits, float (batch,), higher for what looks real.

        Args:
            pictures: float (batch, channels, height, width) in [-1, 1].
            labels: int64 (batch,), where there are classes.
        """
        x = self.blocks(self.start(pictures))
        x = F.leaky_relu(x, SLOPE).flatten(1)  # (batch, features)
        logits = self.end(x).squeeze(1)
        if self.classes is not None:
            logits = logits + (x * self.classes(labels)).sum(1)
        return logits


class Gan(nn.Module):
    """A generator and its critic, as a checkpoint holds them.

    Args:
        shape: channels, height and width of a picture.
        classes: number of classes; default 1.
        conditional: whether both nets are told the class; default false.
        latent: length of the noise of a picture; default 64.
        base: channels at full size of both nets; default 16.
        blocks: how often the nets double and halve the sides; default 2.
        kind: of both nets, `dcgan` or `resnet`; default `dcgan`.
        generator_norm: `batch` or `none`; default `batch`.
        critic_norm: `batch` or `none`; default `none`.
        spectral: whether the critic's layers are spectrally normalised; default false.

    Attributes:
        arguments: all of these, as a dict.

    Raises:
        ValueError: if the shape is not of 1 or 3 channels and of sides that the blocks can halve,
            or a size is no whole number or too small.

    Example:
        >>> net = Gan([1, 28, 28]).eval()
        >>> net.sample(3, seed=0).shape
        torch.Size([3, 1, 28, 28])
    """

    preprocess: Callable[[Any], Tensor]
    labels: list[str]

    def __init__(
        self,
        shape: list[int],
        classes: int = 1,
        conditional: bool = False,
        latent: int = 64,
        base: int = 16,
        blocks: int = 2,
        kind: Kind = "dcgan",
        generator_norm: Norm = "batch",
        critic_norm: Norm = "none",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        self.arguments = built_with(locals())
        self.count = classes if conditional else 0
        self.generator = Generator(shape, latent, base, blocks, kind, generator_norm, self.count)
        self.critic = Critic(shape, base, blocks, kind, critic_norm, self.count)
        if spectral:
            from zoo.gan.terms import SpectralNorm

            if self.critic.classes is not None:
                nn.init.normal_(self.critic.classes.weight)  # zeros over their norm are NaN
            SpectralNorm().prepare(self.critic)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Make pictures, as `Generator.forward`."""
        return self.generator(z, labels)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        temperature: float = 1.0,
        labels: Sequence[int | str] | Tensor | None = None,
    ) -> Tensor:
        """Make pictures.

        Args:
            n: how many.
            seed: the same for the same pictures; default another each time.
            temperature: multiplies the noise; default 1.
            labels: the classes, one for each picture, by number or by name; default in turn, where
                there are classes.

        Returns:
            float (n, channels, height, width) in [0, 1].

        Raises:
            ValueError: in training mode; if a number is out of range, or labels are given to a net
                without classes.
        """
        require_evaluation(self)
        if n < 1 or temperature < 0:
            raise ValueError(
                f"n is {n} and temperature {temperature}: expected at least 1 and at least 0"
            )
        random = torch.Generator()
        random.seed() if seed is None else random.manual_seed(seed)
        noise = temperature * torch.randn(n, self.generator.latent, generator=random)
        chosen = self._chosen(n, labels)
        like = self.generator.start.weight
        make = FromNoise(self.generator)
        made = [
            make(
                noise[at : at + AT_ONCE].to(like),
                None if chosen is None else chosen[at : at + AT_ONCE].to(like.device),
            )
            for at in range(0, n, AT_ONCE)
        ]
        return torch.cat(made)

    def signature(self) -> Signature:
        """Return what it takes and gives when it is exported: those of `FromNoise`."""
        inputs = {"z": torch.zeros(2, self.generator.latent)}
        if self.count:
            inputs["labels"] = torch.zeros(2, dtype=torch.int64)
        axes: dict[str, tuple[str, ...]] = dict.fromkeys(inputs, ("batch",))
        return Signature(FromNoise(self.generator), inputs, axes, outputs=("pictures",), longest={})

    def _chosen(self, n: int, labels: Sequence[int | str] | Tensor | None) -> Tensor | None:
        if labels is None:
            return torch.arange(n) % self.count if self.count else None
        if not self.count:
            raise ValueError(
                "labels are given: expected none, since this net knows no classes; leave them out"
            )
        if not isinstance(labels, Tensor):
            labels = [self._number(label) for label in labels]
        chosen = torch.as_tensor(labels)
        if len(chosen) != n:
            raise ValueError(
                f"labels has {len(chosen)} numbers: expected {n}, one for each picture"
            )
        if chosen.min() < 0 or chosen.max() >= self.count:
            raise ValueError(
                f"labels has {len(chosen)} numbers from {int(chosen.min())} to "
                f"{int(chosen.max())}: expected {n} numbers from 0 to {self.count - 1}"
            )
        return chosen

    def _number(self, label: int | str) -> int:
        if not isinstance(label, str):
            return label
        known = getattr(self, "labels", [])
        if label not in known:
            raise ValueError(
                f"no label {label!r}: expected some of {', '.join(known) or 'numbers'}"
            )
        return known.index(label)


class FromNoise(nn.Module):
    """A generator whose pictures are in [0, 1]: what is exported, for the noise is the caller's.

    Args:
        generator: the generator.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Make pictures in [0, 1], float (batch, channels, height, width); see `Generator`."""
        return (self.generator(z, labels) + 1) / 2


def require_halvable(shape: list[int], blocks: int) -> list[int]:
    """Return the channels, height and width of a picture that the nets can take.

    Raises:
        ValueError: if it has not 1 or 3 channels, or a side too short to be halved `blocks` times.
    """
    require_shape(shape)
    require_sizes(blocks=blocks)
    side = min(shape[1:])
    least = 2 ** min(blocks, side.bit_length())  # of 2 to any number the memory is not enough
    if shape[0] not in (1, 3) or side < least:
        raise ValueError(
            f"shape is {shape} with {blocks} blocks: expected 1 or 3 channels and sides of at "
            f"least {least} pixels; give larger pictures or fewer blocks"
        )
    return shape
