"""The LightningModule of the classifiers of pictures."""

from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from zoo.data.images import flip, move
from zoo.optim.distributed import mean_over_processes, means_over_processes
from zoo.optim.schedule import decayed_matrices, warm_up
from zoo.optim.step_noise import StepNoise
from zoo.pictures.losses import smoothed_cross_entropy
from zoo.pictures.net import PictureClassifier

Batch = tuple[Tensor, Tensor]


class PictureTraining(LightningModule):
    """Train a `PictureClassifier` on varied pictures, with AdamW and a linear schedule.

    Args:
        shape: channels, height and width of a picture; from the data when run by a recipe.
        lr: highest learning rate; default 4e-3.
        weight_decay: AdamW's decoupled decay; default 0.05.
        warmup: share of the steps in which the learning rate rises; default 0.2.
        smoothing: of the labels; default 0.
        shift: most pixels that a picture is shifted to each side; default 0.
        angle: most degrees that it is turned; default 0.
        scale: largest change of its size, such as 0.1; default 0.
        mirror: show half of the pictures from left to right; default false.
        seed: of the variations; that of the recipe when run by one; default 0.
        **net: the other arguments of `PictureClassifier`, such as `base`; `classes` is from the
            data when run by a recipe.
    """

    def __init__(
        self,
        shape: list[int],
        lr: float = 4e-3,
        weight_decay: float = 0.05,
        warmup: float = 0.2,
        smoothing: float = 0.0,
        shift: float = 0.0,
        angle: float = 0.0,
        scale: float = 0.0,
        mirror: bool = False,
        seed: int = 0,
        **net: Any,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup
        self.smoothing, self.mirror, self.seed = smoothing, mirror, seed
        self.movement = {"shift": shift, "angle": angle, "scale": scale}
        self.net = PictureClassifier(shape=shape, **net)
        self.arguments = self.net.arguments
        classes = self.arguments["classes"]
        self.valid_accuracy = MulticlassAccuracy(classes, average="micro")
        self.test_accuracy = MulticlassAccuracy(classes, average="micro")
        self.valid_loss, self.test_loss = MeanMetric(), MeanMetric()

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, as `PictureClassifier.forward`."""
        return self.net(pictures)

    def losses(self, batch: Batch, batch_index: int = 0) -> dict[str, Tensor]:
        """Return the loss of a training step, on pictures varied by the step's own numbers."""
        pictures, labels = batch
        logits = self(self.vary(pictures, batch_index))
        count = mean_over_processes(torch.tensor(len(labels), device=labels.device))
        return {"loss": smoothed_cross_entropy(logits, labels, self.smoothing, count)}

    def vary(self, pictures: Tensor, batch_index: int) -> Tensor:
        """Move and mirror the pictures of a training step."""
        noise = StepNoise(self.seed, self.current_epoch, batch_index, pictures.device)
        if any(self.movement.values()):
            pictures = move(pictures, noise.uniform(len(pictures), 4, phase=0), **self.movement)
        if self.mirror:
            pictures = flip(pictures, noise.uniform(len(pictures), phase=1))
        return pictures

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Cross-entropy of pictures float (n, channels, height, width), labels int64 (n,)."""
        loss = self.losses(batch, batch_index)["loss"]
        (mean,) = means_over_processes([loss])
        self.log("train_loss", mean, prog_bar=True, batch_size=len(batch[1]))
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Loss and accuracy on the validation split."""
        self._evaluate(batch, "valid", self.valid_loss, self.valid_accuracy)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Loss and accuracy on the test split."""
        self._evaluate(batch, "test", self.test_loss, self.test_accuracy)

    def _evaluate(
        self,
        batch: Batch,
        split: Literal["valid", "test"],
        loss: MeanMetric,
        accuracy: MulticlassAccuracy,
    ) -> None:
        pictures, labels = batch
        logits = self(pictures)
        accuracy(logits, labels)
        loss(F.cross_entropy(logits, labels, reduction="none"))
        self.log(f"{split}_loss", loss, batch_size=len(labels))
        self.log(f"{split}_accuracy", accuracy, prog_bar=True, batch_size=len(labels))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW without decay of biases and norms; the schedule ends with the last step."""
        optimizer = AdamW(decayed_matrices(self.net, self.weight_decay), lr=self.lr)
        return warm_up(optimizer, self.warmup, self.trainer.estimated_stepping_batches)
