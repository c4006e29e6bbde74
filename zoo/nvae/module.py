"""The LightningModule of NVAE: a warmed-up, balanced bound, two regularisers, a guard."""

from typing import Any, ClassVar, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import get_total_norm
from torch.optim import Adamax, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torchmetrics import MeanMetric, SumMetric

from zoo.data.images.augment import binarise, flip
from zoo.nvae import losses
from zoo.nvae.distributions import bits_per_dimension
from zoo.nvae.guard import Guard
from zoo.nvae.hierarchy import quantize
from zoo.nvae.likelihood_bound import log_mean, log_weights
from zoo.nvae.losses import SpectralPenalty
from zoo.nvae.net import NVAE
from zoo.optim.distributed import (
    mean_over_processes,
    means_over_processes,
    rank_and_world_size,
)
from zoo.optim.schedule import require_end
from zoo.optim.step_noise import StepNoise

Batch = tuple[Tensor, Tensor]
Split = Literal["valid", "test"]


class NVAETraining(LightningModule):
    """Train an `NVAE` (arXiv 2007.03898, section 3 and appendix A).

    Args:
        shape: channels, height and width of a picture; from the data when run by a recipe.
        optimizer: `adamax` (default, the paper's) or `adamw`.
        lr: highest learning rate; default 1e-2.
        lr_end: learning rate of the last step; default 1e-4.
        epsilon: of the optimiser; default 1e-3.
        weight_decay: of all parameters; default 3e-4.
        warmup: share of the steps in which the learning rate rises; default 0.02.
        kl_warmup: share of the steps in which the KL's weight rises; default 0.15. The paper's 0.3
            is meant for 400 epochs.
        balancing: weigh the groups' KL while it is warmed up; default true.
        spectral: the sum of largest singular values is among the regularisers; default true.
        regularisation: lambda of both regularisers as the KL warm-up begins; default 1e-2.
        regularisation_end: when it has ended; default the same. Both are 0, for none, or neither.
        guard: leave out gradients above this multiple of their running median, and those that are
            not finite; 0 leaves out none; default 10.
        mirror: show half of the pictures from left to right; default false.
        samples: of the importance-weighted bound in `zoo test`; default 0, no such bound.
        statistics_passes: batches that an `EMA` whose `statistics` is `measure` measures batch
            statistics on; default 32.
        seed: of noise and binarisation; that of the recipe when run by one; default 0.
        **architecture: the other fields of `zoo.nvae.Architecture`.
    """

    label_layers: ClassVar[list[str]] = []  # labels are nothing to it, see `ZooCLI.label_layers`

    def __init__(
        self,
        shape: list[int],
        optimizer: Literal["adamax", "adamw"] = "adamax",
        lr: float = 1e-2,
        lr_end: float = 1e-4,
        epsilon: float = 1e-3,
        weight_decay: float = 3e-4,
        warmup: float = 0.02,
        kl_warmup: float = 0.15,
        balancing: bool = True,
        spectral: bool = True,
        regularisation: float = 1e-2,
        regularisation_end: float | None = None,
        guard: float = 10.0,
        mirror: bool = False,
        samples: int = 0,
        statistics_passes: int = 32,
        seed: int = 0,
        **architecture: Any,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        for size in ("vocabulary", "classes", "padding"):  # what the runner notes of all data
            self.hparams.pop(size, None)
        self.net = NVAE(shape=shape, **architecture)
        self.arguments = self.net.arguments
        self.optimizer_name: Literal["adamax", "adamw"] = optimizer
        self.lr, self.lr_end, self.warmup = lr, lr_end, warmup
        self.epsilon, self.weight_decay = epsilon, weight_decay
        self.kl_warmup, self.balancing = kl_warmup, balancing
        self.regularisation = regularisation
        self.regularisation_end = (
            regularisation if regularisation_end is None else regularisation_end
        )
        losses.require_weights(self.regularisation, self.regularisation_end)
        self.mirror, self.samples, self.seed = mirror, samples, seed
        self.statistics_passes = statistics_passes
        self.alpha = losses.group_weights(self.net.plan.groups)
        self.spectral = SpectralPenalty(self.net, seed=seed) if spectral else None
        self.guard = Guard(guard) if guard else None
        self._statistics: list[Tensor] | None = None  # before the batches of this step, of a guard
        self.total_steps = 0  # until there is a trainer
        self.metrics: Any = nn.ModuleDict()
        for split in ("valid", "test"):
            self.metrics[f"{split}_nelbo"] = MeanMetric()
            self.metrics[f"{split}_nelbo_squared"] = MeanMetric()
            self.metrics[f"{split}_count"] = SumMetric()
        if samples:
            self.metrics["test_log_likelihood"] = MeanMetric()

    def forward(self, pictures: Tensor) -> Tensor:
        """Negative evidence lower bound (batch,) of pictures, in nats."""
        return self.net.nelbo(pictures)

    def losses(self, batch: Batch, batch_index: int = 0) -> dict[str, Tensor]:
        """Return the loss of a training step, and its parts for the log.

        All means are over the batch of all processes.
        """
        noise = StepNoise(self.seed, self.current_epoch, batch_index, self.device)
        x = self.seen(batch[0], noise)
        count = mean_over_processes(torch.tensor(float(len(x)), device=x.device))
        self._require_enough(count)
        shapes = self.net.plan.latent_shapes
        drawn = [noise.normal(len(x), *s, phase=2 + i) for i, s in enumerate(shapes)]
        output = self.net(x, drawn)
        nll, kl = output.nll.sum() / count, output.kl.sum(dim=0) / count
        beta = losses.kl_warmth(self.global_step, self.total_steps, self.kl_warmup)
        gamma = torch.ones_like(kl)
        if self.balancing and beta < 1:
            size = output.kl.detach().abs().sum(dim=0) / count  # with flows a KL may be negative
            gamma = losses.balance(mean_over_processes(size), self.alpha)
        bound = nll + beta * (gamma * kl).sum()
        parts = {"nelbo": (nll + kl.sum()).detach(), "nll": nll.detach()}
        parts |= {f"kl_{i}": value for i, value in enumerate(kl.detach())}
        return {"loss": bound + self.penalty(beta), **parts}

    def penalty(self, beta: float) -> Tensor:
        """Return lambda times the regularisers, of the weights alone."""
        with torch.autocast(self.device.type, enabled=False):
            total = losses.batch_norm_penalty(self.net).to(self.device)
            if self.spectral is not None:
                total = total + self.spectral(self.net)
        weight = losses.regularisation_weight(self.regularisation, self.regularisation_end, beta)
        return weight * total

    def seen(self, pictures: Tensor, noise: StepNoise) -> Tensor:
        """Return the pictures of a training step as the net sees them."""
        plan = self.net.plan
        if self.mirror:
            pictures = flip(pictures, noise.uniform(len(pictures), phase=0))
        if plan.likelihood == "bernoulli":
            return binarise(pictures, noise.uniform(len(pictures), *plan.shape, phase=1))
        return quantize(pictures, plan.bits) if plan.likelihood == "mixture" else pictures

    def on_fit_start(self) -> None:
        """Learn how long the training is."""
        self.total_steps = require_end(self.trainer.estimated_stepping_batches)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The loss of pictures float (n, channels, height, width) in [0, 1]."""
        if self.guard is not None and self._statistics is None:
            self._statistics = self._running_statistics()
        parts = self.losses(batch, batch_index)
        means = means_over_processes(list(parts.values()))  # one all-reduce, not one a value
        shown, size = dict(zip(parts, means, strict=True)), len(batch[0])
        self.log("train_nelbo", shown.pop("nelbo"), prog_bar=True, batch_size=size)
        self.log_dict({f"train_{n}": value for n, value in shown.items()}, batch_size=size)
        return parts["loss"]

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Leave out a bad gradient: all processes have the same one and decide alike."""
        if self.guard is None:
            return
        gradients = [p.grad for p in self.net.parameters() if p.grad is not None]
        norm = get_total_norm(gradients)
        taken, before, self._statistics = self.guard(norm), self._statistics, None
        if not taken:
            optimizer.zero_grad(set_to_none=True)
            for now, then in zip(self._running_statistics(copy=False), before or [], strict=True):
                now.copy_(then)  # those of a batch that is not finite would stay so
        self.log_dict({"gradient": norm, "skipped": self.guard.skipped.float()})

    def _running_statistics(self, copy: bool = True) -> list[Tensor]:
        norms = [m for m in self.net.modules() if isinstance(m, _BatchNorm)]
        return [b.clone() if copy else b for norm in norms for b in norm.buffers()]

    def run_for_statistics(self, network: NVAE) -> None:
        """Run a net forward on training pictures, for its batch statistics."""
        data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        batches = data.for_statistics(self.statistics_passes, data.batch_size, self.seed)
        with torch.no_grad():
            for index, x in enumerate(batches):
                first = (self.global_rank + index * self.trainer.world_size) * data.batch_size
                network.bound(x.to(self.device), self.seed, range(first, first + len(x)))

    def on_validation_epoch_start(self) -> None:
        """Begin to count pictures."""
        self._counted = 0

    def on_test_epoch_start(self) -> None:
        """Begin to count pictures."""
        self._counted = 0

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """The bound on the validation split, from one draw of each posterior."""
        pictures, places = batch[0], self._places(len(batch[0]))
        self._add("valid", self.net.nelbo(pictures, seed=self.seed, places=places))

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """The bound on the test split; the importance-weighted one if samples are asked for."""
        pictures, places = batch[0], self._places(len(batch[0]))
        self._add("test", self.net.nelbo(pictures, seed=self.seed, places=places))
        if self.samples:
            weights = log_weights(self.net, pictures, self.samples, self.seed, places)
            self.metrics["test_log_likelihood"].update(log_mean(weights))

    def on_validation_epoch_end(self) -> None:
        """Log the bound on the validation split."""
        self._log_bound("valid")

    def on_test_epoch_end(self) -> None:
        """Log the bounds on the test split: nats with their standard error, bits."""
        mean = self._log_bound("test")
        self.log("test_bits_per_dim", bits_per_dimension(mean, self.net.plan.dimensions))
        if self.samples:
            metric = self.metrics["test_log_likelihood"]
            self.log(f"test_nll_{self.samples}_samples", -metric.compute())
            metric.reset()

    def _places(self, count: int) -> range:
        """Return the places in the data set of the next pictures of this process."""
        rank, world = rank_and_world_size()
        first = self._counted * world + rank
        self._counted += count
        return range(first, first + count * world, world)

    def _add(self, split: Split, nelbo: Tensor) -> None:
        self.metrics[f"{split}_nelbo"].update(nelbo)
        self.metrics[f"{split}_nelbo_squared"].update(nelbo.square())
        self.metrics[f"{split}_count"].update(len(nelbo))

    def _log_bound(self, split: Split) -> Tensor:
        """Log the mean bound and the standard error of the mean over pictures."""
        metrics = [self.metrics[f"{split}_{n}"] for n in ("nelbo", "nelbo_squared", "count")]
        mean, square, count = (metric.compute() for metric in metrics)
        self.log(f"{split}_nelbo", mean, prog_bar=True)
        self.log(f"{split}_nelbo_error", ((square - mean.square()).clamp(min=0) / count).sqrt())
        for metric in metrics:
            metric.reset()
        return mean

    def _require_enough(self, count: Tensor) -> None:
        if self.net.plan.norm == "batch" and self.net.training and count < 2:
            raise ValueError(
                "a batch of 1 picture with norm batch: expected at least 2, whose statistics are "
                "taken; raise data.batch_size, or set model.norm to none"
            )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adamax or AdamW; a straight rise, then half a cosine to the last step."""
        kind = Adamax if self.optimizer_name == "adamax" else AdamW
        optimizer = kind(
            self.net.parameters(), lr=self.lr, eps=self.epsilon, weight_decay=self.weight_decay
        )
        total = require_end(self.trainer.estimated_stepping_batches)
        rising = max(1, round(self.warmup * total))
        falling = max(1, total - rising)
        schedule = SequentialLR(
            optimizer,
            [
                LinearLR(optimizer, 1 / (rising + 1), total_iters=rising),
                CosineAnnealingLR(optimizer, falling, self.lr_end),
            ],
            milestones=[rising],
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
