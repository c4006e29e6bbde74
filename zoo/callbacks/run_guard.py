"""How a run ends before its time: asked to by a signal, or because it went wrong."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, distributed

SIGNALS = (signal.SIGTERM, signal.SIGINT)
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way to end a process


class RunGuard(Callback):
    """Save on SIGTERM and Ctrl-C, stop at a loss that is not finite, and let no process wait.

    The first signal ends the run after the batch at hand: `last.ckpt` is saved, and the exit status
    is 143 or 130, so that what follows in a shell does not go on. A second one ends it at once.
    The processes of a run agree after each batch, in one small all-reduce.

    Raises:
        ValueError: naming the step, if a loss is not finite, or a process has none.
    """

    def __init__(self) -> None:
        self.received = 0
        self._broken: Tensor | None = None
        self._before: dict[int, Any] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse strategies whose processes hold parts of the weights.

        Raises:
            ValueError: naming the strategy.
        """
        name = type(trainer.strategy).__name__
        if name in ("FSDPStrategy", "ModelParallelStrategy", "DeepSpeedStrategy"):
            raise ValueError(
                f"trainer.strategy is {name}, which spreads the weights over processes: expected "
                "ddp or one device, since a checkpoint folder is written from whole weights"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to signals."""
        self.received, self._broken = 0, None
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        if trainer.world_size > 1 and pl_module.automatic_optimization:
            vars(pl_module)["training_step"] = _with_loss(pl_module.training_step)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = number

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Note whether a loss is finite, without waiting for the device."""
        if trainer.precision != "16-mixed":  # its scaler lets steps with infinities go by
            broken = ~loss.detach().isfinite().all()
            self._broken = broken if self._broken is None else self._broken | broken

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Agree on whether to stop, before ModelCheckpoint, which Lightning runs last."""
        device = trainer.strategy.root_device
        broken = torch.zeros((), device=device) if self._broken is None else self._broken
        found = torch.stack([torch.tensor(float(self.received), device=device), broken.float()])
        self._broken = None
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(found, distributed.ReduceOp.MAX)
        received, went_wrong = found.tolist()
        if went_wrong:
            raise ValueError(
                f"the loss of step {trainer.global_step} (epoch {trainer.current_epoch}, batch "
                f"{batch_idx}) is not finite: lower the learning rate (--model.lr), clip the "
                "gradient (--trainer.gradient_clip_val) or train in 32 bits "
                "(--trainer.precision 32-true); the checkpoints of earlier steps are kept"
            )
        if received:
            self.received = int(received)
            connector: Any = trainer._signal_connector
            connector.received_sigterm = True  # Lightning then raises when all callbacks are done

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Save if a signal asked for the end; else end the processes that wait for this one."""
        if isinstance(exception, SIGTERMException):
            exception.code = 128 + (self.received or signal.SIGTERM)
            if self.received:
                _save_last(trainer)
        elif isinstance(trainer.strategy.launcher, _SubprocessScriptLauncher):
            trainer.strategy.launcher.kill(KILL)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End here too if the signal came in the last batch."""
        if self.received:
            raise SystemExit(128 + self.received)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Listen no more."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
        vars(pl_module).pop("training_step", None)


def _with_loss(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a training step that raises if it has no loss: the other processes would wait."""

    def training_step(*arguments: Any, **options: Any) -> Any:
        loss = step(*arguments, **options)
        if loss is None:
            raise ValueError(
                "training_step returned None on one of several processes, and the others would "
                "wait for its gradient: return a loss, such as one multiplied by 0"
            )
        return loss

    return training_step


def _save_last(trainer: Trainer) -> None:
    """Save `last.ckpt` where it is kept, unless it is of this step."""
    for callback in trainer.checkpoint_callbacks:
        if not (isinstance(callback, ModelCheckpoint) and callback.save_last):
            continue
        if callback._last_global_step_saved != trainer.global_step:
            callback._save_last_checkpoint(trainer, callback._monitor_candidates(trainer))
