"""Models for runtimes that know no zoo."""

from typing import Literal

from zoo import checkpoint, hub


def export(
    model: str,
    *,
    output: str | None = None,
    format: Literal["torch", "onnx"] | None = None,  # noqa: A002
) -> None:
    """Write a model for other runtimes: a torch.export archive (.pt2) or an ONNX file (.onnx).

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        output: the file; default model.pt2, or model.onnx with `--format onnx`.
        format: torch or onnx; default by the name of the file.
    """
    output = output or f"model{'.onnx' if format == 'onnx' else '.pt2'}"
    described = checkpoint.export(hub.load(model), output, format)
    for name, tensor in described.inputs.items():
        axes = described.axes[name]
        sizes = [axis or str(n) for axis, n in zip(axes, tensor.shape, strict=False)]
        sizes += map(str, tensor.shape[len(axes) :])
        print(f"{name}\t{str(tensor.dtype).removeprefix('torch.')} ({', '.join(sizes)})")
    print(output)
