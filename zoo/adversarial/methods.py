"""The methods of adversarial training, each a Lightning callback for any module."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.hooks import RemovableHandle

from zoo.adversarial.attack import Attack, AttackedStep, is_compiled, loss_of, with_loss
from zoo.adversarial.losses import Norm, divergence, symmetric_divergence
from zoo.adversarial.places import Input, Matrix, Place, Sequence, Shifts, Weights, only_module
from zoo.callbacks.random_state import get_random_state

Space = Literal["matrix", "sequence"]


class PlacedAttack(Attack):
    """An attack on embeddings or on an input; base of the methods that shift something.

    Args:
        epsilon: strength, positive; what it means stands with each method.
        embeddings: glob pattern on the names of the `nn.Embedding` layers to shift; default all.
            Su moves the token embeddings only: `*word_embeddings` in a BERT of `transformers`.
        space: `matrix`, the default, shifts the embedding matrix, one shift for all occurrences
            of a token (Su 7234); `sequence` shifts each looked-up sequence by a norm of its own
            (Miyato et al., arXiv 1605.07725).
        inputs: in place of embeddings, the name of the module whose first argument is shifted,
            such as `net`; default none.
        bounds: lowest and highest value of a shifted input; default none.
        norm: of the shifts: l2, the default, or linf.
        **options: of `Attack`.

    Raises:
        ValueError: if `epsilon` is not positive and finite, or another argument is out of range.
    """

    def __init__(
        self,
        epsilon: float = 0.5,
        embeddings: str = "*",
        space: Space = "matrix",
        inputs: str | None = None,
        bounds: tuple[float, float] | None = None,
        norm: Norm = "l2",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.epsilon = positive("epsilon", epsilon)
        for name, value, allowed in (
            ("space", space, ("matrix", "sequence")),
            ("norm", norm, ("l2", "linf")),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}: expected {' or '.join(allowed)}")
        self.place: Place
        if inputs is not None:
            self.place = Input(inputs, bounds, norm)
        else:
            self.place = (Matrix if space == "matrix" else Sequence)(embeddings, norm)

    def report(
        self, step: AttackedStep, loss: Tensor | None, gradients: Shifts, shifts: Shifts
    ) -> None:
        """Log the clean loss, the norm of its gradient and how often there was no direction."""
        if loss is None or not gradients or not self.log:
            return
        step.log(
            clean_loss=loss.detach(),
            gradient_norm=self.place.norms(gradients).mean(),
            no_direction=(self.place.norms(shifts) == 0).float().mean(),
        )


class FGM(PlacedAttack):
    """Train on embeddings moved by `epsilon` in the direction that raises the loss most.

    The fast gradient method as in Su 7234: with g = dL/dE for the embedding matrix E and the
    whole batch, over all processes under DDP, the loss of the step is

        L(E + epsilon * g / ||g||),

    where each matched matrix is moved by its own Frobenius norm. A step takes about 1.7 times as
    long. Both passes see the same dropout masks. Where Su and Miyato differ, the default is Su:
    one norm for the matrix, and one shift for all occurrences of a token. An output layer tied to
    E is not moved, which differs from Su.

    Works on any LightningModule with automatic optimization whose `training_step` returns a loss
    (a tensor or a dictionary with `loss`), under gradient accumulation, clipping, mixed
    precision, DDP and gradient checkpointing without reentry. Validation, test and prediction
    are not touched.

    Args:
        epsilon: norm of the shift; default 0.5, Su's value for the matrix of BERT-base.
        loss: `adversarial`, the default, trains on the adversarial loss alone (Su); `both` on the
            mean of it and the clean loss (Goodfellow et al., arXiv 1412.6572, section 5).
        **options: of `PlacedAttack` and `Attack`.

    Raises:
        ValueError: if an argument is out of range; when training starts, if no layer matches, a
            matched layer overrides `nn.Embedding.forward`, or the module optimises manually.

    Example:
        >>> from lightning.pytorch import Trainer
        >>> from zoo.adversarial import FGM
        >>> trainer = Trainer(callbacks=[FGM(epsilon=0.5)], logger=False, accelerator="cpu")
    """

    def __init__(
        self,
        epsilon: float = 0.5,
        loss: Literal["adversarial", "both"] = "adversarial",
        **options: Any,
    ) -> None:
        super().__init__(epsilon, **options)
        if loss not in ("adversarial", "both"):
            raise ValueError(f"loss is {loss!r}: expected adversarial or both")
        self.loss = loss

    def attack(self, step: AttackedStep) -> Any:
        """One rehearsal at the clean embeddings, one pass a step along its gradient."""
        self.place.begin()
        loss = step.rehearse()
        clean = self._share()
        gradients = step.measure(loss, self.place.shifts or {}, share=clean)
        self.place.move(self.place.ascend(gradients, self.strength(step.trainer, self.epsilon)))
        self.report(step, loss, gradients, self.place.shifts or {})
        return with_loss(step.perform(), lambda loss: (1 - clean) * loss)

    def _share(self) -> float:
        """Return the share of the clean loss."""
        return 0.5 if self.loss == "both" else 0.0


class PGD(FGM):
    """Train on embeddings moved by several steps, kept within `epsilon` (Madry et al. 2018).

    delta <- P(delta + alpha * g(delta) / ||g(delta)||), with P the projection onto the ball of
    radius `epsilon`, `steps` times from zero or a random start; then one pass at delta. With one
    step of alpha >= epsilon it is FGM. A step takes about `steps` times as long.

    Args:
        epsilon: largest norm of the shift; default 1.
        steps: rehearsals; default 3.
        alpha: length of each; default 0.3.
        random_start: begin at a random point of the ball, uniform along a random direction;
            default at zero.
        **options: of `FGM`, `PlacedAttack` and `Attack`.
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        steps: int = 3,
        alpha: float = 0.3,
        random_start: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(epsilon, **options)
        self.steps, self.alpha = whole("steps", steps), positive("alpha", alpha)
        self.random_start = random_start

    def attack(self, step: AttackedStep) -> Any:
        """Climb by rehearsals, then one pass at the shift that was reached."""
        place = self.place
        radius = self.strength(step.trainer, self.epsilon)
        alpha = self.strength(step.trainer, self.alpha)
        clean = self._share()
        place.begin(self._draw(step, radius) if self.random_start else None)
        first: tuple[Tensor | None, Shifts] = (None, {})
        for number in range(self.steps):
            loss = step.rehearse()
            leaves = place.shifts or {}
            # the first rehearsal is at the clean embeddings, unless its start is random
            gradients = step.measure(loss, leaves, share=0.0 if number else clean)
            first = first if number else (loss, gradients)
            place.move(place.project(_sum(leaves, place.ascend(gradients, alpha)), radius), True)
        place.move({key: shift.detach() for key, shift in (place.shifts or {}).items()})
        self.report(step, *first, place.shifts or {})
        return with_loss(step.perform(), lambda loss: (1 - clean) * loss)

    def _draw(self, step: AttackedStep, radius: float) -> Any:
        """Return a random point of the ball: a direction, and a length uniform up to the radius."""

        def draw(zero: Tensor, number: int) -> Tensor:
            noise: Shifts = {number: step.noise(zero, number)}
            if self.place.norm == "linf":  # uniform in the cube
                normal = torch.distributions.Normal(0.0, 1.0)
                return radius * (2 * normal.cdf(noise[number]) - 1)
            return self.place.ascend(noise, 0.5 * radius)[number]

        return draw


