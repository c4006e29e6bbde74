"""The LightningModule of the masked Transformer: one net, any mixture of objectives."""

import math
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import AdamW
from torchmetrics import MeanMetric

from zoo.masks.losses import bits, token_nats
from zoo.masks.net import Transformer
from zoo.masks.objectives import (
    OBJECTIVES,
    TextBatch,
    TokenPrediction,
    draws_of_step,
    draws_of_texts,
)
from zoo.metrics.rouge_bleu import TitleScores
from zoo.optim.distributed import means_over_processes, part_of_mean
from zoo.optim.schedule import decayed_matrices, warm_up
from zoo.optim.step_noise import StepNoise

Split = Literal["valid", "test"]


class MaskedModel(LightningModule):
    """Train a `Transformer` under one objective or several, with AdamW and a linear schedule.

    Each step has one objective, drawn by its weight, as in UniLM (arXiv 1905.03197, section 2.3).

    Args:
        vocabulary: number of token ids; from the data when run by a recipe.
        objectives: the weight of each, by the names of `zoo.masks.objectives.OBJECTIVES`; default
            `{"unilm": 1}`.
        lr: highest learning rate; default 1e-4.
        weight_decay: AdamW's decoupled decay of matrices; default 0.01.
        warmup: share of the steps in which the learning rate rises; default 0.1.
        smoothing: label smoothing; default 0.
        beams: beam widths of the generation that `zoo test` scores on pairs; default none.
        max_length: tokens of a generated target; default 32.
        length_penalty: of the beam searches: scores are `total / length ** length_penalty`;
            default 1.
        seed: of objectives, masks and orders; that of the recipe when run by one; default 0.
        shape: the other arguments of `Transformer`, such as `width`.

    Raises:
        ValueError: if an objective is unknown, or is not one that the net can have.
    """

    def __init__(
        self,
        vocabulary: int,
        objectives: dict[str, float] | None = None,
        lr: float = 1e-4,
        weight_decay: float = 0.01,
        warmup: float = 0.1,
        smoothing: float = 0.0,
        beams: list[int] | None = None,
        max_length: int = 32,
        length_penalty: float = 1.0,
        seed: int = 0,
        **shape: Any,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.objectives = objectives or {"unilm": 1.0}
        self.net = Transformer(vocabulary=vocabulary, **shape)
        self.arguments = self.net.arguments
        require_possible(self.objectives, self.net)
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup
        self.smoothing, self.max_length = smoothing, max_length
        self.length_penalty, self.seed = length_penalty, seed
        self.bits: Any = nn.ModuleDict(
            {f"{s}_{o}": MeanMetric() for s in ("valid", "test") for o in self.objectives}
        )
        self.scores: Any = nn.ModuleDict({str(beam): TitleScores() for beam in beams or []})

    def forward(self, batch: TextBatch, asked: TokenPrediction) -> Tensor:
        """Logits (n, vocabulary), as `predict`."""
        return predict(self.net, batch, asked)

    def losses(self, batch: TextBatch, batch_index: int = 0) -> dict[str, Tensor]:
        """Mean nats a prediction, under the objective that this step has."""
        name = self._drawn(batch_index)
        noise = StepNoise(self.seed, self.current_epoch, batch_index, self.device)
        asked = OBJECTIVES[name](batch, draws_of_step(batch, noise))
        nats = token_nats(self(batch, asked), asked.labels, self.smoothing)
        count = torch.tensor(len(nats), device=self.device)
        return {"loss": part_of_mean(nats.sum(), count)}

    def training_step(self, batch: TextBatch, batch_index: int) -> Tensor:
        """The loss of a training step."""
        loss = self.losses(batch, batch_index)["loss"]
        size = len(batch.token_ids)
        (mean,) = means_over_processes([loss])
        self.log("train_loss", mean, prog_bar=True, batch_size=size)
        return loss

    def validation_step(self, batch: TextBatch, batch_index: int) -> None:
        """Bits a prediction under each objective, on the validation split."""
        self._evaluate(batch, "valid")

    def test_step(self, batch: TextBatch, batch_index: int) -> None:
        """Bits a prediction under each objective; the scores of what is generated."""
        self._evaluate(batch, "test")
        for beam, scores in self.scores.items():
            with torch.autocast(self.device.type, enabled=False):  # beams compare small differences
                made = self.net.generate(
                    batch.sources,
                    beam=int(beam),
                    max_new_tokens=self.max_length,
                    no_repeat_ngram=None,  # the published tables have no such rule
                    **({} if beam == "1" else {"length_penalty": self.length_penalty}),
                )
            scores.update(made, batch.targets)

    def on_test_start(self) -> None:
        """Give the net the tokenizer that it generates with."""
        if self.scores:
            data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
            vars(self.net)["preprocess"] = data.preprocess

    def on_test_epoch_end(self) -> None:
        """Log the scores of what was generated, by the width of the beam."""
        for beam, scores in self.scores.items():
            for name, value in scores.compute().items():
                self.log(f"test_{name}_{'greedy' if beam == '1' else f'beam{beam}'}", value)
            scores.reset()

    def _drawn(self, batch_index: int) -> str:
        """Return the objective of a step: the same on all processes, and after a resume."""
        noise = StepNoise(self.seed, self.current_epoch, batch_index)
        weights = torch.tensor(list(self.objectives.values()), dtype=torch.float64)
        drawn = weights.multinomial(1, generator=noise.generator(1))
        return list(self.objectives)[int(drawn)]

    def _evaluate(self, batch: TextBatch, split: Split) -> None:
        for name in self.objectives:
            asked = OBJECTIVES[name](batch, draws_of_texts(batch))
            metric = self.bits[f"{split}_{name}"]
            metric(bits(token_nats(self(batch, asked), asked.labels)))
            self.log(f"{split}_bits_{name}", metric, prog_bar=True, batch_size=len(asked.labels))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW without decay of biases and norms; the schedule ends with the last step."""
        optimizer = AdamW(decayed_matrices(self, self.weight_decay), lr=self.lr)
        return warm_up(optimizer, self.warmup, self.trainer.estimated_stepping_batches)


def predict(net: Transformer, batch: TextBatch, asked: TokenPrediction) -> Tensor:
    """Return the logits (n, vocabulary) of the tokens that an objective asks for.

    The head is applied to their states alone: over ten thousand tokens it costs as much as two
    layers, and a title is a tenth of its abstract.
    """
    if asked.order is not None:
        logits = net.logits_in_order(asked.token_ids, asked.order, batch.segment_ids, batch.valid)
        return logits[asked.rows]
    states = net.encode(asked.token_ids, batch.segment_ids, asked.mask, target_ids=asked.target_ids)
    logits = net.logits(states[asked.rows])
    # DDP waits for a gradient of every parameter, in steps of this objective, too
    return logits if net.query is None else logits + 0.0 * net.query.sum()


def require_possible(objectives: dict[str, float], net: Transformer) -> None:
    """Refuse objectives that are unknown, have no weight, or need another net.

    Raises:
        ValueError: if there is such an objective.
    """
    for name, weight in objectives.items():
        if name not in OBJECTIVES:
            raise ValueError(f"no objective {name!r}: expected some of {', '.join(OBJECTIVES)}")
        if not 0 < weight < math.inf:
            raise ValueError(
                f"the weight of {name} is {weight}: leave it out, or give a number above 0"
            )
    if "permutation" in objectives and net.encoder.target_embedding is None:
        raise ValueError("permutation needs a net that is told what to predict: set targets")
    if "two_stream" in objectives and net.query is None:
        raise ValueError("two_stream needs a net with a query stream: set two_stream to true")
