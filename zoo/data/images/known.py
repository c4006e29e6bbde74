"""The sets that are known by name: fetched by torchvision, told from others by their bytes."""

import hashlib
from typing import Literal

import numpy as np

from zoo.data.images.sets import ArrayPictures, EncodedPictures, PictureSet
from zoo.files import expand_home

Known = Literal["mnist", "fashion-mnist", "cifar10"]
TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10"}
TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}

# SHA-256 of the pixels and then the labels, a byte each, of the published files; of CIFAR-10 as
# JPEG, which has an order of its own, of the files and the labels
SUMS = {
    "mnist": {
        "train": "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
        "test": "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b",
    },
    "fashion-mnist": {
        "train": "16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157",
        "test": "9f1ec356a747bfe4ebab3cfb722d3694c9ca737e2570f6f90cf31d7b6fd689d4",
    },
    "cifar10": {
        "train": "5b4b3c95a535861b348b7f6de6a292b84bf99828dfe835efd92f8867f2d90491",
        "test": "61caf14d5bb3ab977c40ffb0cec33ff1eb7e3d14151fbe6443dd3ac659c8c75d",
    },
}


def recognise(sets: dict[str, PictureSet], known: Known | None) -> Known | None:
    """Return the known set if every split that was found is, byte for byte, that set's."""
    same = known and all(_sum(found) == SUMS[known].get(split) for split, found in sets.items())
    return known if same else None


def _sum(pictures: PictureSet) -> str:
    content = hashlib.sha256()
    if isinstance(pictures, ArrayPictures):
        content.update(pictures.pixels.numpy().data)
    elif isinstance(pictures, EncodedPictures):
        for source in pictures.sources:
            content.update(source if isinstance(source, bytes) else source.read_bytes())
    content.update(pictures.labels.numpy().astype(np.uint8).data)
    return content.hexdigest()


def download(root: str, known: Known) -> None:
    """Fetch a known set by torchvision, which checks the sums, unless it is there.

    One process does; others on the same files wait.

    Raises:
        OSError: if it cannot be fetched.
    """
    from filelock import FileLock
    from torchvision import datasets

    kind, folder = getattr(datasets, TORCHVISION[known]), expand_home(root)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".zoo.lock"):
        for train in (True, False):
            try:
                kind(folder, train=train, download=True)
            except RuntimeError as error:  # noqa: PERF203 - no mirror answers, or wrong sums
                line = " ".join(str(error).split())
                raise OSError(
                    f"{TITLES[known]} cannot be fetched to {folder}: {line}; put its files there"
                ) from error
