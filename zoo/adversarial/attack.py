"""What all attacks share: passes of a training step, composed as Lightning callbacks.

Everything happens inside `training_step`, so that Lightning sees one loss and runs one backward:
gradient accumulation, clipping, mixed precision and DDP need no special care from the user.
"""

import inspect
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import wraps
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import (
    DeepSpeedStrategy,
    FSDPStrategy,
    ModelParallelStrategy,
)
from lightning.pytorch.utilities import rank_zero_warn
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn

from zoo.adversarial.gradients import add_gradients
from zoo.adversarial.places import Shifts
from zoo.adversarial.rehearsal import rehearsal
from zoo.adversarial.timing import StepClock
from zoo.errors import require_whole
from zoo.optim.step_noise import StepNoise

SHARDED = (DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy)


class Attack(Callback):
    """Base of the callbacks that put passes of their own around a training step.

    A training step becomes rehearsals, passes of the module's own `training_step` that leave no
    trace, and one performance, whose result is returned. Attacks nest in the order of the
    callbacks, the last one outermost: it chooses its shift by rehearsals of the module's own step
    and then performs the step of the attack before it, at that shift. The shift stays in place
    until backward is over, because gradient checkpointing repeats the forward there.

    Args:
        start_epoch: the first epoch that is attacked; default 0.
        warmup: steps over which the strength rises linearly to its full value; default 0.
        every: attack each n-th step of the optimizer; default 1, all.
        seed: of random starts, at least 0; default 0.
        log: log what the attack measures, under names that begin with the attack's; default true.
    """

    place: Any = None  # a Place, or None for an attack that moves nothing
    logits: Any = None  # a Logits, or None for an attack that sees the loss alone
    backward_share: float | None = 0.0  # of the step's backward that a plain step has not

    def __init__(
        self,
        start_epoch: int = 0,
        warmup: int = 0,
        every: int = 1,
        seed: int = 0,
        log: bool = True,
    ) -> None:
        self.start_epoch = require_whole("start_epoch", start_epoch, least=0)
        self.warmup = require_whole("warmup", warmup, least=0)
        self.every = require_whole("every", every)
        self.seed, self.log = require_whole("seed", seed, least=0), log
        self._installed = ExitStack()
        self._pending: list[Tensor | None] = []
        self.clock = StepClock()

    @property
    def prefix(self) -> str:
        """What the names of logged values begin with."""
        return type(self).__name__.lower()

    def attack(self, step: "AttackedStep") -> Any:
        """Run the passes of one training step; return the result of `step.perform()`."""
        raise NotImplementedError

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the attack around `training_step`.

        Raises:
            ValueError: if the module, the strategy or the other callbacks do not allow it, or a
                pattern matches nothing.
        """
        self.check(trainer, pl_module)
        if is_compiled(pl_module):  # what was compiled before knows no hooks
            torch.compiler.reset()
        if self.place is not None:
            self._installed.enter_context(self.place.install(pl_module))
        if self.logits is not None:
            self._installed.callback(self.logits.install(pl_module).remove)
        inner = pl_module.training_step
        own = getattr(inner, "own_step", inner)
        self._installed.callback(restore_step, pl_module, own)
        pl_module.training_step = self._attacked(own, inner, trainer, pl_module)

    def check(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse what cannot work."""
        name, module = type(self).__name__, type(pl_module).__name__
        if not pl_module.automatic_optimization:
            raise ValueError(
                f"{name} needs automatic optimization, but {module} sets "
                "automatic_optimization = False; return the loss from training_step instead"
            )
        if "dataloader_iter" in inspect.signature(pl_module.training_step).parameters:
            raise ValueError(
                f"{name} runs training_step twice on a batch, but {module} "
                "fetches its batches itself; take batch instead of dataloader_iter"
            )
        if isinstance(trainer.strategy, SHARDED):
            raise ValueError(
                f"{name} needs whole parameters on each process, but {type(trainer.strategy)} "
                "divides them; train with strategy ddp"
            )
        callbacks: list[Callback] = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        attacks = [callback for callback in callbacks if isinstance(callback, Attack)]
        if self.logits is not None and attacks[0] is not self:
            raise ValueError(
                f"{name} compares two passes of the module, but stands after "
                f"{type(attacks[0]).__name__}: expected it first among the attacks; put it first "
                "in callbacks, and only one such attack"
            )
        if self.place is None:
            return
        mine = {id(target): n for n, target in self.place.targets(pl_module).items()}
        for other in attacks:
            if other is self or other.place is None:
                continue
            both = [n for n, t in other.place.targets(pl_module).items() if id(t) in mine]
            if both:
                raise ValueError(
                    f"{name}, {type(other).__name__}: two attacks move {both[0]}; choose one, or "
                    "give them patterns that do not overlap"
                )

    def strength(self, trainer: Trainer, full: float) -> float:
        """Return a strength at the present step of the warm-up."""
        return full * min(1.0, (trainer.global_step + 1) / self.warmup) if self.warmup else full

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Start the clock."""
        self.clock.start()

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Start the clock of the step's backward."""
        self.clock.start_backward()

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the gradients of further passes, and move the place back.

        No checkpoint will repeat the forward any more, and the gradients of the first micro-batch
        have been cleared.
        """
        if self._pending:
            add_gradients(pl_module, self._pending)
        self._forget()
        if self.clock.added and self.backward_share:
            self.clock.end_backward(self.backward_share)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Forget what a skipped batch left; log the time over a plain step, on a CPU alone."""
        self._forget()
        known = self.backward_share is not None and pl_module.device.type == "cpu"
        if self.log and self.clock.added and known:
            pl_module.log(f"{self.prefix}_time_factor", self.clock.factor())

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the module as it was before."""
        self._uninstall()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave the module as it was before."""
        self._uninstall()

    def _forget(self) -> None:
        self._pending = []
        if self.place is not None:
            self.place.move(None)

    def _uninstall(self) -> None:
        self._forget()
        self._installed.close()

    def _attacked(
        self,
        own: Callable[..., Any],
        inner: Callable[..., Any],
        trainer: Trainer,
        pl_module: LightningModule,
    ) -> Callable[..., Any]:
        @wraps(inner)
        def attacked_step(*args: Any, **kwargs: Any) -> Any:
            started = trainer.current_epoch >= self.start_epoch
            if not started or trainer.global_step % self.every:
                return inner(*args, **kwargs)
            with self.clock.adding():
                return self.attack(AttackedStep(self, trainer, pl_module, own, inner, args, kwargs))

        vars(attacked_step)["own_step"] = own
        return attacked_step


