"""The LightningModule of the recurrent language models."""

from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import AdamW
from torchmetrics import MeanMetric

from zoo.decoding.net import LanguageModel
from zoo.optim.distributed import means_over_processes, part_of_mean
from zoo.optim.schedule import each_step, require_end, rise_and_fall


class RecurrentModel(LightningModule):
    """Train a `LanguageModel` by maximum likelihood, with AdamW and a triangular schedule.

    Args:
        vocabulary: number of token ids; from the data when run by a recipe.
        lr: highest learning rate; default 1.2e-2.
        weight_decay: AdamW's decoupled decay; default 0.01.
        warmup: share of the steps in which the learning rate rises; default 0.1.
        shape: the other arguments of `LanguageModel`, such as `width`.
    """

    def __init__(
        self,
        vocabulary: int,
        lr: float = 1.2e-2,
        weight_decay: float = 0.01,
        warmup: float = 0.1,
        **shape: Any,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup
        self.net = LanguageModel(vocabulary=vocabulary, **shape)
        self.arguments = self.net.arguments
        self.valid_nats, self.test_nats = MeanMetric(), MeanMetric()

    def forward(self, tokens: Tensor) -> Tensor:
        """Log-probabilities, as `LanguageModel.forward`."""
        return self.net(tokens)

    def losses(self, batch: tuple[Tensor, Tensor], batch_index: int = 0) -> dict[str, Tensor]:
        """Nats a token of whole texts, tokens int64 (batch, time), the given part included."""
        tokens, context = batch
        nats, _ = self.net.nats(tokens, context)
        count = (tokens[:, 1:] != 0).sum()
        return {"loss": part_of_mean(nats.sum(), count)}

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """The loss of a training step."""
        loss = self.losses(batch, batch_index)["loss"]
        (mean,) = means_over_processes([loss])
        self.log("train_loss", mean, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Nats a token of the continuations of the validation split."""
        self.log("valid_nats", self._evaluate(batch, self.valid_nats), prog_bar=True)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Nats a token of the continuations of the test split."""
        self._evaluate(batch, self.test_nats)

    def on_test_epoch_end(self) -> None:
        """Log the nats and the perplexity of the test split."""
        nats = self.test_nats.compute()
        self.log("test_nats", nats)
        self.log("test_perplexity", nats.exp())
        self.test_nats.reset()

    def _evaluate(self, batch: tuple[Tensor, Tensor], metric: MeanMetric) -> MeanMetric:
        nats, counted = self.net.nats(*batch)
        metric.update(nats, counted)
        return metric

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW; the learning rate rises and falls in straight lines, to the last step."""
        optimizer = AdamW(self.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        total = require_end(self.trainer.estimated_stepping_batches)
        rising = max(1, round(self.warmup * total) - 1)  # the curve of torch's OneCycleLR
        schedule = rise_and_fall(optimizer, rising, total - 1 - rising, first=1 / 25, last=4e-6)
        return each_step(optimizer, schedule)
