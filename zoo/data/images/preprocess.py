"""What turns pictures into a network's tensors; travels with a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.data.images.decode import open_picture
from zoo.errors import require_whole

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class PicturePreprocess:
    """Bring pictures to one size, number of channels and range.

    A picture of another size is scaled until it covers the size and cut to its middle.

    Attributes:
        height: pixels, without padding.
        width: pixels, without padding.
        channels: 1 (grey) or 3 (red, green, blue).
        padding: pixels of `low` that are added on each of the four sides; default 0.
        low: the value of black; default 0.
        high: the value of white; default 1.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> preprocess = PicturePreprocess(height=28, width=28, channels=1, padding=2)
        >>> preprocess([torch.zeros(3, 50, 40)]).shape
        torch.Size([1, 1, 32, 32])
    """

    height: int
    width: int
    channels: int
    padding: int = 0
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        require_whole("height", self.height)
        require_whole("width", self.width)
        require_whole("padding", self.padding, 0)
        if self.channels not in (1, 3):
            raise ValueError(f"channels is {self.channels}: expected 1 (grey) or 3 (colour)")
        if not (-math.inf < self.low < self.high < math.inf):
            raise ValueError(f"low {self.low} and high {self.high}: expected low below high")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the tensors, padding included."""
        return self.channels, self.height + 2 * self.padding, self.width + 2 * self.padding

    def __call__(self, pictures: Tensor | Sequence[Any]) -> Tensor:
        """Return float (n, channels, height, width), in [low, high], padding included.

        Args:
            pictures: Pillow images, paths, or arrays and tensors (channels, height, width), uint8
                or float in [0, 1]; or one tensor of many, (n, channels, height, width).

        Raises:
            ValueError: naming the picture that cannot be read.
            OSError: if a file cannot be read.
        """
        if isinstance(pictures, Tensor) and self._fits(pictures):
            if pictures.dtype != torch.uint8:
                for place, picture in enumerate(pictures):
                    _require_unit(picture, place)
            return self._scaled(pictures)
        if not len(pictures):
            return torch.empty(0, *self.shape)
        return self._scaled(torch.stack([self._fitted(p, i) for i, p in enumerate(pictures)]))

    def _fits(self, pictures: Tensor) -> bool:
        return pictures.dim() == 4 and pictures.shape[1:] == (
            self.channels,
            self.height,
            self.width,
        )

    def _scaled(self, pixels: Tensor) -> Tensor:
        """From uint8, or float in [0, 1], to the range; pad."""
        unit = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()
        values = self.low + (self.high - self.low) * unit
        return F.pad(values, [self.padding] * 4, value=self.low)

    def _fitted(self, picture: Any, place: int) -> Tensor:
        """Return one picture as uint8 (channels, height, width)."""
        from PIL import Image, ImageOps

        image = _as_image(picture, place)
        image = image.convert("L" if self.channels == 1 else "RGB")
        if image.size != (self.width, self.height):
            resample = Image.Resampling.LANCZOS
            image = ImageOps.fit(image, (self.width, self.height), resample)
        pixels = np.array(image).reshape(self.height, self.width, self.channels)
        return torch.from_numpy(pixels).permute(2, 0, 1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> PicturePreprocess:
        """Rebuild what `to_dict` described."""
        return cls(**state)


def _as_image(picture: Any, place: int) -> Image:
    from PIL import Image

    from zoo.data.images.decode import to_eight_bits

    if isinstance(picture, str | Path):
        try:
            return open_picture(picture)
        except ValueError as error:
            raise ValueError(f"{picture}: {error}") from error
    if isinstance(picture, Image.Image):
        return to_eight_bits(picture)
    if isinstance(picture, Tensor):
        picture = picture.detach().cpu()
        picture = picture.float() if picture.is_floating_point() else picture
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[0] not in (1, 3):
        raise ValueError(
            f"picture {place} has shape {array.shape}: expected (1 or 3, height, width), a Pillow "
            "image or a path"
        )
    if array.dtype != np.uint8:
        _require_unit(array, place)
        array = (array * 255).round().astype(np.uint8)
    return Image.fromarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0).copy())


def _require_unit(picture: Tensor | np.ndarray, place: int) -> None:
    """Refuse values that are no floats in [0, 1]; NaN is none."""
    kind = str(picture.dtype).removeprefix("torch.")
    if not ("float" in kind and ((picture >= 0) & (picture <= 1)).all()):
        raise ValueError(f"picture {place} has {kind} values: expected uint8, or floats in [0, 1]")