class AttackedStep:
    """One training step of one batch, as an attack sees it.

    Args:
        attack: whose step.
        trainer: the trainer.
        module: the LightningModule.
        own: its own `training_step`.
        inner: that of the attack before this one, or its own.
        args: of the step: the batch and its number.
        kwargs: of the step.
    """

    def __init__(
        self,
        attack: Attack,
        trainer: Trainer,
        module: LightningModule,
        own: Callable[..., Any],
        inner: Callable[..., Any],
        args: tuple,
        kwargs: dict[str, Any],
    ) -> None:
        self.attack, self.trainer, self.module = attack, trainer, module
        self._own, self._inner, self._args, self._kwargs = own, inner, args, kwargs

    def perform(self) -> Any:
        """Run the step that counts and return its result; log its loss at a shift found."""
        with self.attack.clock.adding(-1):
            output = self._inner(*self._args, **self._kwargs)
        place, loss = self.attack.place, loss_of(output)
        if place is not None and place.shifts and not place.grows and loss is not None:
            self.log(adversarial_loss=loss.detach())
        return output

    def rehearse(self, **options: Any) -> Tensor | None:
        """Run the module's own step without a trace.

        Args:
            **options: `start` and `rewind` of `rehearsal`.

        Returns:
            The loss with its graph; None if the step skips the batch.
        """
        args, kwargs = apply_to_collection(
            (self._args, self._kwargs), Tensor, torch.clone, allow_frozen=True
        )
        with rehearsal(self.module, **options):
            return loss_of(self._own(*args, **kwargs))

    def noise(self, zero: Tensor, number: int) -> Tensor:
        """Draw standard normal numbers in the shape of a shift.

        One shift for the whole batch is the same on all processes; shifts of samples are drawn
        for the samples of all of them.
        """
        batch = self.trainer.fit_loop.epoch_loop.batch_idx
        seed = self.attack.seed
        draw = StepNoise(seed, self.trainer.current_epoch, batch, zero.device)
        if self.attack.place is not None and self.attack.place.samples:
            numbers = draw.normal(len(zero), *zero.shape[1:], phase=number)
        else:
            numbers = torch.randn(zero.shape, generator=draw.generator(number), device=zero.device)
        return numbers.to(zero.dtype)

    def measure(
        self, loss: Tensor | None, leaves: Shifts, share: float = 0.0, name: str = "loss"
    ) -> Shifts:
        """Differentiate the loss of a rehearsal, without touching any `.grad`.

        Args:
            loss: float (), or None if the batch was skipped.
            leaves: the tensors to differentiate for.
            share: if not 0, this share of the gradient of the parameters is added to that of the
                step, after its backward.
            name: of the loss, for the warning that it does not depend on the leaves.

        Returns:
            The gradients by leaf, averaged over processes where one shift serves the whole batch,
            up to one positive factor: the scale of the loss under fp16.
        """
        if loss is None:  # training_step skips this batch
            return {key: torch.zeros_like(leaf) for key, leaf in leaves.items()}
        trained = [p for p in self.module.parameters() if p.requires_grad] if share else []
        found = self._differentiate(self.scale(loss), [*leaves.values(), *trained])
        if share:
            self._keep(found[len(leaves) :], share)
        found = found[: len(leaves)]
        if leaves and all(gradient is None for gradient in found):
            rank_zero_warn(
                f"the {name} does not depend on what {type(self.attack).__name__} moves, which "
                "changes nothing in this step"
            )
        shared = self.attack.place is None or not self.attack.place.samples
        filled = [
            torch.zeros_like(leaf) if g is None else g.to(torch.promote_types(g.dtype, torch.float))
            for g, leaf in zip(found, leaves.values(), strict=True)
        ]
        if shared:
            filled = [self.trainer.strategy.reduce(g, reduce_op="mean") for g in filled]
        return dict(zip(leaves, filled, strict=True))

    def report(self, loss: Tensor | None, gradients: Shifts, **more: Tensor) -> None:
        """Log a loss, the norm of its gradient and how often that gives no direction.

        Args:
            loss: float (), the clean one, or at a random start; None if the batch was skipped.
            gradients: of `measure`; at the scale of the loss under fp16.
            **more: other numbers to log.
        """
        if loss is None or not gradients or not self.attack.log:
            return
        place = self.attack.place
        norms = place.norms(gradients)
        directed = norms.isfinite() & (norms > 0)
        size = norms.mean() / self.scale(torch.ones_like(norms[0]))
        none = 1 - directed.float().mean()
        more["clean_loss" if place.draw is None else "start_loss"] = loss.detach()
        self.log(gradient_norm=size, no_direction=none, **more)

    def log(self, **values: Tensor | float | None) -> None:
        """Log numbers under names that begin with the attack's."""
        if self.attack.log:
            for name, value in values.items():
                if value is not None:
                    self.module.log(f"{self.attack.prefix}_{name}", value)

    def scale(self, loss: Tensor) -> Tensor:
        """Return the loss at the scale of its backward, or fp16 gradients underflow."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        return loss if scaler is None else scaler.scale(loss)

    def _differentiate(self, loss: Tensor, leaves: list[Tensor]) -> list[Tensor | None]:
        try:
            with torch.autocast(loss.device.type, enabled=False):  # as Lightning's own backward
                return list(torch.autograd.grad(loss, leaves, allow_unused=True))
        except RuntimeError as error:
            if ".grad()" not in str(error):
                raise
            raise ValueError(
                f"{type(self.attack).__name__} cannot work with reentrant gradient checkpointing; "
                "checkpoint with use_reentrant=False"
            ) from error

    def _keep(self, gradients: list[Tensor | None], share: float) -> None:
        """Add gradients of parameters to those that wait for the end of backward."""
        share /= self.trainer.accumulate_grad_batches
        scaled = [None if g is None else share * g for g in gradients]
        before = self.attack._pending or [None] * len(scaled)
        self.attack._pending = [
            g if b is None else b if g is None else b.add_(g)
            for b, g in zip(before, scaled, strict=True)
        ]


def restore_step(module: LightningModule, own: Callable[..., Any]) -> None:
    """Give a module the `training_step` it had before all attacks, in whatever order they leave."""
    vars(module).pop("training_step", None)
    if module.training_step != own:  # a compiled module carries its own
        module.training_step = own


def loss_of(output: Any) -> Tensor | None:
    """Return the loss in what `training_step` returned."""
    return output.get("loss") if isinstance(output, Mapping) else output


def with_loss(output: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return what `training_step` returned with another loss; None stays None."""
    if not isinstance(output, Mapping):
        return None if output is None else change(output)
    loss = output.get("loss")
    return output if loss is None else {**output, "loss": change(loss)}


def is_compiled(module: nn.Module) -> bool:
    """Tell whether a part of a module is compiled by torch.compile."""
    return any(
        getattr(part, "_compiled_call_impl", None) is not None
        or type(part).__name__ == "OptimizedModule"
        for part in module.modules()
    )
