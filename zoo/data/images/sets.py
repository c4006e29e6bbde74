"""Sets of pictures: arrays in memory, files, packed JPEG files, and digits stacked in colours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zoo.data.images.decode import open_picture
from zoo.data.images.preprocess import PicturePreprocess

if TYPE_CHECKING:
    from PIL.Image import Image


class PictureSet(ABC):
    """Pictures with a label each.

    Attributes:
        labels: int64 (n,); zeros where the pictures have no classes.
    """

    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def pick(self, places: np.ndarray) -> PictureSet:
        """Return the set of some of the pictures, in this order."""

    @abstractmethod
    def fetch(self, places: list[int], preprocess: PicturePreprocess) -> Tensor:
        """Return pictures as the preprocessing makes them, float (n, channels, height, width)."""

    @abstractmethod
    def sizes(self) -> set[tuple[int, int, int]]:
        """Return the channels, heights and widths that occur."""


class ArrayPictures(PictureSet):
    """Pictures of one size, in memory.

    Args:
        pixels: uint8 (n, channels, height, width).
        labels: int64 (n,).
    """

    def __init__(self, pixels: Tensor, labels: Tensor) -> None:
        if len(pixels) != len(labels):
            raise ValueError(f"{len(pixels)} pictures and {len(labels)} labels: expected one each")
        self.pixels, self.labels = pixels, labels

    def pick(self, places: np.ndarray) -> ArrayPictures:
        """See `PictureSet.pick`."""
        return ArrayPictures(self.pixels[places], self.labels[places])

    def fetch(self, places: list[int], preprocess: PicturePreprocess) -> Tensor:
        """See `PictureSet.fetch`."""
        return preprocess(self.pixels[places])

    def sizes(self) -> set[tuple[int, int, int]]:
        """See `PictureSet.sizes`."""
        _, channels, height, width = self.pixels.shape
        return {(channels, height, width)}


class EncodedPictures(PictureSet):
    """Pictures that are decoded when they are fetched: files, or bytes of files.

    Args:
        sources: a path or bytes each; only `check` looks into them before they are fetched.
        labels: int64 (n,).
    """

    def __init__(self, sources: Sequence[Path | bytes], labels: Tensor) -> None:
        self.sources, self.labels = sources, labels
        self._sizes: dict[int, tuple[int, int, int]] = {}

    def pick(self, places: np.ndarray) -> EncodedPictures:
        """See `PictureSet.pick`."""
        chosen = EncodedPictures([self.sources[i] for i in places], self.labels[places])
        chosen._sizes = {n: self._sizes[i] for n, i in enumerate(places) if i in self._sizes}
        return chosen

    def fetch(self, places: list[int], preprocess: PicturePreprocess) -> Tensor:
        """See `PictureSet.fetch`."""
        return preprocess([self._open(place) for place in places])

    def sizes(self) -> set[tuple[int, int, int]]:
        """See `PictureSet.sizes`; of the pictures that `check` found good."""
        return set(self._sizes.values())

    def check(self) -> dict[int, str]:
        """Decode every picture; return what is wrong with the bad ones, by place."""
        from rich.progress import track

        wrong = {}
        for place in track(range(len(self)), "reading pictures", transient=True):
            try:
                picture = self._open(place)
            except ValueError as error:  # noqa: PERF203
                wrong[place] = str(error)
            else:
                channels = 1 if picture.mode == "L" else 3
                self._sizes[place] = (channels, picture.height, picture.width)
        return wrong

    def name(self, place: int) -> str:
        """Return what a picture is called."""
        source = self.sources[place]
        return f"picture {place}" if isinstance(source, bytes) else str(source)

    def _open(self, place: int) -> Image:
        try:
            return open_picture(self.sources[place])
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ValueError(f"cannot be read: {reason}") from error


class StackedPictures(PictureSet):
    """Three grey pictures in the red, green and blue of one, the stacked MNIST of Metz et al.

    arXiv 1611.02163, section 3.3.1. The label of digits a, b, c is 100a + 10b + c.

    Args:
        grey: the pictures to stack.
        seed: of which are stacked; there are as many stacks as grey pictures.
        triples: int (n, 3) in place of a draw, the pictures of each stack.
    """

    def __init__(self, grey: PictureSet, seed: int = 0, triples: np.ndarray | None = None) -> None:
        if triples is None:
            triples = np.random.default_rng(seed).integers(len(grey), size=(len(grey), 3))
        self.grey, self.triples = grey, triples
        digits = grey.labels[torch.from_numpy(triples)]
        self.labels = digits @ torch.tensor([100, 10, 1])

    def pick(self, places: np.ndarray) -> StackedPictures:
        """See `PictureSet.pick`."""
        return StackedPictures(self.grey, triples=self.triples[places])

    def fetch(self, places: list[int], preprocess: PicturePreprocess) -> Tensor:
        """See `PictureSet.fetch`."""
        alone = PicturePreprocess(**{**preprocess.to_dict(), "channels": 1})
        flat = self.grey.fetch(self.triples[places].ravel().tolist(), alone)
        return flat.view(len(places), 3, *flat.shape[2:])

    def sizes(self) -> set[tuple[int, int, int]]:
        """See `PictureSet.sizes`."""
        return {(3, height, width) for _, height, width in self.grey.sizes()}


class Prepared:
    """A set and its preprocessing as a dataset, which a loader reads by the batch.

    Args:
        pictures: the set.
        preprocess: what makes its tensors.
    """

    def __init__(self, pictures: PictureSet, preprocess: PicturePreprocess) -> None:
        self.pictures, self.preprocess = pictures, preprocess

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        pictures, labels = self.__getitems__([place])
        return pictures[0], labels[0]

    def __getitems__(self, places: list[int]) -> tuple[Tensor, Tensor]:
        """Return pictures float (n, channels, height, width) and labels int64 (n,)."""
        return self.pictures.fetch(places, self.preprocess), self.pictures.labels[places]
