"""The idx files of MNIST and its kin, plain or gz."""

import gzip
import zlib
from pathlib import Path

import numpy as np

MAGIC = {3: 0x803, 1: 0x801}  # unsigned bytes in three dimensions, pictures; in one, labels


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read one idx file.

    The format of https://yann.lecun.com/exdb/mnist: a magic number, the sizes, the bytes.
    torchvision's reader takes no gz and says nothing of what is wrong.

    Args:
        path: a file, gz if its name ends so.
        dimensions: 3 for pictures, 1 for labels.

    Returns:
        uint8 (n, height, width) or (n,).

    Raises:
        ValueError: naming the file, if it is damaged, of another kind, too short or too long.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is a damaged gz file: {error}; get it again") from error
    header = 4 * (1 + dimensions)
    if len(content) < header:
        raise ValueError(f"{path} has {len(content)} bytes: expected an idx file; get it again")
    magic, *shape = (int(word) for word in np.frombuffer(content, ">u4", 1 + dimensions))
    if magic != MAGIC[dimensions]:
        raise ValueError(
            f"{path} begins with {magic:#x}: expected {MAGIC[dimensions]:#x}, an idx file of bytes "
            f"in {dimensions} dimension(s); get it again"
        )
    size = int(np.prod(shape))
    if len(content) != header + size:
        raise ValueError(
            f"{path} has {len(content) - header} bytes after its header: expected {size} for "
            f"{' x '.join(map(str, shape))}; get it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def find_idx(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return the files of pictures and of labels of each split, `train` and `test`.

    Args:
        folder: it holds `train-images-idx3-ubyte`, `t10k-labels-idx1-ubyte.gz` and so on.

    Raises:
        FileNotFoundError: if there are pictures without labels.
    """
    found = {}
    for split, begin in (("train", "train"), ("test", "t10k")):
        pictures = _first(folder, f"{begin}-images-idx3-ubyte")
        if pictures is None:
            continue
        labels = _first(folder, f"{begin}-labels-idx1-ubyte")
        if labels is None:
            raise FileNotFoundError(
                f"no {folder / f'{begin}-labels-idx1-ubyte'} beside {pictures.name}: put it there"
            )
        found[split] = (pictures, labels)
    return found


def _first(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
