"""Modules as plain functions over their weights.

A call of an `nn.Module` looks for hooks, and each of its attributes is searched in three tables:
for a small network and one token this takes as long as the arithmetic. So a module that is exactly
what its class says becomes a function; any other is called as it is.
"""

from collections.abc import Callable
from types import MethodType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from zoo.decoding.cpu.linear import Activation, PackedLinear

HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def is_untouched(module: nn.Module) -> bool:
    """Return whether calling a module does what its class says: no hooks, no patched `forward`.

    Args:
        module: itself, not its children.
    """
    kind, everywhere = type(module), nn.modules.module
    hooked = any(getattr(module, name) or getattr(everywhere, f"_global{name}") for name in HOOKS)
    patched = "forward" in vars(module)
    # a class whose `forward` somebody has replaced from another package
    foreign = kind.forward.__module__.split(".")[0] != kind.__module__.split(".")[0]
    return not (hooked or patched or foreign)


def require_untouched(*modules: nn.Module) -> None:
    """Refuse hooks and new `forward`s on modules of which generation runs the parts alone.

    Args:
        modules: whose own `forward` is not called.

    Raises:
        ValueError: with the class of the first.
    """
    for module in modules:
        if not (is_untouched(module) and type(module).__module__.startswith("zoo.")):
            raise ValueError(
                f"{type(module).__name__} has a hook or a forward of its own, which generation, "
                "step by step, does not call: put it on a layer inside, or take it away"
            )


class Norm(NamedTuple):
    """A LayerNorm."""

    shape: list[int]
    weight: Tensor
    bias: Tensor
    eps: float

    @classmethod
    def of(cls, layer: nn.LayerNorm) -> "Norm":
        """Return the weights of a module."""
        return cls(list(layer.normalized_shape), layer.weight, layer.bias, layer.eps)

    def __call__(self, x: Tensor) -> Tensor:
        """Return float (..., channels), normalised."""
        return torch.layer_norm(x, self.shape, self.weight, self.bias, self.eps)


class Lean:
    """A module's functions over its own tensors and lean children, without dropout.

    What it computes is what the module computes in evaluation mode. The weights are shared, but
    packed ones do not follow later changes.

    Args:
        module: an untouched module whose `forward` needs no more of `nn.Module` than its
            attributes.
    """

    def __init__(self, module: nn.Module) -> None:
        own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        children = {name: child and lean(child) for name, child in module.named_children()}
        absent = {name: None for name, child in module._modules.items() if child is None}
        vars(self).update(own, **module._parameters, **module._buffers, **children, **absent)
        self.training = False
        self.kind = type(module)

    def __call__(self, *inputs: Any) -> Any:
        """Return what the module's `forward` returns."""
        return self.kind.forward(self, *inputs)

    def __getattr__(self, name: str) -> Any:
        """Return another method of the module's class, bound to this object."""
        return MethodType(getattr(self.kind, name), self)


def lean(module: Any) -> Any:
    """Return what computes the same as a module in evaluation mode, in less time.

    A module that has hooks or a patched `forward`, or whose class is neither torch's nor the
    zoo's, a subclass of `nn.Linear` for example, is returned as it is.

    Args:
        module: a network; a list of modules gives a list, a sequence a function.
    """
    kind = type(module)
    if not is_untouched(module):
        return module
    if kind is nn.Linear:
        return PackedLinear(module.weight, module.bias)
    if kind is nn.LayerNorm:
        return Norm.of(module)
    if kind in (nn.Dropout, nn.Identity):
        return identity
    if kind is nn.Sequential:
        return chain(lean_parts(list(module)))
    if kind is nn.ModuleList:
        return [lean(part) for part in module]
    known = kind.__module__.startswith(("torch.nn.modules.", "zoo."))
    return Lean(module) if known else module


def lean_parts(modules: list[Any]) -> list[Callable[[Tensor], Tensor]]:
    """Return the lean form of modules that follow each other; a linear layer takes its activation.

    Args:
        modules: of a sequence.
    """
    parts: list[Callable[[Tensor], Tensor]] = []
    for before, module in zip([None, *modules], modules, strict=False):
        activation = activation_of(module)
        if type(before) is nn.Linear and is_untouched(before) and activation:
            parts[-1] = PackedLinear(before.weight, before.bias, activation)
        else:
            parts.append(lean(module))
    return parts


def activation_of(module: nn.Module) -> Activation | None:
    """Return the name by which `PackedLinear` knows an activation; None if it knows it not."""
    if not is_untouched(module):
        return None
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
