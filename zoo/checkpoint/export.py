"""Networks written for runtimes that know no zoo: torch.export's archive, or ONNX."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from zoo.errors import one_line
from zoo.files import expand_home, replacing
from zoo.layers.evaluation import in_evaluation
from zoo.layers.signature import Signature

Format = Literal["torch", "onnx"]
SUFFIXES = {".pt2": "torch", ".onnx": "onnx"}


def export(net: nn.Module, path: str | Path, format: Format | None = None) -> Signature:  # noqa: A002
    """Write a network to a file, for any number of inputs of any length.

    Args:
        net: a loaded network that has a `signature`.
        path: the file.
        format: `torch` (`torch.export.load` opens it) or `onnx`; default by the file's name,
            `.pt2` or `.onnx`.

    Returns:
        What the file takes and gives.

    Raises:
        FileNotFoundError: if there is no folder for the file.
        ValueError: if the format is unknown or not that of the file's name, ONNX is not installed,
            or the network has no signature or does not export.
    """
    path = expand_home(path)
    named = SUFFIXES.get(path.suffix)
    kind = format or named
    if kind not in get_args(Format):
        raise ValueError(
            f"format is {kind or path.name!r}: expected torch or onnx, or a file .pt2 or .onnx"
        )
    if named not in (kind, None):
        raise ValueError(f"format is {kind} and the file {path.name}: leave one of them out")
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"no folder for {path}: make it, or give another -o")
    if kind == "onnx":
        _require_onnx()
    described = signature(net)
    with _quiet():
        program = trace(described)
        with replacing(path) as partial:
            if kind == "torch":
                with partial.open("wb") as file:
                    torch.export.save(program, file)  # pyright: ignore[reportArgumentType]
            else:
                _write_onnx(program, described, partial)
    return described


def signature(net: Any) -> Signature:
    """Return what a network takes and gives when it is exported.

    Raises:
        ValueError: if it does not say.
    """
    if not hasattr(net, "signature"):
        raise ValueError(f"{type(net).__name__} cannot be exported: it has no signature")
    return net.signature()


def trace(described: Signature) -> ExportedProgram:
    """Record a network's forward pass as a graph that does not depend on the sizes of its axes.

    It is recorded in evaluation mode, and the network left in its own.

    Raises:
        ValueError: if it cannot be recorded so.
    """
    names = {name for axes in described.axes.values() for name in axes if name}
    free = {name: Dim(name, max=described.longest.get(name)) for name in names}
    shapes = {
        key: {place: free[name] for place, name in enumerate(axes) if name}
        for key, axes in described.axes.items()
    }
    try:
        with in_evaluation(described.net):
            return torch.export.export(described.net, (), described.inputs, dynamic_shapes=shapes)
    except Exception as error:
        name = type(described.net).__name__
        raise ValueError(f"{name} does not export: {one_line(error)}") from error


def _write_onnx(program: ExportedProgram, described: Signature, path: Path) -> None:
    """Write a recorded network as one ONNX file."""
    written = torch.onnx.export(
        program,
        input_names=list(described.inputs),
        output_names=list(described.outputs),
        dynamo=True,
        verbose=False,
    )
    assert written is not None
    written.save(path, external_data=False)


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"{error.name} is not installed: pip install 'kexue-zoo[onnx]', or --format torch"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from telling how it exports."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
