"""The DataModule of pictures."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import LightningDataModule
from torch import Tensor

from zoo.data.images.find import Found, complete, find_sets
from zoo.data.images.known import TITLES, Known, download
from zoo.data.images.preprocess import PicturePreprocess
from zoo.data.images.sets import PictureSet, Prepared, StackedPictures
from zoo.data.resumable import ResumableLoader

Batch = tuple[Tensor, Tensor]


class Pictures(LightningDataModule):
    """Batches of pictures, float (n, channels, height, width) in [0, 1], and labels, int64 (n,).

    Args:
        root: a folder of idx files, of `.npz` archives of JPEG or of pictures (by class or flat,
            with or without `train`, `valid`, `test`), or one archive; default the embedded part of
            Fashion-MNIST. A set without test or valid gives a tenth of its training pictures.
        known: `mnist`, `fashion-mnist` or `cifar10`: the set that is expected in `root`; other
            idx files and archives are called by their folder's name. Default none.
        download: fetch the known set to `root`, as torchvision does; default false.
        height: pixels; default that of the pictures, or of the checkpoint that training starts
            from. Others are scaled and cut to the middle.
        width: pixels; as `height`.
        channels: 1 or 3; as `height`, and 3 if the pictures differ.
        padding: black pixels added on each side; default 0, or that of the checkpoint.
        stacked: three grey pictures in the three colours of one; default false.
        labels: names of the classes of idx files and archives, of `known` alone if that is given;
            default their numbers.
        broken: `refuse` (default) or `skip` pictures that cannot be used; all are tried at first.
        batch_size: pictures a process and step; default 64.
        workers: processes that prepare batches; default 0.
        drop_last: leave out the last batch of an epoch when it is short; default false.
        seed: of the order of the training pictures, and of which are stacked; default 0.
        preprocess: the `preprocess.json` of a checkpoint, whose size, channels and padding are
            used where none are given; default none.

    Raises:
        FileNotFoundError: if there are no pictures.
        ValueError: if some cannot be used, or differ in size while none is given.

    Example:
        >>> data = Pictures(batch_size=16)
        >>> pictures, labels = next(iter(data.train_dataloader()))
        >>> pictures.shape, data.labels[labels[0]]
        (torch.Size([16, 1, 28, 28]), 'Ankle boot')
    """

    def __init__(
        self,
        root: str | None = None,
        known: Known | None = None,
        download: bool = False,
        height: int | None = None,
        width: int | None = None,
        channels: int | None = None,
        padding: int | None = None,
        stacked: bool = False,
        labels: list[str] | None = None,
        broken: Literal["refuse", "skip"] = "refuse",
        batch_size: int = 64,
        workers: int = 0,
        drop_last: bool = False,
        seed: int = 0,
        preprocess: str | None = None,
    ) -> None:
        super().__init__()
        if download and not (known and root):
            raise ValueError(
                "download is true: expected known (mnist, fashion-mnist or cifar10) and root; "
                "give --data.known and --data.root"
            )
        self.root, self.download = root, download
        self.known: Known | None = known
        self.broken: Literal["refuse", "skip"] = broken
        size = {"channels": channels, "height": height, "width": width, "padding": padding}
        self._size = {name: number for name, number in size.items() if number is not None}
        self.stacked, self._labels = stacked, labels
        self.batch_size, self.workers, self.drop_last = batch_size, workers, drop_last
        self.seed, self._preprocess = seed, preprocess

    @cached_property
    def _found(self) -> Found:
        """What is in the place, fetched first if asked."""
        if self.download and self.root and self.known:
            download(self.root, self.known)
        return find_sets(self.root, self.known, self.broken)

    @cached_property
    def sets(self) -> dict[str, PictureSet]:
        """The sets of pictures by split: `train`, `valid`, `test`."""
        sets = complete(self._found.sets)
        if not self.stacked:
            return sets
        return {s: StackedPictures(sets[s], self.seed + i) for i, s in enumerate(sorted(sets))}

    @property
    def title(self) -> str:
        """What a figure measured on this data is called."""
        held_out = "" if "test" in self._found.sets else ", a tenth held out"
        return f"{self._found.title}{', stacked' if self.stacked else ''}{held_out}"

    @property
    def replaces_corpus(self) -> bool:
        """Whether these are pictures of one's own: see `SplitData.replaces_corpus`."""
        return self.root is not None and self._found.known is None

    @property
    def _replaces_known(self) -> bool:
        """Whether numbered classes are not those of the known set that `known` names."""
        return self._found.numbered and self.known != self._found.known

    def remarks(self) -> list[str]:
        """Return what there is to know of the pictures: that they are not the known set."""
        if not (self.known and self._replaces_known):
            return []
        found = f"{self._found.title}: these are not the files of {TITLES[self.known]}"
        unnamed = "; classes are numbers; --data.known null --data.labels '[...]' names them"
        return [found + (unnamed if self._labels else "")]

    @property
    def labels(self) -> list[str]:
        """The names of the classes; one, empty, if the pictures have none."""
        found = self._found
        if self.stacked:
            return [f"{label:03}" for label in range(1000)]
        if found.classes is None:
            return [""]
        if not (found.numbered and self._labels) or self._replaces_known:
            return found.classes
        if len(self._labels) != len(found.classes):
            raise ValueError(
                f"labels has {len(self._labels)} names: expected {len(found.classes)}, one for "
                "each class of the data"
            )
        return self._labels

    @cached_property
    def preprocess(self) -> PicturePreprocess:
        """The size, channels and padding of the batches."""
        if self._preprocess:
            state = json.loads(Path(self._preprocess).read_text("utf-8"))
            state.pop("class")
            return PicturePreprocess.from_dict(state | self._size)
        sizes = {size for pictures in self.sets.values() for size in pictures.sizes()}
        found = zip(("channels", "height", "width"), zip(*sizes, strict=True), strict=True)
        missing = {name: values for name, values in found if name not in self._size}
        for name, values in missing.items():
            if name != "channels" and len(set(values)) > 1:
                raise ValueError(
                    f"pictures have a {name} from {min(values)} to {max(values)} pixels: expected "
                    f"one; say to which they are to be resized (--data.{name} 32)"
                )
        largest = {name: max(values) for name, values in missing.items()}
        return PicturePreprocess(**largest, **self._size)

    @property
    def shape(self) -> list[int]:
        """Channels, height and width of a batch, padding included."""
        return list(self.preprocess.shape)

    @property
    def classes(self) -> int:
        """Number of classes; 1 if the pictures have none."""
        return len(self.labels)

    def setup(self, stage: str) -> None:
        """Refuse to train where there is no test picture for each process: tests come last."""
        if stage == "fit":
            len(self.test_dataloader())

    def train_dataloader(self) -> ResumableLoader:
        """Shuffled batches; the order follows from the seed and the epoch."""
        return self._loader("train", shuffle=True, seed=self.seed, drop_last=self.drop_last)

    def val_dataloader(self) -> ResumableLoader:
        """The validation pictures in order."""
        return self._loader("valid")

    def test_dataloader(self) -> ResumableLoader:
        """The test pictures in order."""
        return self._loader("test")

    def _loader(self, split: str, **options: Any) -> ResumableLoader:
        return ResumableLoader(
            Prepared(self.sets[split], self.preprocess),
            self.batch_size,
            collate=_as_fetched,
            workers=self.workers,
            **options,
        )


def _as_fetched(batch: Any) -> Batch:
    """Return a batch that `Prepared` has made already."""
    return batch
