"""The splits of a set of pictures, found in whatever lies in a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_warn

from zoo.data.images.archive import find_archives, read_archive
from zoo.data.images.fashion import FASHION_CLASSES, fashion_sample
from zoo.data.images.folder import read_folder
from zoo.data.images.idx import find_idx, read_idx
from zoo.data.images.known import TITLES, TORCHVISION, Known, recognise
from zoo.data.images.sets import ArrayPictures, EncodedPictures, PictureSet
from zoo.files import expand_home

NAMED = 5  # bad pictures that a message names

Splits = dict[str, PictureSet]


@dataclass(frozen=True)
class Found:
    """What was found in a place.

    Attributes:
        sets: by split, at least `train`, the last of which are of all classes.
        title: what the whole is called.
        classes: names of the classes; None if there are none.
        numbered: the classes have numbers and no names; `classes` then has the numbers.
        known: the known set that it is; None if it is none, or only a part of it.
    """

    sets: Splits
    title: str
    classes: list[str] | None
    numbered: bool = False
    known: Known | None = None


def find_sets(
    root: str | None, known: Known | None, broken: Literal["refuse", "skip"] = "refuse"
) -> Found:
    """Read the pictures that are in a place, whatever their form.

    Args:
        root: a folder with idx files, with `.npz` archives of JPEG, with pictures by class or
            flat, or where torchvision has put a known set; one archive; None for the embedded
            part of Fashion-MNIST.
        known: the set, of those that torchvision fetches, that is expected there.
        broken: `refuse` pictures that cannot be used, or `skip` them with a warning.

    Raises:
        FileNotFoundError: if there is nothing.
        ValueError: if files are damaged; the message names some and says how many.
    """
    if root is None:
        sample = {split: ArrayPictures(*fashion_sample(split)) for split in ("train", "test")}
        return Found({**sample}, "Fashion-MNIST, embedded sample", [*FASHION_CLASSES])
    folder = expand_home(root)
    if not folder.exists():
        hint = "--data.download true fetches it there" if known else "give another --data.root"
        raise FileNotFoundError(f"no {folder}: {hint}")
    if sets := _idx(folder, known):
        return _numbered(folder, sets, recognise(sets, known))
    if sets := _cifar(folder):  # torchvision has checked its sums
        return _numbered(folder, sets, "cifar10" if known == "cifar10" else None)
    if archives := find_archives(folder):
        sets = _usable({split: read_archive(path) for split, path in archives.items()}, broken)
        return _numbered(folder, sets, recognise(sets, known), " as JPEG")
    files, classes = read_folder(folder) if folder.is_dir() else ({}, None)
    if not sum(map(len, files.values())):
        raise FileNotFoundError(
            f"no pictures in {folder}: expected idx files, .npz archives of JPEG or picture files"
            + ("; --data.download true fetches the known set" if known else "")
        )
    sets = _require_pictures(folder, _usable(files, broken))
    return Found(sets, folder.resolve().name, classes)


def complete(sets: Splits) -> Splits:
    """Add the splits that a set lacks: a tenth of train for test, then one for valid.

    The last ones, of at most 10,000 and 5,000 pictures.
    """
    sets = dict(sets)
    for split, most in (("test", 10_000), ("valid", 5_000)):
        if split not in sets:
            train = sets["train"]
            count = min(max(1, len(train) // 10), most)
            if len(train) <= count:
                raise ValueError(
                    f"{len(train)} pictures in all: expected at least 3, one for each of train, "
                    "valid and test; add some"
                )
            order = np.arange(len(train))
            sets["train"], sets[split] = train.pick(order[:-count]), train.pick(order[-count:])
    return sets


def _numbered(folder: Path, sets: Splits, known: Known | None, form: str = "") -> Found:
    """Return sets whose classes are numbers; those of one's own may be sorted by class."""
    _require_pictures(folder, sets)
    count = 1 + max(int(pictures.labels.max()) for pictures in sets.values())
    classes = [str(label) for label in range(count)]
    if known:
        return Found(sets, TITLES[known] + form, classes, numbered=True, known=known)
    order = np.random.default_rng(0).permutation(len(sets["train"]))
    mixed = {**sets, "train": sets["train"].pick(order)}
    return Found(mixed, folder.resolve().name, classes, numbered=True)


def _require_pictures(folder: Path, sets: Splits) -> Splits:
    """Return the sets; refuse a split without pictures, before there is training."""
    if empty := [split for split, pictures in sets.items() if not len(pictures)]:
        raise ValueError(f"{folder} has no usable picture in the split {empty[0]}: add some")
    return sets


def _idx(folder: Path, known: Known | None) -> Splits:
    inside = folder / TORCHVISION.get(known or "", "") / "raw"
    files = find_idx(folder) or (find_idx(inside) if inside.is_dir() else {})
    if files and "train" not in files:
        raise FileNotFoundError(f"no train-images-idx3-ubyte in {folder}: put it there")
    sets: Splits = {}
    for split, (pictures, labels) in files.items():
        pixels, classes = read_idx(pictures, 3), read_idx(labels, 1)
        if len(pixels) != len(classes):
            raise ValueError(
                f"{pictures} has {len(pixels)} pictures and {labels.name} {len(classes)} labels: "
                "expected a label for each picture; get both again"
            )
        sets[split] = ArrayPictures(
            torch.from_numpy(pixels.copy())[:, None], torch.from_numpy(classes.astype(np.int64))
        )
    return sets


def _cifar(folder: Path) -> Splits:
    if not (folder / "cifar-10-batches-py").is_dir():
        return {}
    from torchvision.datasets import CIFAR10

    sets: Splits = {}
    for split in ("train", "test"):
        # its files are pickles, and opened only if their sums are the known ones
        found = CIFAR10(folder, train=split == "train", download=False)
        pixels = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()
        sets[split] = ArrayPictures(pixels, torch.tensor(found.targets))
    return sets


def _usable(sets: dict[str, EncodedPictures], broken: str) -> Splits:
    """Decode all pictures once, before training starts, and refuse or skip the bad ones."""
    kept: Splits = {}
    lines = []
    for split, pictures in sets.items():
        wrong = pictures.check()
        lines += [f"{pictures.name(place)} ({reason})" for place, reason in wrong.items()]
        good = [place for place in range(len(pictures)) if place not in wrong]
        kept[split] = pictures.pick(np.array(good, dtype=np.int64))
    if not lines:
        return kept
    count = sum(map(len, sets.values()))
    names = "; ".join(lines[:NAMED]) + (" ..." if len(lines) > NAMED else "")
    found = f"{len(lines)} of {count} pictures cannot be used: {names}"
    if broken == "refuse":
        raise ValueError(f"{found}; mend or remove them, or --data.broken skip leaves them out")
    rank_zero_warn(f"{found}; left out")
    return kept
