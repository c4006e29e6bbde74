"""Volume-preserving autoregressive flows on the latents of a group (NVAE, section 3.2).

A latent moves by a function of the ones before it: rows from the top, in a row from the left, in
a pixel from the first channel. So the Jacobian is triangular with ones on its diagonal, and the
density of what moved is that of what it was. A flow is a pair of such steps; the second reads the
picture turned by 180 degrees, the channels still from the first.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nvae.cells import WeightNormConv2d

HIDDEN = 6  # hidden channels of a latent channel

Centre = Literal["earlier", "earlier or equal"]


def autoregressive_mask(
    shape: torch.Size, latents: int, groups: int, centre: Centre, turned: bool
) -> Tensor:
    """Return which weights of a convolution (outputs, inputs, size, size) may see a latent.

    Args:
        shape: of the filters.
        latents: channels of the latents; outputs and inputs are equal blocks of these.
        groups: of the convolution: its inputs are those of the output's own group.
        centre: which latents of its own pixel an output may see.
        turned: whether the picture is read from its last pixel to its first.
    """
    outputs, inputs, size, _ = shape
    order = torch.arange(size * size).view(1, 1, size, size)
    middle = size * size // 2
    seen = ((order > middle) if turned else (order < middle)).float().repeat(outputs, inputs, 1, 1)
    of_output = torch.arange(outputs) // (outputs // latents)
    of_input = torch.arange(inputs * groups) // (inputs * groups // latents)
    if groups > 1:  # depthwise: an output's only input is of its own latent
        own = torch.ones(outputs, inputs) if centre != "earlier" else torch.zeros(outputs, inputs)
    elif centre == "earlier":
        own = (of_input[None] < of_output[:, None]).float()
    else:
        own = (of_input[None] <= of_output[:, None]).float()
    seen[:, :, size // 2, size // 2] = own
    return seen


class AutoregressiveConv2d(WeightNormConv2d):
    """A convolution that sees earlier latents only; the norms are those of what is not masked.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        size: height and width of the filters.
        latents: channels of the latents.
        centre: which latents of its own pixel an output may see.
        turned: whether the picture is read from its last pixel to its first.
        groups: 1, or `inputs` for a depthwise convolution; default 1.
        bias: whether a bias is learned; default false.
        gain: factor on torch's initial filters; default 1.
    """

    mask: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        latents: int,
        centre: Centre,
        turned: bool,
        groups: int = 1,
        bias: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__(inputs, outputs, size, groups=groups, bias=bias, gain=gain)
        mask = autoregressive_mask(self.weight.shape, latents, groups, centre, turned)
        self.register_buffer("mask", mask, persistent=False)

    def directions(self) -> Tensor:
        """Return the filters with zeros where they must not look."""
        return self.weight * self.mask


class AutoregressiveStep(nn.Module):
    """One autoregressive step: `z - mean(z)`."""

    def __init__(self, latents: int, turned: bool) -> None:
        super().__init__()
        hidden = HIDDEN * latents
        order = {"latents": latents, "turned": turned}
        self.first = AutoregressiveConv2d(latents, hidden, 3, centre="earlier", **order)
        later = {"centre": "earlier or equal", **order}
        self.depthwise = AutoregressiveConv2d(hidden, hidden, 5, groups=hidden, **later)
        self.last = AutoregressiveConv2d(hidden, latents, 1, bias=True, gain=0.1, **later)

    def mean(self, z: Tensor) -> Tensor:
        """Return by how much each latent moves, given the ones before it."""
        hidden = F.elu(self.first(z))
        hidden = F.elu(F.elu(self.depthwise(hidden)))  # twice, as published
        return self.last(hidden)

    def forward(self, z: Tensor) -> Tensor:
        """Return the moved latents (batch, latents, height, width)."""
        return z - self.mean(z)

    def inverse(self, moved: Tensor) -> Tensor:
        """Return what `forward` moved.

        Each pass settles at least one more latent for good, most passes far more.
        """
        z = moved
        for _ in range(moved[0].numel()):
            z, before = moved + self.mean(z), z
            if torch.equal(z, before):
                break
        return z


class AutoregressiveFlow(nn.Module):
    """A pair of autoregressive steps, one each way.

    Args:
        latents: channels of the latents.
    """

    def __init__(self, latents: int) -> None:
        super().__init__()
        self.there = AutoregressiveStep(latents, turned=False)
        self.back = AutoregressiveStep(latents, turned=True)

    def forward(self, z: Tensor) -> Tensor:
        """Return the moved latents (batch, latents, height, width)."""
        return self.back(self.there(z))

    def inverse(self, moved: Tensor) -> Tensor:
        """Return what `forward` moved."""
        return self.there.inverse(self.back.inverse(moved))
