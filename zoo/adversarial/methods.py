"""Adversarial training along a gradient: methods that are Lightning callbacks for any module."""

import math
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.adversarial.attack import Attack, AttackedStep, with_loss
from zoo.adversarial.losses import Norm
from zoo.adversarial.places import Draw, Input, Matrix, Place, Sequence, Shifts, Weights
from zoo.errors import require_whole

Space = Literal["matrix", "sequence"]


class PlacedAttack(Attack):
    """An attack on embeddings or on an input; base of the methods that shift something.

    Args:
        epsilon: strength, positive; what it means stands with each method.
        embeddings: glob pattern on the names of the `nn.Embedding` layers to shift; default all.
            Su moves the token embeddings only: `*word_embeddings` in a BERT of `transformers`.
        space: `matrix`, the default but for FreeLB, shifts the embedding matrix, one shift for all
            occurrences of a token (Su 7234); `sequence` shifts each looked-up sequence by a norm
            of its own (Miyato et al., arXiv 1605.07725).
        inputs: in place of embeddings, the name of the module whose first argument is shifted,
            such as `net`; default none.
        bounds: lowest and highest value of a shifted input; default none.
        norm: of the shifts: l2, the default, or linf.
        **options: of `Attack`.

    Raises:
        ValueError: if `epsilon` is not positive and finite, another argument is out of range, or
            two do not go together.
    """

    usual_space: Space = "matrix"

    def __init__(
        self,
        epsilon: float = 0.5,
        embeddings: str = "*",
        space: Space | None = None,
        inputs: str | None = None,
        bounds: tuple[float, float] | None = None,
        norm: Norm = "l2",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.epsilon = positive("epsilon", epsilon)
        space = space or self.usual_space
        if space not in ("matrix", "sequence"):
            raise ValueError(f"space is {space!r}: expected matrix or sequence")
        if inputs is None and bounds is not None:
            raise ValueError(
                f"bounds is {bounds!r}: expected none without `inputs`; leave it out, or name the "
                "module whose input is shifted"
            )
        if inputs is not None and (embeddings != "*" or space != self.usual_space):
            raise ValueError(
                f"inputs is {inputs!r}: expected neither `embeddings` nor `space` beside it, since "
                "it takes their place; leave them out"
            )
        self.place: Place
        if inputs is not None:
            self.place = Input(inputs, bounds, norm)
        else:
            self.place = (Matrix if space == "matrix" else Sequence)(embeddings, norm)

    def start(self, step: AttackedStep, radius: float) -> Draw:
        """Return what draws where a climb in the ball of a radius begins.

        Half-way out in a random direction; under linf, uniformly in the cube.
        """

        def draw(zero: Tensor, number: int) -> Tensor:
            noise = step.noise(zero, number)
            if self.place.norm == "linf":
                return radius * (2 * torch.special.ndtr(noise) - 1)
            return self.place.ascend({number: noise}, 0.5 * radius)[number]

        return draw

    def climb(self, gradients: Shifts, alpha: float, radius: float) -> None:
        """Move the shifts by `alpha` along their gradients, and back into the ball of a radius."""
        steps = self.place.ascend(gradients, alpha)
        moved = {k: shift.detach() + steps[k] for k, shift in (self.place.shifts or {}).items()}
        self.place.move(self.place.project(moved, radius), leaves=True)


class FGM(PlacedAttack):
    """Train on embeddings moved by `epsilon` in the direction that raises the loss most.

    The fast gradient method as in Su 7234: with g = dL/dE for the embedding matrix E and the
    whole batch, over all processes under DDP, the loss of the step is

        L(E + epsilon * g / ||g||),

    where each matched matrix is moved by its own Frobenius norm. A step takes about 1.8 times as
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
        self.clean_share = 0.5 if loss == "both" else 0.0  # the share of the clean loss

    def attack(self, step: AttackedStep) -> Any:
        """One rehearsal at the clean embeddings, one pass a step along its gradient."""
        self.place.begin()
        loss = step.rehearse()
        gradients = step.measure(loss, self.place.shifts or {}, share=self.clean_share)
        self.place.move(self.place.ascend(gradients, self.strength(step.trainer, self.epsilon)))
        step.report(loss, gradients)
        return self.final_pass(step)

    def final_pass(self, step: AttackedStep) -> Any:
        """Run the pass at the shift; its loss gets the share that the clean one leaves."""
        output, share = step.perform(), 1 - self.clean_share
        return output if share == 1 else with_loss(output, lambda loss: share * loss)


class PGD(FGM):
    """Train on embeddings moved by several steps, kept within `epsilon` (Madry et al. 2018).

    delta <- P(delta + alpha * g(delta) / ||g(delta)||), with P the projection onto the ball of
    radius `epsilon`, `steps` times from zero or a random start; then one pass at delta. With one
    step of alpha >= epsilon it is FGM. A step takes a little more than `steps` times as long.

    Args:
        epsilon: largest norm of the shift; default 1.
        steps: rehearsals; default 3.
        alpha: length of each; default 0.3.
        random_start: begin half-way out of the ball in a random direction, under linf anywhere in
            the cube; default at zero. Not with `loss="both"`; what is logged is then `start_loss`
            in place of `clean_loss`.
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
        self.steps, self.alpha = require_whole("steps", steps), positive("alpha", alpha)
        self.random_start = random_start
        if random_start and self.clean_share:
            raise ValueError(
                "random_start is True: expected False with loss='both', since no pass is then at "
                "the clean embeddings; choose one"
            )

    def attack(self, step: AttackedStep) -> Any:
        """Climb by rehearsals, then one pass at the shift that was reached."""
        place = self.place
        radius = self.strength(step.trainer, self.epsilon)
        alpha = self.strength(step.trainer, self.alpha)
        place.begin(self.start(step, radius) if self.random_start else None)
        for number in range(self.steps):
            loss = step.rehearse()
            # with a share of the clean loss, the first rehearsal is at the clean embeddings
            share = 0.0 if number else self.clean_share
            gradients = step.measure(loss, place.shifts or {}, share=share)
            if number == 0:
                step.report(loss, gradients)
            self.climb(gradients, alpha, radius)
        place.move({key: shift.detach() for key, shift in (place.shifts or {}).items()})
        return self.final_pass(step)


class FreeLB(PlacedAttack):
    """Average the gradients of all steps of a climb (Zhu et al., arXiv 1909.11764).

    As `PGD`, but each of the `steps` passes gives 1 / steps of the gradient of the parameters, and
    the step of the last pass is not taken: K passes do what K + 1 do in PGD. A module that logs
    its loss logs that of the last pass.

    Args:
        epsilon: largest norm of the shift; default 0.1.
        steps: passes; default 3.
        alpha: length of each step; default 0.1.
        random_start: as for `PGD`; default true.
        **options: of `PlacedAttack`, with `space` by default `sequence` as in the paper, and of
            `Attack`.
    """

    usual_space = "sequence"

    def __init__(
        self,
        epsilon: float = 0.1,
        steps: int = 3,
        alpha: float = 0.1,
        random_start: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(epsilon, **options)
        self.steps, self.alpha = require_whole("steps", steps), positive("alpha", alpha)
        self.random_start = random_start

    def attack(self, step: AttackedStep) -> Any:
        """Climb; keep the gradients of the parameters on the way; the last pass is the step."""
        place, share = self.place, 1 / self.steps
        radius = self.strength(step.trainer, self.epsilon)
        alpha = self.strength(step.trainer, self.alpha)
        place.begin(self.start(step, radius) if self.random_start else None)
        for number in range(self.steps - 1):
            loss = step.rehearse()
            gradients = step.measure(loss, place.shifts or {}, share=share)
            if number == 0:
                step.report(loss, gradients)
            self.climb(gradients, alpha, radius)
        return with_loss(step.perform(), lambda loss: share * loss)


class WeightPerturbation(Attack):
    """Train at weights moved in the direction that raises the loss most (AWP, arXiv 2004.05884).

    L(w + v), where each matrix w is moved by v = gamma * ||w|| * g / ||g||, with g its gradient
    over the whole batch. The moved weights take the place of the originals for the pass and are
    never written, so nothing drifts. Before an attack on inputs in the list of callbacks, which is
    then the outer one, it sees the inputs that the attack found, as in the paper; after it, clean
    ones. A step takes about twice as long.

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
        step.report(loss, gradients)
        return step.perform()


def positive(name: str, value: float) -> float:
    """Return a number if it is positive and finite.

    Raises:
        ValueError: otherwise.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value!r}: expected a positive finite number")
    return value
