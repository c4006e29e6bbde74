"""The LightningModule of the masked Transformer: one net, any mixture of objectives."""

from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import AdamW
from torchmetrics import MeanMetric

from zoo.masks.encoder import Activation
from zoo.masks.losses import bits, token_nats
from zoo.masks.objectives import OBJECTIVES, Batch, Task
from zoo.masks.transformer import Transformer
from zoo.metrics.rouge_bleu import TitleScores
from zoo.optim.distributed import mean_over_processes
from zoo.optim.schedule import rise_and_fall

Split = Literal["valid", "test"]


class MaskedModel(LightningModule):
    """Train a `Transformer` under one objective or several, with AdamW and a linear schedule.

    Each step has one objective, drawn by its weight, as in UniLM (arXiv 1905.03197, section 2.3).

    Args:
        vocabulary: number of token ids; from the data when run by a recipe.
        objectives: the weight of each, by the names of `zoo.masks.objectives.OBJECTIVES`; default
            `{"unilm": 1}`.
        width: channels of a token; default 256.
        depth: layers; default 4.
        heads: attention heads; default 4.
        hidden: channels inside the perceptrons; default four times `width`.
        positions: longest sequence; 0 for rotary positions; default 512.
        segments: segment embeddings; default 2.
        norm: `post` (default, BERT) or `pre`.
        head: `bert` (default) or `tied`.
        activation: of the perceptrons and the head; default the exact GELU, as in BERT.
        epsilon: of the layer norms; default 1e-12, as in BERT.
        targets: positions that can be predicted by name, for `permutation`; default 0.
        two_stream: XLNet's query stream, for `two_stream`; default false.
        padding: id of padding; default 0.
        dropout: dropout probability; default 0.1.
        lr: highest learning rate; default 1e-4.
        weight_decay: AdamW's decoupled decay of matrices; default 0.01.
        warmup: share of the steps in which the learning rate rises; default 0.1.
        smoothing: label smoothing; default 0.
        beams: beam widths of the generation that `zoo test` scores on pairs; default none.
        max_length: tokens of a generated target; default 32.
        length_penalty: of the beam searches: scores are `total / length ** length_penalty`;
            default 1.

    Raises:
        ValueError: if an objective is unknown, or is not one that the net can have.
    """

    def __init__(
        self,
        vocabulary: int,
        objectives: dict[str, float] | None = None,
        width: int = 256,
        depth: int = 4,
        heads: int = 4,
        hidden: int | None = None,
        positions: int = 512,
        segments: int = 2,
        norm: Literal["post", "pre"] = "post",
        head: Literal["bert", "tied"] = "bert",
        activation: Activation = "gelu",
        epsilon: float = 1e-12,
        targets: int = 0,
        two_stream: bool = False,
        padding: int = 0,
        dropout: float = 0.1,
        lr: float = 1e-4,
        weight_decay: float = 0.01,
        warmup: float = 0.1,
        smoothing: float = 0.0,
        beams: list[int] | None = None,
        max_length: int = 32,
        length_penalty: float = 1.0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.objectives = objectives or {"unilm": 1.0}
        require_possible(self.objectives, targets, two_stream)
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup
        self.smoothing, self.max_length = smoothing, max_length
        self.length_penalty = length_penalty
        self.arguments = {
            "vocabulary": vocabulary,
            "width": width,
            "depth": depth,
            "heads": heads,
            "hidden": hidden,
            "positions": positions,
            "segments": segments,
            "norm": norm,
            "head": head,
            "activation": activation,
            "epsilon": epsilon,
            "targets": targets,
            "two_stream": two_stream,
            "padding": padding,
            "dropout": dropout,
        }
        self.net = Transformer(**self.arguments)
        self.bits: Any = nn.ModuleDict(
            {f"{s}_{o}": MeanMetric() for s in ("valid", "test") for o in self.objectives}
        )
        self.scores: Any = nn.ModuleDict({str(beam): TitleScores() for beam in beams or []})

    def forward(self, batch: Batch, task: Task) -> Tensor:
        """Logits (n, vocabulary), as `predict`."""
        return predict(self.net, batch, task)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Mean nats a prediction, under the objective that this step has."""
        name = self._drawn(batch_index)
        task = OBJECTIVES[name](batch, None)
        nats = token_nats(self(batch, task), task.labels, self.smoothing)
        count = torch.tensor(len(nats), device=self.device)
        loss = nats.sum() / mean_over_processes(count).clamp(min=1)
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch.token_ids))
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Bits a prediction under each objective, on the validation split."""
        self._evaluate(batch, batch_index, "valid")

    def test_step(self, batch: Batch, batch_index: int) -> None:
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

    def _evaluate(self, batch: Batch, batch_index: int, split: Split) -> None:
        for name in self.objectives:
            generator = torch.Generator(self.device).manual_seed(batch_index)
            task = OBJECTIVES[name](batch, generator)
            metric = self.bits[f"{split}_{name}"]
            metric(bits(token_nats(self(batch, task), task.labels)))
            self.log(f"{split}_bits_{name}", metric, prog_bar=True, batch_size=len(task.labels))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW without decay of biases and norms; the schedule ends with the last step."""
        matrices = [p for p in self.parameters() if p.dim() > 1]
        vectors = [p for p in self.parameters() if p.dim() <= 1]
        groups = [
            {"params": matrices, "weight_decay": self.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        optimizer = AdamW(groups, lr=self.lr)
        total = int(self.trainer.estimated_stepping_batches)
        rising = max(1, round(self.warmup * total))
        schedule = rise_and_fall(optimizer, rising, total - rising, first=1 / (rising + 1))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def predict(net: Transformer, batch: Batch, task: Task) -> Tensor:
    """Return the logits (n, vocabulary) of the predictions that a task asks for.

    The head is applied to their states alone: over ten thousand tokens it costs as much as two
    layers, and a title is a tenth of its abstract.
    """
    if task.order is not None:
        logits = net.logits_in_order(task.token_ids, task.order, batch.segment_ids, batch.valid)
        return logits[task.rows]
    states = net.encode(task.token_ids, batch.segment_ids, task.mask, target_ids=task.target_ids)
    return net.logits(states[task.rows])


def require_possible(objectives: dict[str, float], targets: int, two_stream: bool) -> None:
    """Refuse objectives that are unknown, have no weight, or need another net.

    Raises:
        ValueError: if there is such an objective.
    """
    for name, weight in objectives.items():
        if name not in OBJECTIVES:
            raise ValueError(f"no objective {name!r}: expected some of {', '.join(OBJECTIVES)}")
        if weight <= 0:
            raise ValueError(f"the weight of {name} is {weight}: leave it out, or weigh it above 0")
    if "permutation" in objectives and not targets:
        raise ValueError("permutation needs a net that is told what to predict: set targets")
    if "two_stream" in objectives and not two_stream:
        raise ValueError("two_stream needs a net with a query stream: set two_stream to true")
