"""FGM and PGD without Lightning, in a training loop of one's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from zoo.adversarial.attack import AttackedStep, is_compiled
from zoo.adversarial.gradients import add_gradients
from zoo.adversarial.methods import FGM
from zoo.optim.distributed import means_over_processes, rank_and_world_size


@contextmanager
def attacked(model: nn.Module, attack: FGM) -> Iterator[Callable[[Callable[[], Tensor]], Tensor]]:
    """Train a model at the embeddings that an attack finds, in a loop of one's own.

    The loss is given as a function, since it is computed twice or more, with the same dropout
    masks. It may be scaled, for half precision or for accumulated gradients.

    Args:
        model: the model that the loss calls, also in `DistributedDataParallel`.
        attack: `FGM` or `PGD`. What says when to attack (`start_epoch`, `warmup`, `every`) is the
            loop's business here, and nothing is logged.

    Yields:
        What takes the place of `loss.backward()`: a function of a function that computes the loss.
        It adds to the gradients of the parameters, and returns the loss at the shift.

    Raises:
        ValueError: if the attack is another one or is told when to attack, or its pattern matches
            no embedding.

    Example:
        >>> net = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 2))
        >>> optimizer = torch.optim.AdamW(net.parameters())
        >>> with attacked(net, FGM(epsilon=0.5)) as backward:
        ...     for tokens, labels in [(torch.tensor([[1, 2]]), torch.tensor([0]))]:
        ...         loss = backward(lambda: nn.functional.cross_entropy(net(tokens), labels))
        ...         optimizer.step()
        ...         optimizer.zero_grad()
    """
    require_plain(attack)

    def backward(loss: Callable[[], Tensor]) -> Tensor:
        try:
            found = attack.attack(LoopStep(attack, model, loss))
            found.backward()
            if attack._pending:
                add_gradients(model, attack._pending)
        finally:  # backward may have repeated the forward of a checkpoint
            attack._forget()
        return found.detach()

    with install(attack, model):
        yield backward


class LoopStep(AttackedStep):
    """The loss of one batch, as an attack sees it where there is no trainer.

    Args:
        attack: whose step.
        model: the model.
        forward: computes the loss, or a dictionary with `loss`.
        args: of `forward`.
        kwargs: of `forward`.
    """

    def __init__(
        self,
        attack: FGM,
        model: nn.Module,
        forward: Callable[..., Any],
        args: tuple = (),
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        trainer: Any = SimpleNamespace(strategy=Processes, accumulate_grad_batches=1)
        module: Any = model
        super().__init__(attack, trainer, module, forward, forward, args, kwargs or {})
        if getattr(attack, "random_start", False):  # drawn here, where nothing is rewound
            self._seed = int(torch.randint(2**62, ()))

    def rehearse(self, **options: Any) -> Tensor:
        """Compute the loss without a trace; see `AttackedStep.rehearse`.

        Raises:
            ValueError: if there is none.
        """
        model: Any = self.module
        parallel = isinstance(model, DistributedDataParallel)
        with model.no_sync() if parallel else nullcontext():  # no backward will follow
            loss = super().rehearse(**options)
        if loss is None:
            raise ValueError(
                f"{type(self.module).__name__} gives no loss: expected a model that is given its "
                "labels and returns a loss (so without label smoothing by the trainer)"
            )
        return loss

    def noise(self, zero: Tensor, number: int) -> Tensor:
        """Draw standard normal numbers in the shape of a shift, others for each step."""
        generator = torch.Generator(zero.device).manual_seed(self._seed + number)
        noise = torch.randn(zero.shape, dtype=zero.dtype, device=zero.device, generator=generator)
        return noise if self.attack.place.samples else Processes.reduce(noise, "first")

    def scale(self, loss: Tensor) -> Tensor:
        """Return the loss, which the loop itself scales."""
        return loss

    def log(self, **values: Tensor | float | None) -> None:
        """Log nothing."""


class Processes:
    """What an attack asks of the processes that train together."""

    @staticmethod
    def reduce(tensor: Tensor, reduce_op: str) -> Tensor:
        """Return the mean over all processes, or the tensor of the first."""
        if reduce_op == "mean":
            return means_over_processes([tensor])[0]
        _, world = rank_and_world_size()
        if world > 1:
            tensor = tensor.contiguous()
            distributed.broadcast(tensor, 0)
        return tensor


def install(attack: FGM, model: nn.Module) -> ExitStack:
    """Put an attack's hooks on a model; closing what is returned takes them away."""
    if is_compiled(model):  # what was compiled before knows no hooks
        torch.compiler.reset()
    installed = attack.place.install(model)
    installed.callback(attack.place.move, None)
    return installed


def require_plain(attack: FGM) -> None:
    """Refuse what needs Lightning.

    Raises:
        ValueError: with what was given.
    """
    if not isinstance(attack, FGM):
        raise ValueError(
            f"attack is {attack!r}: expected FGM or PGD; the other methods are callbacks of "
            "Lightning alone"
        )
    for name, default in (("start_epoch", 0), ("warmup", 0), ("every", 1)):
        if (value := getattr(attack, name)) != default:
            raise ValueError(
                f"{name} is {value}: expected {default} outside of Lightning; attack when you want"
            )
