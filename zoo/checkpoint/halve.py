"""Checkpoint folders of half the size: weights in float16, for networks that are bundled.

    python -m zoo.checkpoint.halve FOLDER && zoo test FOLDER --record true

`checkpoint.load` fills a float32 network with them. The figures in the folder are those of the
weights before, until they are measured again.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from zoo import checkpoint
from zoo.checkpoint.integrity import copy, replacing, verify, write_sums
from zoo.checkpoint.weights import all_finite


def halve(folder: str | Path) -> Path:
    """Round the float32 weights of a checkpoint folder to float16, in place.

    Args:
        folder: a checkpoint folder; as it was if anything goes wrong.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if a file is damaged, or a weight is too large for float16.
    """
    folder = verify(folder)
    tensors = load_file(folder / checkpoint.WEIGHTS)
    for name, tensor in tensors.items():
        if tensor.dtype == torch.float32:
            tensors[name] = tensor.half()
            if not all_finite(tensors[name]):
                raise ValueError(
                    f"{folder}: {name} has {tensor.abs().max()}, float16 ends at 65504"
                )
    with replacing(folder) as partial:
        copy(folder, partial)
        (partial / checkpoint.WEIGHTS).write_bytes(save(tensors, metadata={"format": "pt"}))
        write_sums(partial)
        checkpoint.load(partial)
    return folder


def main() -> None:
    """Halve the folder that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", help="a checkpoint folder")
    print(halve(parser.parse_args().folder))


if __name__ == "__main__":
    main()
