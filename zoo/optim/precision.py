"""The precision of a run: chosen by what the processor has, kept when the run is resumed.

A bf16 convolution takes 4 to 40 times as long as one in fp32 on a processor with AVX2 alone, and
half as long on one with the instructions for it.
"""

from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

Precision = Literal["32-true", "bf16-mixed"]


def has_bf16(device: str = "cpu") -> bool:
    """Tell whether a kind of device has instructions for bf16, and does not only imitate them.

    Args:
        device: `cpu` (default) or `cuda`; any other has not.
    """
    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, test, bool)() for test in tests)


def choose_precision(accelerator: str = "auto") -> Precision:
    """Return `bf16-mixed` where the processor has the instructions, `32-true` elsewhere.

    Args:
        accelerator: Lightning's word: `cpu`, `gpu`, `cuda`, `mps` or `auto` (default), which
            takes the best there is.
    """
    if accelerator in ("auto", "gpu") and torch.cuda.is_available():
        accelerator = "cuda"
    elif accelerator == "auto":
        accelerator = "mps" if torch.backends.mps.is_available() else "cpu"
    return "bf16-mixed" if has_bf16(accelerator) else "32-true"


class PrecisionRecord(Callback):
    """Write the run's precision into each checkpoint, for `saved_precision`."""

    def __init__(self) -> None:
        self._precision: str | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remember the trainer's precision."""
        self._precision = str(trainer.precision)

    def state_dict(self) -> dict[str, Any]:
        """Return the precision, for the checkpoint."""
        return {"precision": self._precision}


def saved_precision(path: str | Path) -> str | None:
    """Return the precision of the run that wrote a checkpoint; None if it does not say.

    Args:
        path: a `.ckpt` file of Lightning; its tensors are not read.
    """
    state = torch.load(path, map_location="meta", weights_only=True)
    return state.get("callbacks", {}).get(PrecisionRecord.__qualname__, {}).get("precision")
