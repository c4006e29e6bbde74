"""Folders of pictures: by split, by class, or flat."""

import hashlib
import os
from pathlib import Path

import numpy as np
import torch

from zoo.data.images.sets import EncodedPictures

SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jp2", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".tga"),
}
SPLITS = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}


def read_folder(root: Path) -> tuple[dict[str, EncodedPictures], list[str] | None]:
    """Find the pictures of a folder; none is opened.

    Args:
        root: pictures, or a folder for each class, or `train`, `valid` and `test` of either kind.
            Other files, and those whose names begin with a dot, are passed over.

    Returns:
        The sets by split, in an order that the names alone decide, yet mixes the classes; only
        `train` if there are no folders of splits. The names of the classes, None if there are none.

    Raises:
        ValueError: if there are later splits and no training; if two folders are the same split; if
            a later split has a class that training has not, or pictures of no class.
    """
    splits = _splits(root) or {"train": root}
    classes = [p.name for p in _subfolders(splits["train"]) if find_pictures(p)]
    return {split: _set(path, classes) for split, path in splits.items()}, classes or None


def find_pictures(folder: Path) -> list[Path]:
    """Return the picture files below a folder, sorted; links are followed, loops are not."""
    found, seen = [], set()
    for path, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(path) / name for name in files if is_picture(Path(name))]
    return sorted(found)


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _splits(root: Path) -> dict[str, Path]:
    """Return the folders of the splits; none if the folders of `root` are classes."""
    splits: dict[str, Path] = {}
    for path in _subfolders(root):
        split = SPLITS.get(path.name.lower())
        if split in splits:
            raise ValueError(
                f"{root} has {splits[split].name} and {path.name}: expected one folder of the "
                f"split {split}; put their pictures into one"
            )
        if split:
            splits[split] = path
    if splits and "train" not in splits:
        raise ValueError(
            f"{root} has {next(iter(splits.values())).name} and no folder train: rename the folder "
            "of the training pictures to train"
        )
    return splits


def _set(folder: Path, classes: list[str]) -> EncodedPictures:
    """Return the pictures of one split."""
    groups = {name: find_pictures(folder / name) for name in classes}
    strange = [p.name for p in _subfolders(folder) if p.name not in classes and find_pictures(p)]
    if classes and strange:
        raise ValueError(
            f"{folder} has the class {strange[0]}, which training has not: expected some of "
            f"{', '.join(classes)}; move it away, or add pictures of it to training"
        )
    loose = [p.name for p in sorted(folder.iterdir()) if is_picture(p)]
    if classes and loose:
        raise ValueError(
            f"{folder} holds pictures in no class's folder, such as {loose[0]}: expected a folder "
            f"for each class, such as {classes[0]}, or pictures alone; move one kind away"
        )
    if not classes:
        groups = {"": find_pictures(folder)}
    paths = [path for group in groups.values() for path in group]
    labels = [label for label, group in enumerate(groups.values()) for _ in group]
    # sorted by class, the last tenth would be one class
    keys = [
        hashlib.sha256(p.relative_to(folder).as_posix().encode(errors="replace")) for p in paths
    ]
    order = np.argsort([key.hexdigest() for key in keys], kind="stable")
    pictures = EncodedPictures(paths, torch.tensor(labels, dtype=torch.int64))
    return pictures.pick(order.astype(np.int64))
