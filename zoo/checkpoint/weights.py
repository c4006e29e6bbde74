"""The tensors of a network and those of a safetensors file: written, compared and read by name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.modules import module as registrations
from torch.overrides import TorchFunctionMode

TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
FILLING = {Tensor.abs_, Tensor.mul_, Tensor.normal_, Tensor.uniform_}  # beside torch.nn.init
BESIDE = 64 << 20  # bytes that a network may need beside its weights, whatever their size


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
        ValueError: if the file is malformed, a tensor outside `reset` does not fit or is not
            finite, or a name in `reset` matches nothing.
    """
    tensors = _read(path)
    own = net.state_dict()
    skipped = _covered(reset, own, tensors)
    wrong = {n: why for n, why in _differences(own, tensors).items() if n not in skipped}
    _require_none(wrong, path, mend)
    for name, tensor in tensors.items():
        if name not in skipped and tensor.is_floating_point() and not all_finite(tensor):
            raise ValueError(f"{path}: {name} has values that are not finite; {mend}")
    # strict would ask for every name of a tied tensor
    net.load_state_dict({n: t for n, t in tensors.items() if n not in skipped}, strict=False)
    return [n for n in own if n in skipped]


def all_finite(tensor: Tensor) -> bool:
    """Return whether no value is infinite or NaN, ten times as fast as by `isfinite` of each."""
    return not tensor.numel() or bool(torch.stack(tensor.aminmax()).isfinite().all())


def differing(net: nn.Module, path: Path) -> list[str]:
    """Return the names of the tensors of a network that a file has not, or has in another shape."""
    return list(_differences(net.state_dict(keep_vars=True), _read_header(path)))


def require_fitting(build: Callable[[], nn.Module], path: Path, *, mend: str) -> nn.Module:
    """Compare a network with the header of a file before memory is taken for either.

    The network is built on the meta device, where tensors have shapes and no content; and no
    further than a network with so many tensors can be.

    Args:
        build: makes the network.
        path: a safetensors file.
        mend: as of `fill`.

    Returns:
        The network on the meta device.

    Raises:
        ValueError: if the file is malformed, or its tensors are not the network's in name, shape
            and type, or the network needs far more memory than they do.
    """
    tensors = _read_header(path)
    net = sketch(build, len(tensors), path)
    own = net.state_dict(keep_vars=True)
    _require_none(_differences(own, tensors), path, mend)
    beside = sum(b.nbytes for n, b in net.named_buffers() if n not in own)
    if beside > max(BESIDE, 4 * path.stat().st_size):
        raise ValueError(f"{path} does not fit the network, which needs {beside} bytes more")
    return net


def sketch(build: Callable[[], nn.Module], tensors: int, path: Path) -> nn.Module:
    """Build a network without memory: on the meta device, where tensors have no content.

    Args:
        build: makes the network.
        tensors: as many as its file has; it is built no further than such a network can be.
        path: the file, for the error.

    Raises:
        ValueError: if it has far more parts than the file has tensors.
    """
    with torch.device("meta"), _Unfilled(), _at_most(1000 + 30 * tensors, path):
        return build()


class _Unfilled(TorchFunctionMode):
    """Leave tensors as they are made: to fill one on the meta device, torch imports a compiler.

    That would take a second or two and 150 MB.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch, or return the tensor that it would fill."""
        if func in FILLING or getattr(func, "__module__", None) == "torch.nn.init":
            return [*args, *(kwargs or {}).values()][0]
        return func(*args, **(kwargs or {}))


@contextmanager
def _at_most(most: int, path: Path) -> Iterator[None]:
    """Stop a network from being built of more parameters, buffers and modules than that."""
    count = 0

    def counted(*_: Any) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise ValueError(f"it has over {most} parts, far more than {path.name} has tensors")

    hooks = [
        registrations.register_module_parameter_registration_hook(counted),
        registrations.register_module_buffer_registration_hook(counted),
        registrations.register_module_module_registration_hook(counted),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _require_none(wrong: Mapping[str, str], path: Path, mend: str) -> None:
    if wrong:
        raise ValueError(f"{path} does not fit the network: {_enumerate(wrong)}; {mend}")


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


def _read_header(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file without their content, on the meta device."""
    try:
        with safe_open(path, "pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {
                name: torch.empty(s.get_shape(), dtype=TYPES[s.get_dtype()], device="meta")
                for name, s in slices.items()
            }
    except KeyError as error:
        raise ValueError(f"{path} has tensors of type {error}: save them as float32") from error
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
        elif not _holds(tensor.dtype, tensors[name].dtype):
            found[name] = f"is {tensors[name].dtype} in the file, {tensor.dtype} in the network"
    return found


def _holds(own: torch.dtype, dtype: torch.dtype) -> bool:
    """Say whether tensors of a type hold those of another as they are: halves fit in a float32."""
    halves = (torch.float16, torch.bfloat16)
    return own == dtype or (own == torch.float32 and dtype in halves)


def _enumerate(differences: Mapping[str, str], most: int = 12) -> str:
    """Put differences on one line, the first `most` in full."""
    listed = [f"{name} {why}" for name, why in sorted(differences.items())]
    rest = [f"and {len(listed) - most} more"] if len(listed) > most else []
    return ", ".join(listed[:most] + rest)


def _memory(tensor: Tensor) -> tuple[Any, ...]:
    """Return what tied tensors have in common; on the meta device, which has no memory, all."""
    if tensor.is_meta:
        return (id(tensor),)
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride()
