"""The LightningModule of the masked Transformer: one net, any mixture of objectives."""

from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import AdamW
from torchmetrics import MeanMetric

from zoo.masks.losses import bits, token_nats
from zoo.masks.net import Transformer
from zoo.masks.objectives import OBJECTIVES, TextBatch, TokenPrediction
from zoo.metrics.rouge_bleu import TitleScores
from zoo.optim.distributed import part_of_mean
from zoo.optim.schedule import decayed_matrices, warm_up

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
        self.length_penalty = length_penalty
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
        asked = OBJECTIVES[name](batch, None)
        nats = token_nats(self(batch, asked), asked.labels, self.smoothing)
        count = torch.tensor(len(nats), device=self.device)
        return {"loss": part_of_mean(nats.sum(), count)}

    def training_step(self, batch: TextBatch, batch_index: int) -> Tensor:
        """The loss of a training step."""
        loss = self.losses(batch, batch_index)["loss"]
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch.token_ids))
        return loss

    def validation_step(self, batch: TextBatch, batch_index: int) -> None:
        """Bits a prediction under each objective, on the validation split."""
        self._evaluate(batch, batch_index, "valid")

    def test_step(self, batch: TextBatch, batch_index: int) -> None:
        """Bits a prediction under each objective; the scores of what is generated."""
        self._evaluate(batch, batch_index, "test")
        for beam, scores in self.scores.items():
            with torch.autocast(self.device.type, enabled=False):  # beams compare small differences
                made = self.net.generate(
                    batch.sources,
                    beam=int(beam),
                    max_new_tokens=self.max_length,
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
        step = 1_000_003 * self.current_epoch + batch_index
        weights = torch.tensor(list(self.objectives.values()))
        drawn = weights.multinomial(1, generator=torch.Generator().manual_seed(step))
        return list(self.objectives)[int(drawn)]

    def _evaluate(self, batch: TextBatch, batch_index: int, split: Split) -> None:
        for name in self.objectives:
            generator = torch.Generator(self.device).manual_seed(batch_index)
            asked = OBJECTIVES[name](batch, generator)
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
    return net.logits(states[asked.rows])


def require_possible(objectives: dict[str, float], net: Transformer) -> None:
    """Refuse objectives that are unknown, have no weight, or need another net.

    Raises:
        ValueError: if there is such an objective.
    """
    for name, weight in objectives.items():
        if name not in OBJECTIVES:
            raise ValueError(f"no objective {name!r}: expected some of {', '.join(OBJECTIVES)}")
        if weight <= 0:
            raise ValueError(f"the weight of {name} is {weight}: leave it out, or weigh it above 0")
    if "permutation" in objectives and net.encoder.target_embedding is None:
        raise ValueError("permutation needs a net that is told what to predict: set targets")
    if "two_stream" in objectives and net.query is None:
        raise ValueError("two_stream needs a net with a query stream: set two_stream to true")
