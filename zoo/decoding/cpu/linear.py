"""Linear layers for inference on a CPU: oneDNN, with weights laid out once.

`torch.nn.functional.linear` multiplies float32 matrices with MKL, which leaves AVX-512 unused on
processors that are not Intel's, and lays out the weights anew in each call. oneDNN, which torch has
too, takes half the time on an AMD EPYC, with one row too where the weights are not in the cache. It
applies an activation to what it has at hand. bfloat16 goes there by itself.
"""

from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

OPERATORS = ("_reorder_linear_weight", "_linear_pointwise")  # torch's own, and not public
SMALL = 1 << 17  # weights whose product with one row is not worth oneDNN's call
Activation = Literal["none", "relu", "gelu", "gelu_tanh"]
ACTIVATIONS = {  # the function, and oneDNN's words for it
    "none": (lambda x: x, "none", ""),
    "relu": (F.relu, "relu", ""),
    "gelu": (F.gelu, "gelu", "none"),
    "gelu_tanh": (partial(F.gelu, approximate="tanh"), "gelu", "tanh"),
}


class PackedLinear:
    """A linear layer and an activation; packed for oneDNN if torch and the weight allow it.

    Args:
        weight: float (out, in).
        bias: float (out,).
        activation: of the outputs; default none.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, activation: Activation = "none"
    ) -> None:
        self.weight, self.bias = weight, bias
        self.activate, *self.words = ACTIVATIONS[activation]
        self.packed = None
        if fits(weight):
            self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
        self.small = weight.numel() < SMALL

    def __call__(self, x: Tensor) -> Tensor:
        """Return the activation of x W' + b, float (..., out), for float (..., in).

        Under autocast it is what `torch.nn.Linear` makes of it: the packed weights are float32.
        """
        one_row = x.numel() == x.shape[-1]
        if self.packed is None or (self.small and one_row) or torch.is_autocast_enabled("cpu"):
            return self.activate(F.linear(x, self.weight, self.bias))
        kind, form = self.words
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, kind, [], form)


def fits(weight: Tensor) -> bool:
    """Say whether a weight can be packed by this torch on its device."""
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, operator) for operator in OPERATORS)
    )
