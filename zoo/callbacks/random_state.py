"""Random states in checkpoints, so that a resumed run draws what the killed one would have."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, distributed

DEVICES = ("cuda", "xpu", "mps")


def get_random_state() -> dict[str, Any]:
    """Capture the global states of Python, NumPy, torch and its devices.

    Returns:
        Plain types and uint8 tensors only, which `torch.load(weights_only=True)` accepts.
    """
    legacy: Any = np.random.get_state()  # noqa: NPY002 - the state that others draw from
    name, key, *rest = legacy
    return {
        "python": random.getstate(),
        "numpy": (name, key.tolist(), *rest),
        "torch": torch.get_rng_state(),
        **{kind: [get() for get, _ in _generators(kind)] for kind in DEVICES},
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Restore what `get_random_state` captured, as far as this machine's devices go."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    for kind in DEVICES:
        saved = state.get(kind, [])  # older checkpoints have CUDA's alone
        for (_, put), part in zip(_generators(kind, start=bool(saved)), saved, strict=False):
            put(part)


def _generators(
    kind: str, start: bool = False
) -> list[tuple[Callable[[], Tensor], Callable[[Tensor], None]]]:
    """Return how to get and how to set the state of each device of a kind that is in use.

    Args:
        kind: one of `DEVICES`.
        start: count those that this process has not used yet; asking would start them.
    """
    module: Any = getattr(torch, kind)
    if kind == "mps":
        there = torch.backends.mps.is_available()
        return [(module.get_rng_state, module.set_rng_state)] if there else []
    if not (module.is_available() and (start or module.is_initialized())):
        return []
    return [
        (partial(module.get_rng_state, i), partial(module.set_rng_state, device=i))
        for i in range(module.device_count())
    ]


def correct_restored_state(trainer: Trainer) -> None:
    """Correct what Lightning 2.6.6 restores wrongly, when training starts after a resume.

    Resumed at the end of an epoch, it goes on in that epoch. Its count is then too low for a
    second resume, which repeats an epoch, and under `max_steps` it ends the epoch twice. And
    ModelCheckpoint forgets that it has saved the present step, so it saves it again when the next
    gradients are half accumulated. It leaves the loader at its start if a module asked for
    `trainer.estimated_stepping_batches`, which sets the loader up before the state is read.
    """
    loop: Any = trainer.fit_loop
    if loop._combined_loader_states_to_load:
        loop._combined_loader._load_state_dicts(loop._combined_loader_states_to_load)
        loop._combined_loader_states_to_load = []
    progress = loop.epoch_progress
    if progress.current.processed == progress.current.ready:
        if loop.restarted_on_epoch_end:
            progress.increment_completed()
            loop.epoch_loop.restarting = False
        loop.reset_restart_stage()
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint):
            callback._last_global_step_saved = trainer.global_step


class RandomState(Callback):
    """Save the random states of every rank in each checkpoint and restore them on resume.

    They are restored when training starts, before the first batch is read, so that augmentation
    in the dataset or in `on_after_batch_transfer` continues too. Validation is kept from moving
    them: a run that resumes from a step's checkpoint skips the validation that followed it.
    """

    def __init__(self) -> None:
        self._saved: list[dict[str, Any]] | None = None
        self._before_validation: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """Collect the states of all ranks; Lightning calls it on each of them."""
        mine = get_random_state()
        if not (distributed.is_available() and distributed.is_initialized()):
            return {"ranks": [mine]}
        ranks: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(ranks, mine)
        return {"ranks": ranks}

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Warn when the checkpoint will not hold all there is."""
        if trainer.fit_loop._should_accumulate():
            rank_zero_warn(
                "A checkpoint saved between two optimizer steps lacks the accumulated gradients; "
                "a run resumed from it differs. Save by every_n_train_steps, or make "
                "val_check_interval a multiple of accumulate_grad_batches."
            )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the states until training starts: setting up draws random numbers."""
        self._saved = state_dict["ranks"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore this rank's state."""
        if self._saved is None:
            return
        correct_restored_state(trainer)
        saved, self._saved = self._saved, None
        if len(saved) != trainer.world_size:
            rank_zero_warn(
                f"The checkpoint holds the random states of {len(saved)} process(es) and this run "
                f"has {trainer.world_size}: it will not repeat the uninterrupted run exactly."
            )
        if trainer.global_rank < len(saved):
            set_random_state(saved[trainer.global_rank])

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the state that training will continue from."""
        self._before_validation = get_random_state()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Return to it, before ModelCheckpoint, which Lightning runs last."""
        set_random_state(self._before_validation)
