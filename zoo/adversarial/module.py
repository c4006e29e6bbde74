"""Text classification to use adversarial training on, which joins it as a callback."""

from typing import Any

from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from zoo.masks.classification.module import Classification
from zoo.masks.classifiers import TextClassifier


def linear_schedule(step: int, warmup: int, total: int) -> float:
    """Rise linearly from 0 to 1 in `warmup` steps, then fall linearly to 0 at `total`.

    The schedule of BERT (arXiv 1810.04805, appendix A.2).
    """
    return min((step + 1) / max(warmup, 1), max(0.0, (total - step) / max(total - warmup, 1)), 1.0)


class Classifier(Classification):
    """Train a `TextClassifier` with one learning rate for all layers, which rises for some steps.

    Args:
        vocabulary: number of token ids; from the data when run by a recipe.
        classes: number of classes; from the data when run by a recipe.
        lr: highest learning rate; default 1e-3.
        weight_decay: AdamW's decoupled decay; default 0.05.
        warmup: steps of rising learning rate; default 300.
        shape: the other arguments of `EncoderClassifier`, such as `width`.
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
        super().__init__(TextClassifier(vocabulary=vocabulary, classes=classes, **shape))
        self.save_hyperparameters()
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW; the schedule ends with the last step the trainer will take."""
        optimizer = AdamW(self.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        total = int(self.trainer.estimated_stepping_batches)
        schedule = LambdaLR(optimizer, lambda step: linear_schedule(step, self.warmup, total))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
