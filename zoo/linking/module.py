"""The LightningModules of linking: questions in, a softmax over candidates and NIL out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import AdamW
from torchmetrics import MeanMetric

from zoo.linking import calibration
from zoo.linking.baselines import BASELINES
from zoo.linking.inputs import Batch
from zoo.linking.joint import JointLinker
from zoo.linking.linker import Linker
from zoo.linking.losses import listwise
from zoo.linking.metrics import LinkScores, ladder
from zoo.linking.net import TransformerLinker
from zoo.linking.texts import LinkedText
from zoo.optim.distributed import means_over_processes, part_of_mean
from zoo.optim.schedule import decayed_matrices, warm_up

Split = Literal["valid", "test"]


class LinkingModule(LightningModule):
    """Train a linker with AdamW; before a test, fit temperature and NIL threshold.

    Args:
        net: the linker.
        lr: highest learning rate.
        weight_decay: AdamW's decoupled decay of matrices.
        warmup: share of the steps in which the learning rate rises.
    """

    def __init__(self, net: Linker, lr: float, weight_decay: float, warmup: float) -> None:
        super().__init__()
        self.net: Any = net
        self.arguments = net.arguments
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup
        self.scores: Any = nn.ModuleDict({split: LinkScores() for split in ("valid", "test")})
        self.simple: Any = nn.ModuleDict({name: LinkScores() for name in BASELINES})
        self.valid_loss, self.test_loss = MeanMetric(), MeanMetric()

    def question_losses(self, batch: Batch) -> Tensor:
        """Return the loss of each question, float (questions,): nats."""
        raise NotImplementedError

    def losses(self, batch: Batch, batch_index: int = 0) -> dict[str, Tensor]:
        """Return the loss of a training step, the mean over questions of all processes."""
        losses = self.question_losses(batch)
        count = torch.tensor(len(losses), device=losses.device)
        return {"loss": part_of_mean(losses.sum(), count)}

    def setup(self, stage: str) -> None:
        """Let the net ask as its data does."""
        data: Any = getattr(self.trainer, "datamodule", None)
        if data is not None and hasattr(data, "asked"):
            self.net.asked = self.arguments["asked"] = dict(data.asked)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Mean loss of the questions."""
        loss = self.losses(batch)["loss"]
        (mean,) = means_over_processes([loss])
        self.log("train_loss", mean, prog_bar=True, batch_size=len(batch.answer))
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Figures on the validation split."""
        self._evaluate(batch, "valid")

    @torch.no_grad()
    def on_test_start(self) -> None:
        """Fit temperature and NIL threshold to the validation split, the same on each process.

        A fit ends with a test, so the checkpoint carries them; a later test fits them again.
        """
        data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        vars(self.net).update(preprocess=data.preprocess, **data.attachments)
        self.net.eval()
        rows, answers = [], []
        questions = data.held_out("valid")
        for start in range(0, len(questions), data.batch_size):
            batch = data.collate(questions[start : start + data.batch_size])
            batch = Batch(*(tensor.to(self.device) for tensor in batch))
            fair = ((batch.answer >= 0) | ~batch.linkable).cpu()  # can be answered rightly
            rows.extend(self.net.logits(batch).double().cpu()[fair])
            answers.append(batch.answer.cpu()[fair])
        if rows:
            logits = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-torch.inf)
            self.net.calibration = calibration.fit(logits, torch.cat(answers))
        else:
            rank_zero_warn(
                "no validation mention can be answered rightly, so temperature and NIL threshold "
                "stay as they were: mark some whose entity is a candidate of their name"
            )
        data.attachments["calibration"] = self.net.calibration

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Figures on the test split, and those of baselines."""
        self._evaluate(batch, "test")
        for name, choose in BASELINES.items():
            update(self.simple[name], batch, choose(batch), calibration.Calibration())

    def _evaluate(self, batch: Batch, split: Split) -> None:
        logits = self.net.logits(batch).float()
        loss = self.valid_loss if split == "valid" else self.test_loss
        loss(listwise(logits, batch.answer).clamp(max=100))
        self.log(f"{split}_loss", loss, batch_size=len(logits))
        update(self.scores[split], batch, logits, self.net.calibration)

    def on_validation_epoch_end(self) -> None:
        """Log the figures."""
        self._log("valid", self.scores["valid"], ("accuracy",))  # NIL waits for its threshold

    def on_test_epoch_end(self) -> None:
        """Log the figures, the accuracies of the baselines, and the mention ladder."""
        count = self.scores["test"].total.clone()  # reduced in place
        total = int(self.trainer.strategy.reduce(count, reduce_op="sum"))
        self._log("test", self.scores["test"])
        for name, scores in self.simple.items():
            self._log(f"test_{name}", scores, ("accuracy", "accuracy_with_nil"))
        data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        texts = tested(data.texts("test"), total)
        for step, values in ladder(self.net, texts).items():
            self.log(f"test_{step}_f1", values["f1"])

    def _log(self, prefix: str, scores: LinkScores, names: tuple[str, ...] | None = None) -> None:
        for name, value in scores.compute().items():
            if names is None or name in names:
                self.log(f"{prefix}_{name}", value.float(), prog_bar=name == "accuracy")
        scores.reset()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW without decay of biases and norms; the schedule ends with the last step."""
        optimizer = AdamW(decayed_matrices(self, self.weight_decay), lr=self.lr)
        return warm_up(optimizer, self.warmup, self.trainer.estimated_stepping_batches)


class TransformerLinking(LinkingModule):
    """Train a `TransformerLinker`.

    Args:
        vocabulary: number of token ids; from the data when run by a recipe.
        early: weight of the loss of the bi-encoder and the prior alone; default 0.3.
        lr: highest learning rate; default 1e-3.
        weight_decay: AdamW's decoupled decay of matrices; default 0.05.
        warmup: share of the steps in which the learning rate rises; default 0.1.
        shape: the other arguments of `TransformerLinker`, such as `width`.
    """

    def __init__(
        self,
        vocabulary: int,
        early: float = 0.3,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        warmup: float = 0.1,
        **shape: Any,
    ) -> None:
        net = TransformerLinker(vocabulary=vocabulary, asked=None, **shape)  # `setup` asks the data
        super().__init__(net, lr, weight_decay, warmup)
        self.early = early
        self.save_hyperparameters()

    def question_losses(self, batch: Batch) -> Tensor:
        """See `LinkingModule.question_losses`."""
        full, early = self.net(batch)
        return listwise(full, batch.answer) + self.early * listwise(early, batch.answer)


class JointLinking(LinkingModule):
    """Train a `JointLinker`: to find mentions, and to link them.

    Args:
        vocabulary: number of token ids; from the data when run by a recipe.
        lr: highest learning rate; default 1e-3.
        weight_decay: AdamW's decoupled decay of matrices; default 0.
        warmup: share of the steps in which the learning rate rises; default 0.02.
        shape: the other arguments of `JointLinker`, such as `width`.
    """

    def __init__(
        self,
        vocabulary: int,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        warmup: float = 0.02,
        **shape: Any,
    ) -> None:
        net = JointLinker(vocabulary=vocabulary, asked=None, **shape)  # `setup` asks the data
        super().__init__(net, lr, weight_decay, warmup)
        self.save_hyperparameters()

    def question_losses(self, batch: Batch) -> Tensor:
        """See `LinkingModule.question_losses`."""
        logits, pointers = self.net(batch)
        return listwise(logits, batch.answer) + self.net.tagging_loss(batch, pointers)


def tested(texts: Sequence[LinkedText], questions: int) -> Sequence[LinkedText]:
    """Return the texts all of whose mentions are among the first questions: all but in a trial."""
    ends = list(accumulate(len(text.mentions) for text in texts))
    return texts[: bisect_right(ends, questions)]


def update(
    scores: LinkScores, batch: Batch, logits: Tensor, calibrated: calibration.Calibration
) -> None:
    """Count the answers that logits (questions, 1 + candidates) give, by place.

    Of an entity that the base has, but not as a candidate, every answer is wrong, NIL too.

    Args:
        scores: the figures, counted on.
        batch: the questions.
        logits: that of NIL first.
        calibrated: how logits become a choice.
    """
    probabilities = calibrated.probabilities(logits)
    places = calibrated.choose(probabilities)
    chosen = probabilities.gather(1, places[:, None] + 1)[:, 0]
    counts = torch.bincount(batch.question, minlength=len(logits)).tolist()
    order = logits[:, 1:].argsort(dim=1, descending=True, stable=True).tolist()
    scores.update(
        [[str(place) for place in row[:count]] for row, count in zip(order, counts, strict=True)],
        [str(place) if place >= 0 else None for place in places.tolist()],
        chosen.tolist(),
        [
            str(place) if place >= 0 else "missed" if linkable else None
            for place, linkable in zip(batch.answer.tolist(), batch.linkable.tolist(), strict=True)
        ],
    )
