"""Pictures of a run that makes pictures: a grid of samples at each validation and at the end."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from zoo.errors import require_whole
from zoo.layers.evaluation import in_evaluation


def draw_grid(pictures: Tensor, columns: int | None = None, scale: int = 2) -> bytes:
    """Draw pictures in rows, as the bytes of a PNG file.

    Args:
        pictures: float (n, channels, height, width) in [0, 1], of 1 or 3 channels.
        columns: pictures in a row; default about the square root of n.
        scale: pixels to a pixel's side; default 2.

    Raises:
        ValueError: if the shape is another, or there is no such number of columns.
    """
    from PIL import Image
    from torchvision.utils import make_grid

    if pictures.dim() != 4 or pictures.shape[1] not in (1, 3) or not len(pictures):
        raise ValueError(
            f"pictures have shape {tuple(pictures.shape)}: expected (n, 1 or 3, height, width)"
        )
    require_columns(columns)
    columns = columns or round(len(pictures) ** 0.5)
    grid = make_grid(pictures.detach().float().cpu().clamp(0, 1), columns, padding=1, pad_value=1)
    pixels = (grid * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(pixels)
    if pictures.shape[1] == 1:
        image = image.convert("L")
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def require_columns(columns: int | None) -> None:
    """Refuse a number of columns that no grid has; None is one of the grid's choice."""
    if columns is not None:
        require_whole("columns", columns)


class SampleGrid(Callback):
    """Draw a grid of samples after each validation, and one for the checkpoint folder.

    The network, the module's `net`, has `sample(n, *, seed, temperature, labels)`. The grids of a
    run lie in its folder, `samples/step=000100.png`. Under `EMA` they show the averaged network.

    Args:
        n: samples; default 64.
        columns: of the grid; default about the square root of n.
        seed: of the samples, always the same ones; default 0.
        temperature: of the samples; default 1.

    Example:
        >>> SampleGrid(n=16).n
        16
    """

    def __init__(
        self, n: int = 64, columns: int | None = None, seed: int = 0, temperature: float = 1.0
    ) -> None:
        if n < 1:
            raise ValueError(f"n is {n}: expected at least 1 sample")
        require_columns(columns)
        self.n, self.columns, self.seed, self.temperature = n, columns, seed, temperature

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the grid of the present step."""
        if trainer.state.fn != "fit" or trainer.sanity_checking or trainer.fast_dev_run:  # pyright: ignore[reportAttributeAccessIssue]
            return
        run = trainer.log_dir  # a broadcast, so all processes ask
        if not trainer.is_global_zero:
            return
        folder = Path(run or trainer.default_root_dir) / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        grid = self.draw(pl_module.net)
        (folder / f"step={trainer.global_step:06}.png").write_bytes(grid)

    def draw(self, net: Any) -> bytes:
        """Return the grid of a network as the bytes of a PNG file, the network left as it was."""
        with torch.no_grad(), in_evaluation(net):
            samples = net.sample(self.n, seed=self.seed, temperature=self.temperature)
        return draw_grid(samples, self.columns)

    def pictures(self, net: Any) -> dict[str, bytes]:
        """Return the pictures that a checkpoint folder of the network holds, by file name."""
        return {"samples.png": self.draw(net)}
