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
from zoo.data.images.sets import ArrayPictures, EncodedPictures, PictureSet
from zoo.files import expand_home

Known = Literal["mnist", "fashion-mnist", "cifar10"]
TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10"}
NAMED = 5  # bad pictures that a message names

TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}

Splits = dict[str, PictureSet]


@dataclass(frozen=True)
class Found:
    """What was found in a place.

    Attributes:
        sets: by split, at least `train`.
        title: what the whole is called.
        classes: names of the classes; None if there are none.
        numbered: the classes have numbers and no names; `classes` then has the numbers.
    """

    sets: Splits
    title: str
    classes: list[str] | None
    numbered: bool = False


def find_sets(
    root: str | None, known: Known | None, broken: Literal["refuse", "skip"] = "refuse"
) -> Found:
    """Read the pictures that are in a place, whatever their form.

    Args:
        root: a folder with idx files, with `.npz` archives of JPEG, with pictures by class or
            flat, or where torchvision has put a known set; one archive; None for the embedded
            part of Fashion-MNIST.
        known: what the set is, if it is one of those that torchvision fetches.
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
    name = folder.resolve().name
    if sets := _idx(folder, known) or _cifar(folder):
        return Found(sets, TITLES.get(known or "", name), _numbers(sets), numbered=True)
    if archives := find_archives(folder):
        sets = _usable({split: read_archive(path) for split, path in archives.items()}, broken)
        return Found(sets, name, _numbers(sets), numbered=True)
    files, classes = read_folder(folder) if folder.is_dir() else ({}, None)
    if not sum(map(len, files.values())):
        raise FileNotFoundError(
            f"no pictures in {folder}: expected idx files, .npz archives of JPEG or picture files"
            + ("; --data.download true fetches the known set" if known else "")
        )
    return Found(_usable(files, broken), name, classes)


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


def download(root: str, known: Known) -> None:
    """Fetch a known set by torchvision, which checks the sums, unless it is there.

    Raises:
        OSError: if it cannot be fetched.
    """
    from torchvision import datasets

    kind = getattr(datasets, TORCHVISION[known])
    for train in (True, False):
        try:
            kind(expand_home(root), train=train, download=True)
        except RuntimeError as error:  # noqa: PERF203 - no mirror answers, or the sums are wrong
            line = " ".join(str(error).split())
            raise OSError(
                f"{TITLES[known]} cannot be fetched to {root}: {line}; put its files there"
            ) from error


def _numbers(sets: Splits) -> list[str]:
    count = 1 + max(int(pictures.labels.max()) for pictures in sets.values())
    return [str(label) for label in range(count)]


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
