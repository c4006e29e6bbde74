"""What a network takes and gives when it is exported: named tensors, and which sizes are free."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Signature:
    """A network's forward pass as torch.export and ONNX describe it.

    Attributes:
        net: what is exported, whose `forward` takes the inputs by their names.
        inputs: an example of each tensor, by its name; no tensor twice, torch.export would make
            the two one input.
        axes: of each input a name for each dimension of free size; the empty name is fixed. The
            same name is the same size.
        outputs: names of what it gives.
        longest: the largest size of an axis, by its name; default any.
    """

    net: nn.Module
    inputs: dict[str, Tensor]
    axes: dict[str, tuple[str, ...]]
    outputs: tuple[str, ...]
    longest: dict[str, int]