class FreeLB(PlacedAttack):
    """Average the gradients of all steps of a climb (Zhu et al., arXiv 1909.11764).

    As `PGD`, but each of the `steps` passes gives 1 / steps of the gradient of the parameters, and
    the step of the last pass is not taken: K passes do what K + 1 do in PGD. A module that logs
    its loss logs that of the last pass.

    Args:
        epsilon: largest norm of the shift; default 0.1.
        steps: passes; default 3.
        alpha: length of each step; default 0.1.
        random_start: begin at a random point of length up to `epsilon` / 2; default true.
        space: default `sequence`, as in the paper.
        **options: of `PlacedAttack` and `Attack`.
    """

    def __init__(
        self,
        epsilon: float = 0.1,
        steps: int = 3,
        alpha: float = 0.1,
        random_start: bool = True,
        space: Space = "sequence",
        **options: Any,
    ) -> None:
        super().__init__(epsilon, space=space, **options)
        self.steps, self.alpha = whole("steps", steps), positive("alpha", alpha)
        self.random_start = random_start

    def attack(self, step: AttackedStep) -> Any:
        """Climb; keep the gradients of the parameters on the way; the last pass is the step."""
        place, share = self.place, 1 / self.steps
        radius = self.strength(step.trainer, self.epsilon)
        place.begin(self._draw(step, radius) if self.random_start else None)
        for _ in range(self.steps - 1):
            loss = step.rehearse()
            leaves = place.shifts or {}
            gradients = step.measure(loss, leaves, share=share)
            climbed = _sum(leaves, place.ascend(gradients, self.strength(step.trainer, self.alpha)))
            place.move(place.project(climbed, radius), True)
            self.report(step, loss, gradients, place.shifts or {})
        return with_loss(step.perform(), lambda loss: share * loss)

    def _draw(self, step: AttackedStep, radius: float) -> Any:
        return lambda zero, number: self.place.ascend(
            {number: step.noise(zero, number)}, 0.5 * radius
        )[number]


