"""The LightningModule of classification; adversarial training joins it as a callback."""

from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError

from zoo.masks.classifiers import EncoderClassifier, build_classifier
from zoo.optim.distributed import means_over_processes, part_of_mean
from zoo.optim.schedule import warm_up

Batch = tuple[Tensor, ...]  # what the network reads, and the labels last


class Classification(LightningModule):
    """Cross-entropy, accuracy and calibration of a classifier; what trains it is for subclasses.

    Labels are int64 (batch,), or (batch, time) for tokens; negative ones are left out.

    Args:
        net: the classifier.
        smoothing: label smoothing in training; default 0.
    """

    def __init__(self, net: EncoderClassifier, smoothing: float = 0.0) -> None:
        super().__init__()
        self.net, self.smoothing = net, smoothing
        self.arguments = net.arguments
        classes: int = net.arguments["classes"]
        self.valid_accuracy = MulticlassAccuracy(classes, average="micro")
        self.test_accuracy = MulticlassAccuracy(classes, average="micro")
        self.valid_loss, self.test_loss = MeanMetric(), MeanMetric()
        self.test_calibration_error = MulticlassCalibrationError(classes)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits, as the network's."""
        return self.net(*inputs)

    def losses(self, batch: Batch, batch_index: int = 0) -> dict[str, Tensor]:
        """Cross-entropy of a batch, a mean over the labels of all processes; 0 for none."""
        logits, labels = self._labelled(batch)
        count = torch.tensor(len(labels), device=labels.device)
        smoothing = self.smoothing if self.training else 0.0
        nats = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
        return {"loss": part_of_mean(nats, count)}

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The loss of a training step."""
        loss = self.losses(batch, batch_index)["loss"]
        (mean,) = means_over_processes([loss])
        self.log("train_loss", mean, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Loss and accuracy on the validation split."""
        self._evaluate(*self._labelled(batch), "valid")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Loss, accuracy and calibration error (Guo et al., arXiv 1706.04599) on the test split."""
        logits, labels = self._labelled(batch)
        self._evaluate(logits, labels, "test")
        self.test_calibration_error(logits.softmax(-1), labels)
        self.log("test_calibration_error", self.test_calibration_error, batch_size=len(labels))

    def _labelled(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the logits (n, classes) and the labels (n,) of what has a label."""
        *inputs, labels = batch
        return self(*inputs)[labels >= 0].float(), labels[labels >= 0]

    def _evaluate(self, logits: Tensor, labels: Tensor, split: str) -> None:
        # a metric, not `sync_dist`, which is wrong where processes have unequal numbers of labels
        loss, accuracy = getattr(self, f"{split}_loss"), getattr(self, f"{split}_accuracy")
        if len(labels):  # torchmetrics refuses an empty batch
            accuracy(logits, labels)
            loss(F.cross_entropy(logits, labels, reduction="none"))
        self.log(f"{split}_loss", loss, batch_size=len(labels))
        self.log(f"{split}_accuracy", accuracy, prog_bar=True, batch_size=len(labels))


class ClassificationModel(Classification):
    """Train a classifier with AdamW, a learning rate for each layer and a linear schedule.

    Args:
        vocabulary: number of token ids; from the data when run by a recipe.
        classes: number of classes; from the data when run by a recipe.
        kind: `text` (default), a class for a text or a pair of texts; `token`, one for each token.
        lr: highest learning rate of the head; default 1e-3.
        encoder_lr: highest learning rate of the encoder's last layer; default that of the head.
        layer_decay: what each layer's learning rate is multiplied by to give that of the layer
            below it, the embeddings being the lowest; default 1.
        weight_decay: AdamW's decoupled decay of matrices; default 0.01.
        warmup: share of the steps in which the learning rate rises; default 0.1.
        smoothing: label smoothing in training; default 0.
        shape: the other arguments of `EncoderClassifier`, such as `depth`.
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int = 2,
        kind: Literal["text", "token"] = "text",
        lr: float = 1e-3,
        encoder_lr: float | None = None,
        layer_decay: float = 1.0,
        weight_decay: float = 0.01,
        warmup: float = 0.1,
        smoothing: float = 0.0,
        **shape: Any,
    ) -> None:
        net = build_classifier(kind, vocabulary=vocabulary, classes=classes, **shape)
        super().__init__(net, smoothing)
        self.save_hyperparameters()
        self.arguments = {**net.arguments, "kind": kind}
        self.lr, self.layer_decay = lr, layer_decay
        self.encoder_lr = lr if encoder_lr is None else encoder_lr
        self.weight_decay, self.warmup = weight_decay, warmup

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW by layers, without decay of biases and norms; the schedule ends with the run."""
        groups = layer_groups(self.net, self.lr, self.encoder_lr, self.layer_decay)
        for group in groups:
            group["weight_decay"] *= self.weight_decay
        return warm_up(AdamW(groups), self.warmup, self.trainer.estimated_stepping_batches)


def layer_groups(
    net: EncoderClassifier, lr: float, encoder_lr: float, layer_decay: float
) -> list[dict[str, Any]]:
    """Return a network's parameters in groups for an optimiser, each with its learning rate.

    A lower rate for a lower layer: Howard and Ruder, "Universal Language Model Fine-tuning", arXiv
    1801.06146, section 3.2.

    Args:
        net: the network.
        lr: of the head.
        encoder_lr: of the encoder's last layer.
        layer_decay: the rate of a layer is so many times that of the layer above it.

    Returns:
        Groups with `params`, `lr` and `weight_decay`: 1 for matrices, 0 for vectors.
    """
    depth = len(net.encoder.blocks)
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in net.named_parameters():
        below = depth - _layer(name, depth)
        rate = lr if not name.startswith("encoder.") else encoder_lr * layer_decay**below
        groups.setdefault((rate, float(parameter.dim() > 1)), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def _layer(name: str, depth: int) -> int:
    """Return the layer of a parameter: 0 for the embeddings, then 1 to `depth`."""
    part = name.removeprefix("encoder.")
    if part.startswith("blocks."):
        return int(part.split(".")[1]) + 1
    return depth if part.startswith("norm.") else 0
