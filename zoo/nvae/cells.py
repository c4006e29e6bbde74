"""Convolutions with weight norm and the residual cells of both towers (NVAE, section 3.1)."""

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.layers.batch_norm import BatchNormOverProcesses

Norm = Literal["batch", "none"]
Resize = Literal["down", "keep", "up"]


class WeightNormConv2d(nn.Conv2d):
    """A convolution whose filters have learned norms: `exp(g) v / ||v||`, one g an output channel.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        size: height and width of the filters, odd; the padding keeps the picture's size.
        stride: step of the filters; default 1.
        groups: as in `torch.nn.Conv2d`; default 1.
        bias: whether a bias is learned; default true.
        gain: factor on the norms of torch's initial filters; default 1.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        stride: int = 1,
        groups: int = 1,
        bias: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__(inputs, outputs, size, stride, size // 2, groups=groups, bias=bias)
        self.log_norm = nn.Parameter(torch.empty(outputs, 1, 1, 1))
        if not self.weight.is_meta:  # where arithmetic would import torch's compiler
            with torch.no_grad():
                self.log_norm.copy_((gain * filter_norms(self.weight) + 1e-2).log())

    def directions(self) -> Tensor:
        """Return the filters (outputs, inputs / groups, size, size) whose norms do not matter."""
        return self.weight

    def filters(self) -> Tensor:
        """Return the filters (outputs, inputs / groups, size, size) that are applied."""
        v = self.directions()
        return self.log_norm.exp() * v / (filter_norms(v) + 1e-5)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002, torch's name
        """Return (batch, outputs, height / stride, width / stride)."""
        return self._conv_forward(input, self.filters(), self.bias)


class SqueezeExcite(nn.Module):
    """Weigh the channels by what the whole picture has of them (arXiv 1709.01507)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // 16, 4)
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)
        with torch.no_grad():  # of four hidden units none would be alive once in sixteen times
            self.squeeze.bias.abs_()

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, height, width), each channel times a number in (0, 1)."""
        hidden = F.relu(self.squeeze(x.mean(dim=(2, 3))))
        return x * self.excite(hidden).sigmoid()[:, :, None, None]


class HalvingSkip(nn.Module):
    """Halve height and width: four 1x1 convolutions, each of its own quarter of the pixels.

    A 1x1 convolution of stride 2 would do the same, but where processors have AVX2 and no AVX-512,
    torch 2.14's gradient of one with less than eight input channels overwrites foreign memory.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        quarters = [outputs // 4] * 3 + [outputs - 3 * (outputs // 4)]
        self.convs = nn.ModuleList(WeightNormConv2d(inputs, o, 1) for o in quarters)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, height / 2, width / 2)."""
        x = F.silu(x)
        corners = ((0, 0), (1, 1), (0, 1), (1, 0))
        parts = [x[:, :, row::2, column::2] for row, column in corners]
        return torch.cat([c(p) for c, p in zip(self.convs, parts, strict=True)], dim=1)


class DoublingSkip(nn.Module):
    """Double height and width: bilinear, corners upon corners, then a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = WeightNormConv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, 2 height, 2 width)."""
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        return self.conv(x)


class Cell(nn.Module):
    """A residual cell: `skip(x) + scale * SE(branch(x))`.

    Args:
        skip: of the input; the identity where the size stays.
        branch: the convolutions.
        squeeze: squeeze and excitation, or the identity.
        scale: of the branch: 0.1 with batch norm, which keeps the sum of many cells tame.
    """

    def __init__(
        self, skip: nn.Module, branch: nn.Module, squeeze: nn.Module, scale: float
    ) -> None:
        super().__init__()
        self.skip, self.branch, self.squeeze = skip, branch, squeeze
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels out, height out, width out)."""
        return torch.add(self.skip(x), self.squeeze(self.branch(x)), alpha=self.scale)


class CellBuilder:
    """Build the cells of one net, which share their options.

    Args:
        norm: `batch`, as in the paper, or `none`: convolutions with biases, the last of each
            branch divided by the root of the number of cells (VDVAE, arXiv 2011.10650, 3.2).
        squeeze: squeeze and excitation.
        count: cells in the net, for `none`.
    """

    def __init__(self, norm: Norm, squeeze: bool, count: int) -> None:
        self.norm, self.squeeze = norm, squeeze
        self.gain = count**-0.5 if norm == "none" else 1.0
        self.scale = 1.0 if norm == "none" else 0.1

    def encoder(self, inputs: int, resize: Resize = "keep") -> Cell:
        """Return a cell of the encoder: twice batch norm, Swish and a 3x3 convolution.

        A cell that goes `down` halves the size and doubles the channels.
        """
        outputs = 2 * inputs if resize == "down" else inputs
        stride = 2 if resize == "down" else 1
        branch = nn.Sequential(
            OrderedDict(
                norm0=self._norm(inputs),
                swish0=nn.SiLU(),
                conv0=WeightNormConv2d(inputs, outputs, 3, stride),
                norm1=self._norm(outputs),
                swish1=nn.SiLU(),
                conv1=WeightNormConv2d(outputs, outputs, 3, gain=self.gain),
            )
        )
        skip = HalvingSkip(inputs, outputs) if resize == "down" else nn.Identity()
        return self._cell(skip, branch, outputs)

    def decoder(self, inputs: int, expansion: int, resize: Resize = "keep") -> Cell:
        """Return a cell of the decoder: widen, a depthwise 5x5 convolution, narrow.

        A cell that goes `up` doubles the size and halves the channels.
        """
        outputs = inputs // 2 if resize == "up" else inputs
        hidden = expansion * inputs
        branch = nn.Sequential(
            OrderedDict(
                resize=nn.UpsamplingNearest2d(scale_factor=2) if resize == "up" else nn.Identity(),
                norm0=self._norm(inputs),
                widen=self._conv(inputs, hidden, 1),
                norm1=self._norm(hidden),
                swish1=nn.SiLU(),
                depthwise=self._conv(hidden, hidden, 5, groups=hidden),
                norm2=self._norm(hidden),
                swish2=nn.SiLU(),
                narrow=self._conv(hidden, outputs, 1, gain=self.gain),
                norm3=self._norm(outputs),
            )
        )
        skip = DoublingSkip(inputs, outputs) if resize == "up" else nn.Identity()
        return self._cell(skip, branch, outputs)

    def _cell(self, skip: nn.Module, branch: nn.Module, channels: int) -> Cell:
        squeeze = SqueezeExcite(channels) if self.squeeze else nn.Identity()
        return Cell(skip, branch, squeeze, self.scale)

    def _conv(
        self, inputs: int, outputs: int, size: int, groups: int = 1, gain: float = 1.0
    ) -> nn.Conv2d:
        bias = self.norm == "none"
        conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, groups=groups, bias=bias)
        with torch.no_grad():
            conv.weight.mul_(gain)
        return conv

    def _norm(self, channels: int) -> nn.Module:
        return nn.Identity() if self.norm == "none" else batch_norm(channels)


def filter_norms(weight: Tensor) -> Tensor:
    """Return the Euclidean norm of each filter (outputs, 1, 1, 1)."""
    return torch.linalg.vector_norm(weight, dim=(1, 2, 3), keepdim=True)


def batch_norm(channels: int) -> BatchNormOverProcesses:
    """Return batch norm as all of NVAE has it."""
    return BatchNormOverProcesses(channels, eps=1e-5, momentum=0.05)