class GradientPenalty(PlacedAttack):
    """Add a penalty on the gradient at the embeddings: L + epsilon / 2 * ||dL/dE||^2 (Su 7234).

    What training on L(E + epsilon * g) is to first order, with one half as in the post's code. In
    `sequence` space it is the mean over samples of each one's own squared gradient. Needs second
    derivatives, which fused attention does not have: the forward takes the mathematical attention
    kernel. A step takes about 3.3 times as long.

    Args:
        epsilon: weight of the penalty; default 1.
        **options: of `PlacedAttack` and `Attack`.

    Raises:
        ValueError: if the module is compiled, since compiled backward has no derivative.
    """

    def __init__(self, epsilon: float = 1.0, **options: Any) -> None:
        super().__init__(epsilon, **options)

    def check(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse compiled modules too."""
        super().check(trainer, pl_module)
        if is_compiled(pl_module):
            raise ValueError(
                f"{type(pl_module).__name__} is compiled: expected one that is not, since "
                "GradientPenalty differentiates its backward; leave out torch.compile"
            )

    def attack(self, step: AttackedStep) -> Any:
        """One pass, whose gradient keeps its graph."""
        self.place.begin()
        with sdpa_kernel(SDPBackend.MATH):
            output = step.perform()
        loss, leaves = loss_of(output), self.place.shifts or {}
        if loss is None or not leaves:
            return output
        penalty = self._penalty(step, loss, leaves)
        step.log(clean_loss=loss.detach(), penalty=penalty.detach())
        epsilon = self.strength(step.trainer, self.epsilon)
        return with_loss(output, lambda loss: loss + 0.5 * epsilon * penalty)

    def _penalty(self, step: AttackedStep, loss: Tensor, leaves: Shifts) -> Tensor:
        scaled = step.scale(loss)
        with torch.autocast(loss.device.type, enabled=False):
            gradients = torch.autograd.grad(
                scaled, list(leaves.values()), create_graph=True, materialize_grads=True
            )
        factor = (scaled / loss).detach() if scaled is not loss else 1.0
        squares = []
        for gradient in gradients:
            gradient = gradient / factor
            if not self.place.samples:
                squares.append(_averaged(gradient).square().sum())
            else:  # a mean over samples has 1 / samples of each one's own gradient
                squares.append(len(gradient) * gradient.square().sum())
        return torch.stack(squares).sum()


class VirtualAdversarial(PlacedAttack):
    """Add the divergence of predictions at the worst shift (Miyato et al., arXiv 1704.03976).

    L + weight * KL(p(x) || p(x + r)), r of norm `epsilon` along the direction that power
    iteration finds: d <- normalise(grad_d KL(p(x) || p(x + xi * d))) from a random d. It needs no
    labels: rows without one (-100) take part. All passes see the same dropout masks. The gradient
    of the divergence is added after backward; the loss that the module returns stays as it is.

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
        self.power, self.logits = whole("power", power), Logits(logits)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch the logits too."""
        super().on_fit_start(trainer, pl_module)
        self._installed.callback(self.logits.install(pl_module).remove)

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
        step.log(divergence=divergence.detach())
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
    memory. A step takes twice as long.

    Args:
        alpha: weight of the divergence; default 4.
        logits: the name, or a pattern, of the one module whose output are the logits.
        **options: of `Attack`.
    """

    def __init__(self, alpha: float = 4.0, logits: str = "*head", **options: Any) -> None:
        super().__init__(**options)
        self.alpha, self.logits = positive("alpha", alpha), Logits(logits)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch the logits too."""
        super().on_fit_start(trainer, pl_module)
        self._installed.callback(self.logits.install(pl_module).remove)

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
        step.log(divergence=disagreement.detach())
        alpha = self.strength(step.trainer, self.alpha)
        return with_loss(output, lambda loss: (loss + again) / 2 + alpha * disagreement)


class WeightPerturbation(Attack):
    """Train at weights moved in the direction that raises the loss most (AWP, arXiv 2004.05884).

    L(w + v), where each matrix w is moved by v = gamma * ||w|| * g / ||g||, with g its gradient
    over the whole batch. The moved weights take the place of the originals for the pass and are
    never written, so nothing drifts. After an attack on inputs in the list of callbacks,
    it sees the inputs that the attack found, as in the paper. A step takes about 1.7 times as
    long.

    Args:
        gamma: norm of the shift over that of the weight; default 0.01.
        weights: glob pattern on the names of the parameters; default all of two dimensions or
            more.
        **options: of `Attack`.
    """

    place: Weights

    def __init__(self, gamma: float = 0.01, weights: str = "*", **options: Any) -> None:
        super().__init__(**options)
        self.gamma = positive("gamma", gamma)
        self.place = Weights(weights)

    def attack(self, step: AttackedStep) -> Any:
        """One rehearsal at the weights, one pass at the moved ones."""
        loss = step.rehearse()
        gradients = step.measure(loss, self.place.originals())
        self.place.move(self.place.ascend(gradients, self.strength(step.trainer, self.gamma)))
        if loss is not None:
            step.log(clean_loss=loss.detach(), gradient_norm=self.place.norms(gradients).mean())
        return step.perform()


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


def positive(name: str, value: float) -> float:
    """Return a number if it is positive and finite.

    Raises:
        ValueError: otherwise.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value!r}: expected a positive finite number")
    return value


def whole(name: str, value: int) -> int:
    """Return a number if it is whole and at least 1.

    Raises:
        ValueError: otherwise.
    """
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} is {value!r}: expected a whole number from 1 on")
    return value


def _sum(shifts: Shifts, steps: Shifts) -> Shifts:
    return {key: shift.detach() + steps[key] for key, shift in shifts.items()}


def _averaged(gradient: Tensor) -> Tensor:
    """Average a gradient over processes, differentiably."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return gradient
    return all_reduce(gradient) / distributed.get_world_size()
