"""Blocks of generators and critics: they double or halve the sides of a picture."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from zoo.layers.batch_norm import BatchNormOverProcesses

Norm = Literal["batch", "none"]

RESIDUAL = 0.1  # weight of a block's residual (Mescheder et al., arXiv 1801.04406, section 5.2)
SLOPE = 0.2  # of the critic's leaky ReLU (Radford et al., arXiv 1511.06434, section 3)


def normalised(channels: int, norm: Norm) -> list[nn.Module]:
    """Return the norm over some channels as a list of layers, empty for `none`."""
    return [BatchNormOverProcesses(channels)] if norm == "batch" else []


def up(inside: int, outside: int, norm: Norm) -> nn.Module:
    """Return a transposed convolution that doubles the sides."""
    # batch norm takes any bias before it away
    convolution = nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1, bias=norm == "none")
    return nn.Sequential(*normalised(inside, norm), nn.ReLU(), convolution)


def down(inside: int, outside: int, norm: Norm) -> nn.Module:
    """Return a strided convolution that halves the sides."""
    convolution = nn.Conv2d(inside, outside, 4, stride=2, padding=1, bias=norm == "none")
    return nn.Sequential(nn.LeakyReLU(SLOPE), convolution, *normalised(outside, norm))


def keep_variance(net: nn.Module) -> None:
    """Start each layer so that its output varies as its input does, for nets without norms.

    Variance 1 / fan in, no bias. torch's own start divides the deviation by sqrt(3) in each layer:
    samples of three residual blocks would all be grey.
    """
    for layer in net.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class ResidualUp(nn.Module):
    """Double the sides; two 3x3 convolutions beside a 1x1."""

    def __init__(self, inside: int, outside: int, norm: Norm) -> None:
        super().__init__()
        self.skip = nn.Conv2d(inside, outside, 1, bias=False)
        self.body = nn.Sequential(
            *normalised(inside, norm),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(inside, outside, 3, padding=1, bias=norm == "none"),
            *normalised(outside, norm),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(outside, outside, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outside, 2 height, 2 width) of (batch, inside, height, width)."""
        x = F.interpolate(x, scale_factor=2.0)
        return self.skip(x) + RESIDUAL * self.body(x)


class ResidualDown(nn.Module):
    """Two 3x3 convolutions beside a 1x1; halve the sides."""

    def __init__(self, inside: int, outside: int, norm: Norm) -> None:
        super().__init__()
        self.skip = nn.Conv2d(inside, outside, 1, bias=False)
        self.body = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(inside, inside, 3, padding=1, bias=norm == "none"),
            *normalised(inside, norm),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(inside, outside, 3, padding=1, bias=norm == "none"),
            *normalised(outside, norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outside, height / 2, width / 2) of (batch, inside, height, width)."""
        return F.avg_pool2d(self.skip(x) + RESIDUAL * self.body(x), 2)
