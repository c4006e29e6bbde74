"""Consistency of predictions: adversarial training that compares two passes, without labels."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from zoo.adversarial.attack import Attack, AttackedStep, loss_of, with_loss
from zoo.adversarial.losses import divergence, symmetric_divergence
from zoo.adversarial.methods import PlacedAttack, positive
from zoo.adversarial.places import only_module
from zoo.callbacks.random_state import get_random_state
from zoo.errors import require_whole


class VirtualAdversarial(PlacedAttack):
    """Add the divergence of predictions at the worst shift (Miyato et al., arXiv 1704.03976).

    L + weight * KL(p(x) || p(x + r)), r of norm `epsilon` along the direction that power
    iteration finds: d <- normalise(grad_d KL(p(x) || p(x + xi * d))) from a random d. It needs no
    labels: rows without one (-100) take part. All passes see the same dropout masks. The gradient
    of the divergence is added after backward; the loss that the module returns stays as it is.
    Stands first among the attacks.

    Args:
        epsilon: norm of r; default 1.
        logits: the name, or a pattern, of the one module whose output are the logits, such as
            `net.head`.
        weight: of the divergence; default 1.
        xi: length of the probe; default 10 (bert4keras; the paper's 1e-6 is below what single
            precision resolves).
        power: power iterations; default 1.
        **options: of `PlacedAttack` and `Attack`.
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        logits: str = "*head",
        weight: float = 1.0,
        xi: float = 10.0,
        power: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(epsilon, **options)
        self.weight, self.xi = positive("weight", weight), positive("xi", xi)
        self.power, self.logits = require_whole("power", power), Logits(logits)

    def attack(self, step: AttackedStep) -> Any:
        """The step itself, then the power iteration and the divergence at the shift found."""
        place, start = self.place, get_random_state()
        place.begin()
        with self.logits.watch() as clean:
            output = step.perform()
        if loss_of(output) is None:
            return output
        target = self.logits.only(clean).detach()
        zeros = place.shifts or {}
        noise = {k: step.noise(z, i) for i, (k, z) in enumerate(zeros.items())}
        shifts, gradients = place.ascend(noise, self.xi), {}
        for _ in range(self.power):
            place.move(shifts, leaves=True)
            found = self._divergence(step, target, start)
            gradients = step.measure(found, place.shifts or {}, name="divergence")
            shifts = place.ascend(gradients, self.xi)
        place.move(place.ascend(gradients, self.strength(step.trainer, self.epsilon)))
        divergence = self._divergence(step, target, start)
        step.measure(divergence, {}, share=self.weight)
        step.report(loss_of(output), gradients, divergence=divergence.detach())
        place.move(zeros)  # where the graph of the step itself was made
        return output

    def _divergence(self, step: AttackedStep, target: Tensor, start: dict[str, Any]) -> Tensor:
        with self.logits.watch() as moved:
            step.rehearse(start=start)
        return divergence(target, self.logits.only(moved))


class RDrop(Attack):
    """Ask two passes with different dropout masks to agree (Wu et al., arXiv 2106.14448).

    (L1 + L2) / 2 + alpha * (KL(p1 || p2) + KL(p2 || p1)) / 2, the paper's loss with half of its
    first term, so that without dropout it is plain training. Both graphs are kept: twice the
    memory. A step takes twice as long. Stands first among the attacks.

    Args:
        alpha: weight of the divergence; default 4.
        logits: the name, or a pattern, of the one module whose output are the logits.
        **options: of `Attack`.
    """

    backward_share = 0.5  # two graphs of the same size

    def __init__(self, alpha: float = 4.0, logits: str = "*head", **options: Any) -> None:
        super().__init__(**options)
        self.alpha, self.logits = positive("alpha", alpha), Logits(logits)

    def attack(self, step: AttackedStep) -> Any:
        """Two passes; the random state goes on, so that no later pass sees the second's masks."""
        with self.logits.watch() as first:
            output = step.perform()
        if loss_of(output) is None:
            return output
        with self.logits.watch() as second:
            again = step.rehearse(rewind=False)
        assert again is not None
        disagreement = symmetric_divergence(self.logits.only(first), self.logits.only(second))
        mean = with_loss(output, lambda loss: (loss + again) / 2)
        loss = loss_of(mean)
        assert loss is not None
        step.log(clean_loss=loss.detach(), divergence=disagreement.detach())
        alpha = self.strength(step.trainer, self.alpha)
        return with_loss(mean, lambda loss: loss + alpha * disagreement)


class Logits:
    """The output of a module in each pass.

    Args:
        pattern: its name, or a pattern that matches it alone.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._outputs: list[Tensor] | None = None

    def install(self, module: nn.Module) -> RemovableHandle:
        """Hook the module."""
        return only_module(module, self.pattern, "logits").register_forward_hook(self._keep)

    @contextmanager
    def watch(self) -> Iterator[list[Tensor]]:
        """Run a pass in this context; the list holds what the module gave."""
        self._outputs = outputs = []
        try:
            yield outputs
        finally:
            self._outputs = None  # checkpointing may run the module again

    def only(self, outputs: list[Tensor]) -> Tensor:
        """Return the logits of a pass, float (..., classes).

        Raises:
            ValueError: if the module did not run, or more than once.
        """
        if len(outputs) != 1:
            raise ValueError(
                f"logits is {self.pattern!r}: expected a module that runs once in a training "
                f"step, and it ran {len(outputs)} times; name the layer that gives the logits"
            )
        return outputs[0]

    def _keep(self, module: nn.Module, args: tuple, output: Any) -> None:
        if self._outputs is None:
            return
        if not isinstance(output, Tensor) or not output.is_floating_point():
            raise ValueError(
                f"logits is {self.pattern!r}: expected a module whose output is a tensor of real "
                f"numbers, got {type(output).__name__}; name the layer that gives the logits"
            )
        self._outputs.append(output)
