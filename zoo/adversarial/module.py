"""Text classification to use adversarial training on, which joins it as a callback."""

from typing import Any

from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.optim import AdamW

from zoo.masks.classification.module import Classification
from zoo.masks.classifiers import TextClassifier
from zoo.optim.schedule import warm_up


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
        return warm_up(optimizer, self.warmup, self.trainer.estimated_stepping_batches)
