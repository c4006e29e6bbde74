"""Low-rank adapters beside linear layers, which are merged into their weights in the end.

LoRA: Hu et al., arXiv 2106.09685.
"""

from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.layers.sizes import require_sizes

NAME = "low_rank"  # of the adapter within its layer


class LowRank(nn.Module):
    """The update B A of a weight W: the layer computes W x + (alpha / rank) B A x.

    B starts at zero, so that nothing changes at first (section 4.1).

    Args:
        layer: the linear layer, whose device and type it takes.
        rank: rows of A.
        alpha: strength of the update.
    """

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        weight = layer.weight
        self.down = nn.Parameter(weight.new_empty(rank, weight.shape[1]))
        self.up = nn.Parameter(weight.new_zeros(len(weight), rank))
        nn.init.normal_(self.down, std=weight.shape[1] ** -0.5)
        self.scale = alpha / rank

    def forward(self, layer: nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add the update to what the layer returns: a forward hook of it."""
        return output + self.scale * F.linear(F.linear(inputs[0], self.down), self.up)

    def update(self) -> Tensor:
        """Return (alpha / rank) B A, float (out, in)."""
        return self.scale * self.up @ self.down


def add_adapters(net: nn.Module, rank: int, alpha: float, layers: str = "*") -> list[str]:
    """Put an adapter beside each `nn.Linear` of a network whose name matches.

    Args:
        net: changed in place.
        rank: of the updates.
        alpha: of the updates.
        layers: glob on the names; default all. Subclasses of `nn.Linear`, whose weights others use
            without calling them, are left out.

    Returns:
        The names of the layers.

    Raises:
        ValueError: if no layer matches, or the rank is no whole number from 1.
    """
    require_sizes(rank=rank)
    found = {name: layer for name, layer in net.named_modules() if type(layer) is nn.Linear}
    matched = {name: layer for name, layer in found.items() if fnmatchcase(name, layers)}
    if not matched:
        raise ValueError(
            f"layers is {layers!r}: expected a pattern that matches an nn.Linear of "
            f"{type(net).__name__}; it has {', '.join(found) or 'none'}"
        )
    for layer in matched.values():
        adapter = LowRank(layer, rank, alpha)
        layer.register_module(NAME, adapter)
        layer.register_forward_hook(adapter)
    return [*matched]


@torch.no_grad()
def merge_adapters(net: nn.Module) -> None:
    """Add the updates of all adapters to the weights of their layers, and take them away."""
    for layer in [layer for layer in net.modules() if hasattr(layer, NAME)]:
        adapter = layer.get_submodule(NAME)
        assert isinstance(layer, nn.Linear)
        assert isinstance(adapter, LowRank)
        layer.weight += adapter.update()
        for key, hook in [*layer._forward_hooks.items()]:
            if hook is adapter:
                del layer._forward_hooks[key]
        delattr(layer, NAME)
