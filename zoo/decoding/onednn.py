"""Linear layers for inference on a CPU: oneDNN, with weights laid out once.

`torch.nn.functional.linear` multiplies float32 matrices with MKL, which leaves AVX-512 unused on
processors that are not Intel's, and lays out the weights anew in each call. oneDNN, which torch has
too, takes half the time on an AMD EPYC. bfloat16 goes there by itself.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMALL = 1 << 20  # weights whose product with one row is not worth the call


class PackedLinear(nn.Module):
    """The same function as a linear layer, in evaluation; packed if torch and the weight allow it.

    Args:
        weight: float (out, in).
        bias: float (out,).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self.packed = None
        if fits(weight):
            self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Return x W' + b, float (..., out), for float (..., in)."""
        one_row = x.numel() == x.shape[-1]
        if self.packed is None or (one_row and self.weight.numel() < SMALL):
            return F.linear(x, self.weight, self.bias)
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")


def fits(weight: Tensor) -> bool:
    """Say whether a weight can be packed by this torch on its device."""
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def for_inference(module: nn.Module) -> nn.Module:
    """Return a copy that computes the same in evaluation mode, faster, and shares the weights.

    Args:
        module: any module; its `nn.Linear` layers are packed, its `nn.Dropout` layers left out.
    """
    if type(module) is nn.Linear:
        return PackedLinear(module.weight, module.bias)
    if type(module) is nn.Dropout:
        return nn.Identity()
    lean = copy.copy(module)  # its dict of parameters is the module's own
    lean.training = False
    lean._modules = {
        name: child and for_inference(child) for name, child in module._modules.items()
    }
    return lean
