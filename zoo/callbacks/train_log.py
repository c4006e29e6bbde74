"""What a checkpoint folder shows of its training."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class TrainLog(Callback):
    """Keep the metrics of each validation, across interruptions too.

    Attributes:
        rows: a dict an evaluation: `epoch`, `step` and every logged metric.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add a row."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
            progress = {"epoch": trainer.current_epoch, "step": trainer.global_step}
            self.rows.append({**progress, **metrics})

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far, for the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the rows of a checkpoint."""
        self.rows = state_dict["rows"]
