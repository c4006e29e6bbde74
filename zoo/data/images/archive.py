"""JPEG files packed in one `.npz`: `jpeg`, `offsets` and `labels`."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from zoo.data.images.folder import SPLITS
from zoo.data.images.sets import EncodedPictures


def read_archive(path: Path) -> EncodedPictures:
    """Read an archive of JPEG files.

    Args:
        path: an `.npz` with `jpeg`, uint8, the bytes of all files; `offsets`, n + 1 numbers, where
            each begins and the last ends; `labels`, n numbers.

    Raises:
        ValueError: naming the file, if it is damaged or of another form.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            jpeg, offsets, labels = (arrays[name] for name in ("jpeg", "offsets", "labels"))
    except Exception as error:  # zip and NumPy raise many kinds on damaged files
        raise ValueError(
            f"{path} is damaged or no archive of pictures ({error}): expected jpeg, offsets and "
            "labels; get it again"
        ) from error
    rising = len(offsets) and offsets[0] >= 0 and (np.diff(offsets.astype(np.int64)) >= 0).all()
    if not rising or len(offsets) != len(labels) + 1 or offsets[-1] > len(jpeg):
        raise ValueError(
            f"{path} has {len(offsets)} offsets up to {offsets[-1:]}, {len(labels)} labels and "
            f"{len(jpeg)} bytes: expected rising offsets, one more than labels; get it again"
        )
    files = [jpeg[a:b].tobytes() for a, b in pairwise(offsets)]
    return EncodedPictures(files, torch.from_numpy(labels.astype(np.int64)))


def find_archives(root: Path) -> dict[str, Path]:
    """Return the archives of the splits `train`, `valid` and `test`, by a word of their names.

    Args:
        root: a folder, or one archive, which is then `train`.

    Raises:
        ValueError: if a name says two splits, or two names the same.
    """
    if root.suffix == ".npz" and root.is_file():
        return {"train": root}
    found: dict[str, Path] = {}
    for path in sorted(root.glob("*.npz")):
        parts = re.split(r"[\W\d_]+", path.stem.lower())
        splits = {SPLITS[part] for part in parts if part in SPLITS}
        if len(splits) > 1 or splits & found.keys():
            raise ValueError(
                f"the name of {path} says {' and '.join(sorted(splits))}: expected one split, and "
                "one archive of each; rename it"
            )
        found |= dict.fromkeys(splits, path)
    return found if "train" in found else {}


def unpack_archive(path: Path, folder: Path) -> int:
    """Write the pictures of an archive as JPEG files in a folder by class; return how many.

    Args:
        path: the archive.
        folder: made if it is not there; the files are `folder/LABEL/00000.jpg`.
    """
    pictures = read_archive(path)
    for place, label in enumerate(pictures.labels.tolist()):
        home = folder / str(label)
        home.mkdir(parents=True, exist_ok=True)
        content = pictures.sources[place]
        assert isinstance(content, bytes)
        (home / f"{place:05}.jpg").write_bytes(content)
    return len(pictures)
