"""Models for runtimes that know no zoo."""

from typing import Literal

from zoo import checkpoint, hub


def export(
    model: str,
    *,
    output: str = "model.pt2",
    format: Literal["torch", "onnx"] | None = None,  # noqa: A002
) -> None:
    """Write a model for other runtimes: a torch.export archive (.pt2) or an ONNX file (.onnx).

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        output: the file.
        format: torch or onnx; default by the name of the file.
    """
    described = checkpoint.export(hub.load(model), output, format)
    for name, tensor in described.inputs.items():
        axes = described.axes[name]
        sizes = [axis or str(n) for axis, n in zip(axes, tensor.shape, strict=False)]
        sizes += map(str, tensor.shape[len(axes) :])
        print(f"{name}\t{str(tensor.dtype).removeprefix('torch.')} ({', '.join(sizes)})")
    print(output)
