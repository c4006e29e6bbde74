"""One vector an entity, stored beside a knowledge base: what the bi-encoder says of all of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from zoo.linking.knowledge.base import KnowledgeBase


@dataclass(frozen=True)
class EntityVectors:
    """Vectors of the first rows of a knowledge base, by one network.

    Attributes:
        vectors: float16 (rows, width), of removed entities too.
        weights: the sum of the network's weights.
        digest: the sum of the base's rows, as `KnowledgeBase.history` has it.
    """

    vectors: NDArray[np.float16]
    weights: str
    digest: str

    def write(self, folder: str | Path, name: str = "vectors") -> list[str]:
        """Write `NAME.npy` and `NAME.json`; return the names of the files."""
        folder = Path(folder)
        np.save(folder / f"{name}.npy", self.vectors, allow_pickle=False)
        about = {"weights": self.weights, "digest": self.digest}
        (folder / f"{name}.json").write_text(json.dumps(about) + "\n", "utf-8", newline="")
        return [f"{name}.npy", f"{name}.json"]

    @classmethod
    def open(cls, folder: str | Path, name: str = "vectors") -> EntityVectors:
        """Open what `write` wrote, by memory mapping.

        Raises:
            FileNotFoundError: if there is none of this name.
            ValueError: if a file is damaged.
        """
        path = Path(folder) / f"{name}.npy"
        if not path.is_file():
            raise FileNotFoundError(f"no {path}: write it with encode_knowledge().write(folder)")
        try:
            vectors = np.load(path, mmap_mode="r", allow_pickle=False)
            about = json.loads(path.with_suffix(".json").read_text("utf-8"))
            if vectors.dtype != np.float16 or vectors.ndim != 2:
                raise ValueError(f"it is {vectors.dtype} {vectors.shape}")
            return cls(vectors, about["weights"], about["digest"])
        except (ValueError, EOFError, OSError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error}): write it again") from None

    def require_of(self, net: nn.Module, knowledge: KnowledgeBase) -> None:
        """Refuse vectors that another network made, or of another base.

        Raises:
            ValueError: if they are.
        """
        mend = "make them again (encode_knowledge)"
        if self.weights != weights_sum(net):
            raise ValueError(f"the vectors are of other weights than the network's: {mend}")
        if (len(self.vectors), self.digest) not in knowledge.history:
            raise ValueError(f"the vectors are of another knowledge base: {mend}")


def weights_sum(net: nn.Module) -> str:
    """Return the SHA-256 over the names and values of a network's tensors."""
    total = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        total.update(name.encode())
        total.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return total.hexdigest()
