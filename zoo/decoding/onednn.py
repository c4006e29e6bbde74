"""Linear layers for inference on a CPU: oneDNN, with weights laid out once.

`torch.nn.functional.linear` multiplies float32 matrices with MKL, which leaves AVX-512 unused on
processors that are not Intel's, and lays out the weights anew in each call. oneDNN, which torch has
too, takes half the time on an AMD EPYC. bfloat16 goes there by itself.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

OPERATORS = ("_reorder_linear_weight", "_linear_pointwise")  # torch's own, and not public
SMALL = 1 << 20  # weights whose product with one row is not worth oneDNN's call


class PackedLinear:
    """A linear layer; packed for oneDNN if torch and the weight allow it.

    Args:
        weight: float (out, in).
        bias: float (out,).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight, bias
        self.packed = None
        if fits(weight):
            self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
        self.small = weight.numel() < SMALL

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W' + b, float (..., out), for float (..., in)."""
        if self.packed is None or (self.small and x.numel() == x.shape[-1]):
            return F.linear(x, self.weight, self.bias)
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")


def fits(weight: Tensor) -> bool:
    """Say whether a weight can be packed by this torch on its device."""
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, operator) for operator in OPERATORS)
    )
