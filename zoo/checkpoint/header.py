"""What the header of a safetensors file says of a network, read without torch.

The format: eight bytes, little-endian, the length of the header; then the header, a JSON object
that gives each tensor its `dtype`, `shape` and place (https://github.com/huggingface/safetensors).
"""

import json
import math
from pathlib import Path

LONGEST = 100_000_000  # bytes of a header, as in safetensors itself
KEPT = ("running_mean", "running_var", "num_batches_tracked")  # batch norm's, no parameters


def count_parameters(path: Path) -> int:
    """Return how many numbers of a safetensors file are parameters; tied ones count once.

    Args:
        path: a file that `zoo.checkpoint.save` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is malformed.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length) if length <= LONGEST else b"")
            shapes = {n: d["shape"] for n, d in header.items() if n != "__metadata__"}
            return sum(math.prod(s) for n, s in shapes.items() if not n.endswith(KEPT))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path} is no safetensors file: its header is malformed") from error
