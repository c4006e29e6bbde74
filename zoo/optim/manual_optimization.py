"""Modules that optimise by hand: several networks, one optimiser each, as in a GAN.

Lightning's own way fails where two backward passes share a step: `ddp` crashes, its variant that
finds unused parameters stops after half the batches, and every optimiser moves `global_step`, by
which checkpoints, `max_steps` and resuming go. Here a backward pass stays on its process, the
gradients of a network are averaged in one all-reduce, and one optimiser alone moves the counter.
"""

from contextlib import nullcontext

import torch
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer, do_nothing_closure
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_

from zoo.optim.distributed import means_over_processes, rank_and_world_size
from zoo.optim.step_noise import StepNoise


class OptimisesByHand(LightningModule):
    """A LightningModule that steps its optimisers itself, right on one process and on several.

    A step of the trainer is a step of the optimiser number `counted`, the generator's in a GAN:
    `training_step` takes it at most once, and the others as often as it wants. Everything that
    Lightning does for a single optimiser is done here or by the module: clipping by `take_step`,
    accumulation by several `add_gradient` before a `take_step`, schedules by `take_step`, which
    advances those of `configure_optimizers` whose optimiser it steps. Lightning's options for
    these are refused. `losses(batch)` gives the losses without a trainer.

    Attributes:
        counted: the optimiser whose steps the trainer counts; default 0.
        seed: of the noise, set by the subclass; default 0.

    Example:
        A step of a critic (optimiser 1), then one of a generator (optimiser 0):

            def training_step(self, batch, batch_index):
                noise = self.noise(batch_index)
                z = noise.normal(len(batch), 64, phase=0)
                self.add_gradient(1, self.critic_loss(batch, z))
                self.take_step(1)
                z = noise.normal(len(batch), 64, phase=1)
                self.add_gradient(0, self.generator_loss(batch, z))
                self.take_step(0, clip=1.0)
    """

    counted: int = 0
    seed: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def losses(self, batch: object, batch_index: int = 0) -> dict[str, Tensor]:
        """Return each network's loss by name, without changing anything; needs no trainer.

        Their sum reaches every parameter that is trained.
        """
        raise NotImplementedError

    def noise(self, batch_index: int) -> StepNoise:
        """Return the random numbers of a training step."""
        return StepNoise(self.seed, self.current_epoch, batch_index, self.device)

    def optimizer(self, index: int) -> LightningOptimizer:
        """Return an optimiser by its place in what `configure_optimizers` returns."""
        found = self.optimizers()
        chosen = found[index] if isinstance(found, list) else [found][index]
        assert isinstance(chosen, LightningOptimizer)
        return chosen

    def parameters_of(self, index: int) -> list[torch.nn.Parameter]:
        """Return the parameters that an optimiser moves."""
        groups = self.optimizer(index).param_groups
        return [p for group in groups for p in group["params"] if p.requires_grad]

    def add_gradient(self, index: int, loss: Tensor) -> None:
        """Add the gradient of a loss to the parameters of one optimiser, and to no others.

        Args:
            index: the optimiser.
            loss: float (), a mean over this process's part of the batch. To accumulate over
                parts, call once for each with its loss times its share of the batch.
        """
        wrapper = self.trainer.strategy.model
        local = isinstance(wrapper, DistributedDataParallel)
        with wrapper.no_sync() if local else nullcontext():
            self.manual_backward(loss, inputs=self.parameters_of(index))

    def average_gradients(self, index: int, clip: float | None = None) -> Tensor | None:
        """Average the gradients of one optimiser's parameters over processes, in one all-reduce.

        Args:
            index: the optimiser.
            clip: largest norm of the averaged gradients; default no limit.

        Returns:
            float (), the norm before clipping; None without `clip`.
        """
        parameters = self.parameters_of(index)
        _, world = rank_and_world_size()
        if world > 1:
            gradients = [p.grad for p in parameters if p.grad is not None]
            for gradient, mean in zip(gradients, means_over_processes(gradients), strict=True):
                gradient.copy_(mean)
        return clip_grad_norm_(parameters, clip) if clip is not None else None

    def take_step(self, index: int, clip: float | None = None) -> Tensor | None:
        """Step one optimiser with the gradients added since its last step.

        They are averaged over processes and, if asked, clipped; the optimiser's schedules advance
        and the gradients are cleared.

        Args:
            index: the optimiser.
            clip: largest norm of the averaged gradients; default no limit.

        Returns:
            float (), the norm before clipping; None without `clip`.
        """
        norm = self.average_gradients(index, clip)
        optimizer = self.optimizer(index)
        if index != self.counted:  # Lightning arms the counter of each optimiser before each batch
            optimizer._on_before_step = optimizer._on_after_step = do_nothing_closure
        optimizer.step()
        optimizer.zero_grad()
        for schedule in self._schedules():
            if schedule.optimizer is optimizer.optimizer:
                schedule.step()  # pyright: ignore[reportCallIssue]
        return norm

    def _schedules(self) -> list:
        found = self.lr_schedulers() or []
        return found if isinstance(found, list) else [found]

    def configure_callbacks(self) -> list[Callback]:
        """Refuse what cannot work; Lightning calls this before its own checks.

        Raises:
            ValueError: naming the option and what to do instead.
        """
        self._refuse_options()
        return []

    def _refuse_options(self) -> None:
        trainer, strategy = self.trainer, self.trainer.strategy
        itself = f"{type(self).__name__} steps its optimisers itself"
        if trainer.gradient_clip_val:
            raise ValueError(
                f"trainer.gradient_clip_val is {trainer.gradient_clip_val}: expected none, for "
                f"{itself}; leave it out and set the model's own option for clipping"
            )
        if trainer.accumulate_grad_batches != 1:
            raise ValueError(
                f"trainer.accumulate_grad_batches is {trainer.accumulate_grad_batches}: expected "
                f"1, for {itself}; set the model's own option, or a smaller data.batch_size"
            )
        if trainer.precision == "16-mixed":
            raise ValueError(
                f"trainer.precision is 16-mixed: expected 32-true or bf16-mixed, for {itself} and "
                "scales no loss"
            )
        finds = getattr(strategy, "_ddp_kwargs", {}).get("find_unused_parameters")
        if finds or not isinstance(strategy, SingleDeviceStrategy | DDPStrategy):
            raise ValueError(
                f"trainer.strategy is {type(strategy).__name__}"
                f"{' that finds unused parameters' if finds else ''}: expected ddp or one device, "
                f"for {itself}; give --trainer.strategy ddp"
            )
