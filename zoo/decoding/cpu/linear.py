"""Linear layers for inference on a CPU, with weights laid out once.

`torch.nn.functional.linear` multiplies float32 matrices with MKL, which does not use AVX-512 on
processors of other makers than Intel, and lays out the weights anew in each call. oneDNN, which is
part of torch, takes half the time on an AMD EPYC, and applies an activation in the same pass. torch
itself uses it for bfloat16.

One row is another matter: each weight is read and used once, so only the reading counts. A
processor fetches ahead along a row of memory, and MKL's vector product reads the weights along
theirs, so the longer side of the matrix is laid out along memory.
"""

from functools import cached_property, partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

OPERATORS = ("_reorder_linear_weight", "_linear_pointwise")  # torch's own, and not public
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

    @cached_property
    def for_one_row(self) -> Tensor:
        """The weight, float (out, in), with its longer side along memory; made when first used."""
        weight = self.weight.detach()
        if len(weight) > weight.shape[1]:
            return weight.t().contiguous().t()
        return weight.contiguous()

    def __call__(self, x: Tensor) -> Tensor:
        """Return the activation of x W' + b, float (..., out), for float (..., in).

        Under autocast it is what `torch.nn.Linear` makes of it: the packed weights are float32.
        """
        if self.packed is None or torch.is_autocast_enabled("cpu"):
            return self.activate(F.linear(x, self.weight, self.bias))
        if x.numel() == x.shape[-1]:
            return self.activate(F.linear(x, self.for_one_row, self.bias))
        kind, form = self.words
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, kind, [], form)


def fits(weight: Tensor) -> bool:
    """Return whether this torch can pack a weight on its device."""
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, operator) for operator in OPERATORS)
    )
