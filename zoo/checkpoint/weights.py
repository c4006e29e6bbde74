"""The tensors of a network and those of a safetensors file: written, compared and read by name."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn


def write(path: Path, net: nn.Module) -> None:
    """Store a network's tensors, of tied ones the first; equal networks give equal bytes.

    safetensors.torch.save_model notes the ties in the header, in an order that changes, and
    save_file makes a file that only its owner may read.
    """
    kept: dict[Any, tuple[str, Tensor]] = {}
    for name, tensor in net.state_dict().items():
        kept.setdefault(_memory(tensor), (name, tensor.contiguous()))
    path.write_bytes(save(dict(kept.values()), metadata={"format": "pt"}))


def fill(net: nn.Module, path: Path, reset: Iterable[str] = (), *, mend: str) -> list[str]:
    """Give a network the tensors of a file, all but those of the layers that are to be new.

    Args:
        net: the network, changed in place.
        path: a safetensors file.
        reset: layers to leave as they are, by their full dotted names.
        mend: what to do if the tensors do not fit, for the error.

    Returns:
        The names of the network's tensors that were left as they are.

    Raises:
        ValueError: if the file is malformed, a tensor outside `reset` does not fit, or a name in
            `reset` matches nothing.
    """
    tensors = _read(path)
    own = net.state_dict()
    skipped = _covered(reset, own, tensors)
    wrong = {n: why for n, why in _differences(own, tensors).items() if n not in skipped}
    if wrong:
        raise ValueError(f"{path} does not fit the network: {_enumerate(wrong)}; {mend}")
    # strict would ask for every name of a tied tensor
    net.load_state_dict({n: t for n, t in tensors.items() if n not in skipped}, strict=False)
    return [n for n in own if n in skipped]


def _covered(
    layers: Iterable[str], own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]
) -> set[str]:
    """Return the names of all tensors, here or in the file, that belong to some layers."""
    covered: set[str] = set()
    for layer in layers:
        names = {n for n in {*own, *tensors} if f"{n}.".startswith(f"{layer}.")}
        if not names:
            known = ", ".join(dict.fromkeys(n.split(".")[0] for n in own))
            raise ValueError(f"no layer {layer!r} to reset: the network has {known}")
        covered |= names
    return covered


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {error}") from error


def _differences(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Say for each tensor that a network and a file do not share why not, by its name."""
    filled = {_memory(tensor) for name, tensor in own.items() if name in tensors}
    found = {name: "is not in the network" for name in tensors if name not in own}
    for name, tensor in own.items():
        if name not in tensors:
            if _memory(tensor) not in filled:
                found[name] = "is not in the file"
        elif tensors[name].shape != tensor.shape:
            theirs, ours = tuple(tensors[name].shape), tuple(tensor.shape)
            found[name] = f"is {theirs} in the file, {ours} in the network"
    return found


def _enumerate(differences: Mapping[str, str], most: int = 12) -> str:
    """Put differences on one line, the first `most` in full."""
    listed = [f"{name} {why}" for name, why in sorted(differences.items())]
    rest = [f"and {len(listed) - most} more"] if len(listed) > most else []
    return ", ".join(listed[:most] + rest)


def _memory(tensor: Tensor) -> tuple[Any, ...]:
    """Return what tied tensors have in common."""
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride()
