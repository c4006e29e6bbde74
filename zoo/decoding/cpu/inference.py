"""Modules without what makes a call of a module slow.

A call of an `nn.Module` looks for hooks, and each of its attributes is searched in three tables:
for a small network and one token this takes as long as the arithmetic.
"""

from collections.abc import Callable
from types import MethodType
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from zoo.decoding.cpu.linear import Activation, PackedLinear

Fast = TypeVar("Fast")

_prepared: WeakKeyDictionary[nn.Module, tuple[Any, Any]] = WeakKeyDictionary()


def prepared(module: nn.Module, prepare: Callable[[Any], Fast]) -> Fast:
    """Return `prepare(module)`, made anew only if the weights have changed.

    A tensor counts its changes, but not those by fused optimizers or through `data`: every 997th
    weight is looked at too.

    Args:
        module: any network; it is not kept alive.
        prepare: what is made of it, without a reference to it; the same at each call for a module.
    """
    weights = [p.detach() for p in module.parameters()]
    counts = [(p.data_ptr(), p.dtype, 0 if p.is_inference() else p._version) for p in weights]
    sums = torch.stack([p.flatten()[::997].sum(dtype=torch.float32) for p in weights])
    state = counts, sums.tolist()
    if module not in _prepared or _prepared[module][0] != state:
        _prepared[module] = state, prepare(module)
    return _prepared[module][1]


class Norm(NamedTuple):
    """A LayerNorm."""

    shape: list[int]
    weight: Tensor
    bias: Tensor
    eps: float

    @classmethod
    def of(cls, layer: nn.LayerNorm) -> "Norm":
        """Take the weights of a module."""
        return cls(list(layer.normalized_shape), layer.weight, layer.bias, layer.eps)

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise float (..., channels)."""
        return torch.layer_norm(x, self.shape, self.weight, self.bias, self.eps)


class Lean:
    """A module's functions over its own tensors and lean children; hooks and dropout are left out.

    What it computes is what the module computes in evaluation mode. The weights are shared, but
    packed ones do not follow later changes.

    Args:
        module: any module whose `forward` needs no more of `nn.Module` than its attributes.
    """

    def __init__(self, module: nn.Module) -> None:
        own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        children = {name: child and lean(child) for name, child in module.named_children()}
        absent = {name: None for name, child in module._modules.items() if child is None}
        vars(self).update(own, **module._parameters, **module._buffers, **children, **absent)
        self.training = False
        self.kind = type(module)

    def __call__(self, *inputs: Any) -> Any:
        """Do what the module does."""
        return self.kind.forward(self, *inputs)

    def __getattr__(self, name: str) -> Any:
        """Bind another method of the module's class."""
        return MethodType(getattr(self.kind, name), self)


def lean(module: nn.Module) -> Any:
    """Return what computes the same as a module in evaluation mode, with less ado.

    Args:
        module: a network; a list of modules gives a list, a sequence a function.
    """
    if isinstance(module, nn.Linear):
        return PackedLinear(module.weight, module.bias)
    if isinstance(module, nn.LayerNorm):
        return Norm.of(module)
    if isinstance(module, nn.Dropout | nn.Identity):
        return identity
    if isinstance(module, nn.Sequential):
        return chain(lean_parts(list(module)))
    if isinstance(module, nn.ModuleList):
        return [lean(part) for part in module]
    return Lean(module)


def lean_parts(modules: list[nn.Module]) -> list[Callable[[Tensor], Tensor]]:
    """Return the lean form of modules that follow each other; a linear layer takes its activation.

    Args:
        modules: of a sequence.
    """
    parts: list[Callable[[Tensor], Tensor]] = []
    for before, module in zip([None, *modules], modules, strict=False):
        activation = activation_of(module)
        if isinstance(before, nn.Linear) and activation:
            parts[-1] = PackedLinear(before.weight, before.bias, activation)
        else:
            parts.append(lean(module))
    return parts


def activation_of(module: nn.Module) -> Activation | None:
    """Return the name by which `PackedLinear` knows an activation; None if it is none of those."""
    if type(module) is nn.GELU:
        return "gelu_tanh" if module.approximate == "tanh" else "gelu"
    return "relu" if type(module) is nn.ReLU else None


def identity(x: Tensor) -> Tensor:
    """Return what is given."""
    return x


def chain(parts: list[Callable[[Tensor], Tensor]]) -> Callable[[Tensor], Tensor]:
    """Return the composition of some functions, the first one first."""

    def run(x: Tensor) -> Tensor:
        for part in parts:
            x = part(x)
        return x

    return run
