"""The LightningModule of text classification; adversarial training joins it as a callback."""

from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics.classification import MulticlassAccuracy

from zoo.masks.classifiers import TextClassifier


def linear_schedule(step: int, warmup: int, total: int) -> float:
    """Rise linearly from 0 to 1 in `warmup` steps, then fall linearly to 0 at `total`.

    The schedule of BERT (arXiv 1810.04805, appendix A.2).
    """
    return min((step + 1) / max(warmup, 1), max(0.0, (total - step) / max(total - warmup, 1)), 1.0)


class Classifier(LightningModule):
    """Train a `TextClassifier` with cross-entropy, AdamW and a linear schedule.

    Args:
        vocabulary: number of token ids; from the data when run by a recipe.
        classes: number of classes; from the data when run by a recipe.
        lr: highest learning rate; default 1e-3.
        weight_decay: AdamW's decoupled decay; default 0.05.
        warmup: steps of rising learning rate; default 300.
        shape: the other arguments of `TextClassifier`, such as `width`.
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int = 2,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        warmup: int = 300,
        **shape: Any,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup
        self.net = TextClassifier(vocabulary=vocabulary, classes=classes, **shape)
        self.arguments = self.net.arguments
        self.valid_accuracy = MulticlassAccuracy(classes, average="micro")
        self.test_accuracy = MulticlassAccuracy(classes, average="micro")

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, as `TextClassifier.forward`."""
        return self.net(tokens)

    def losses(self, batch: tuple[Tensor, Tensor], batch_index: int = 0) -> dict[str, Tensor]:
        """Cross-entropy of a batch of tokens int64 (batch, time) and labels int64 (batch,)."""
        tokens, labels = batch
        return {"loss": F.cross_entropy(self(tokens), labels)}

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """The loss of a training step."""
        loss = self.losses(batch, batch_index)["loss"]
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Loss and accuracy on the validation split."""
        self._evaluate(batch, "valid", self.valid_accuracy)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Loss and accuracy on the test split."""
        self._evaluate(batch, "test", self.test_accuracy)

    def _evaluate(
        self, batch: tuple[Tensor, Tensor], split: str, accuracy: MulticlassAccuracy
    ) -> None:
        tokens, labels = batch
        logits = self(tokens)
        accuracy(logits, labels)
        loss = F.cross_entropy(logits, labels)
        self.log(f"{split}_loss", loss, batch_size=len(labels), sync_dist=True)
        self.log(f"{split}_accuracy", accuracy, prog_bar=True, batch_size=len(labels))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW; the schedule ends with the last step the trainer will take."""
        optimizer = AdamW(self.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        total = int(self.trainer.estimated_stepping_batches)
        schedule = LambdaLR(optimizer, lambda step: linear_schedule(step, self.warmup, total))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
