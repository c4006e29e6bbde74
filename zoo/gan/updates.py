"""How the two players move: who sees whose move, and what a player makes of its gradient.

An update is an order and a rule. In the simultaneous order both players take their gradients at
the same point; in the alternating order the critic moves first, once or more often, and the
generator answers its new weights. A rule turns the move that an optimiser proposes into the one
that is made, with a memory of earlier ones, and may look ahead: the gradients are then taken
where the players would be.

    name               order, rule and source
    simultaneous       both at once
    alternating        critic, then generator
    n-critic           five critic steps a generator step (Arjovsky et al., arXiv 1701.07875)
    two-time-scale     the critic's steps are four times as long (Heusel et al., arXiv 1706.08500)
    optimistic         2 d_t - d_(t-1) (Daskalakis et al., arXiv 1711.00141, equation 2)
    extragradient      a step, the gradient there, and the step from the start (Korpelevich 1976)
    past               the same with the last gradient for the first (Gidel, arXiv 1802.10551)
    negative-momentum  alternating, momentum of -0.5 (Gidel et al., arXiv 1807.04740)

A `Rule` is written for arrays and tensors alike: the laboratory applies it to the bare gradient
step, whose matrix it can compute, and the trainer to the step of any optimiser of torch.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

Order = Literal["simultaneous", "alternating"]
Ahead = Literal["nowhere", "gradient", "memory"]
Field = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Rule:
    """The move of an optimiser is made as it is.

    Attributes:
        ahead: where the gradients are taken: at the present weights, after a step by the gradient
            there, or after the move that is remembered.
    """

    ahead: ClassVar[Ahead] = "nowhere"
    remembers: ClassVar[bool] = False

    def move(self, proposed: Any, memory: Any) -> tuple[Any, Any]:
        """Return the move to make and what to remember.

        Args:
            proposed: the optimiser's move, an array or tensor.
            memory: what was remembered, at first zeros.
        """
        return proposed, memory


class Optimistic(Rule):
    """Twice the move, less the last one."""

    remembers = True

    def move(self, proposed: Any, memory: Any) -> tuple[Any, Any]:
        """See `Rule.move`."""
        return 2 * proposed - memory, proposed


class Extragradient(Rule):
    """The move of the gradient one step ahead."""

    ahead = "gradient"


class PastGradient(Rule):
    """The move of the gradient where the last move, repeated, would lead."""

    ahead, remembers = "memory", True

    def move(self, proposed: Any, memory: Any) -> tuple[Any, Any]:
        """See `Rule.move`."""
        return proposed, proposed


@dataclass(frozen=True)
class Momentum(Rule):
    """Heavy ball: the move, and `beta` times the last one made.

    Attributes:
        beta: in (-1, 1); default -0.5.
    """

    remembers: ClassVar[bool] = True
    beta: float = -0.5

    def move(self, proposed: Any, memory: Any) -> tuple[Any, Any]:
        """See `Rule.move`."""
        made = proposed + self.beta * memory
        return made, made


@dataclass(frozen=True)
class Update:
    """How the two players move.

    Attributes:
        name: see the table of this module.
        order: `simultaneous` or `alternating`.
        critic_steps: critic steps a generator step; default 1.
        ratio: the critic's step size by the generator's; default 1.
        rule: what becomes of a proposed move; default: it is made.
    """

    name: str
    order: Order = "alternating"
    critic_steps: int = 1
    ratio: float = 1.0
    rule: Rule = Rule()

    def __post_init__(self) -> None:
        if self.critic_steps < 1 or not self.ratio > 0:
            raise ValueError(
                f"critic_steps is {self.critic_steps} and ratio {self.ratio}: expected at least 1 "
                "and a number above 0"
            )
        if self.order == "simultaneous" and self.critic_steps > 1:
            raise ValueError(
                f"critic_steps is {self.critic_steps} in a simultaneous update: expected 1, since "
                "both players move at once; choose an alternating update"
            )

    def advance(
        self,
        field: Field,
        state: tuple[np.ndarray, np.ndarray],
        step: float | np.ndarray,
        project: Field = lambda weights: weights,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make one generator step of the laboratory.

        Args:
            field: from weights (..., 2 n), the generator's n before the critic's n, to both
                players' descent directions, of the same shape.
            state: the weights and the remembered moves, both (..., 2 n).
            step: the generator's step size, a number or (..., 1).
            project: from weights to those that clipping leaves, after each critic step; default:
                all of them.

        Returns:
            The next state.
        """
        weights, memory = state
        generator = np.arange(weights.shape[-1]) < weights.shape[-1] // 2
        sizes = np.where(generator, step, self.ratio * step)
        if self.order == "simultaneous":
            weights, memory = self._move(field, weights, memory, sizes)
            return project(weights), memory
        for _ in range(self.critic_steps):
            weights, memory = self._move(field, weights, memory, sizes, who=~generator)
            weights = project(weights)
        return self._move(field, weights, memory, sizes, who=generator)

    def _move(
        self,
        field: Field,
        weights: np.ndarray,
        memory: np.ndarray,
        sizes: np.ndarray,
        who: np.ndarray | bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Let the players `who` move."""
        there = weights
        if self.rule.ahead == "gradient":
            there = weights + np.where(who, sizes * field(weights), 0)
        elif self.rule.ahead == "memory":
            there = weights + np.where(who, memory, 0)
        made, remembered = self.rule.move(sizes * field(there), memory)
        return weights + np.where(who, made, 0), np.where(who, remembered, memory)

    def matrix(self, jacobian: np.ndarray, step: float) -> np.ndarray:
        """Return the matrix of one generator step around an equilibrium.

        Exact, since an update is linear in a linear field: it is applied to each unit vector.

        Args:
            jacobian: of the field at the equilibrium, (2 n, 2 n).
            step: the generator's step size.

        Returns:
            float (2 n, 2 n), or (4 n, 4 n) where the rule remembers the last moves.
        """
        n = len(jacobian)
        units = np.eye(2 * n if self.rule.remembers else n, 2 * n)
        images = self.advance(lambda w: w @ jacobian.T, (units[:, :n], units[:, n:]), step)
        return np.concatenate(images, 1)[:, : len(units)].T


UPDATES: dict[str, Update] = {
    update.name: update
    for update in (
        Update("simultaneous", order="simultaneous"),
        Update("alternating"),
        Update("n-critic", critic_steps=5),
        Update("two-time-scale", ratio=4.0),
        Update("optimistic", order="simultaneous", rule=Optimistic()),
        Update("extragradient", order="simultaneous", rule=Extragradient()),
        Update("past", order="simultaneous", rule=PastGradient()),
        Update("negative-momentum", rule=Momentum()),
    )
}


def make_update(name: str, **changes: Any) -> Update:
    """Return an update by its name.

    Args:
        name: a key of `UPDATES`.
        changes: attributes of `Update` that differ from the named one's.

    Raises:
        ValueError: there is no such name, or the attributes exclude each other.

    Example:
        >>> make_update("alternating", critic_steps=2).critic_steps
        2
    """
    if name not in UPDATES:
        raise ValueError(f"update is {name!r}: expected one of {', '.join(UPDATES)}; choose one")
    return replace(UPDATES[name], **changes)


class Mover:
    """Make the moves of one player by a rule, whatever its optimiser.

    What the rule remembers is kept in the optimiser's state and saved with it.

    Args:
        optimizer: any of torch, which proposes moves.
        rule: what becomes of them.
    """

    def __init__(self, optimizer: Optimizer, rule: Rule) -> None:
        self.optimizer, self.rule = optimizer, rule
        self.start: list[Tensor] | None = None

    @property
    def weights(self) -> list[Tensor]:
        """The player's parameters."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    @torch.no_grad()
    def look_ahead(self, propose: Callable[[], Any]) -> None:
        """Go to where the gradients are to be taken; `step` returns from there.

        Args:
            propose: lets the optimiser step by the gradients at the present weights, which only
                extragradient needs.
        """
        self.start = [w.clone() for w in self.weights]
        if self.rule.ahead == "gradient":
            propose()
        else:
            for weight in self.weights:
                weight += self._memory(weight)

    @torch.no_grad()
    def step(self, propose: Callable[[], Any]) -> None:
        """Make the move that the rule gives.

        Args:
            propose: lets the optimiser step by the gradients.
        """
        if type(self.rule) is Rule:
            propose()
            return
        before = [w.clone() for w in self.weights]
        start, self.start = self.start or before, None
        propose()
        for weight, old, origin in zip(self.weights, before, start, strict=True):
            made, remembered = self.rule.move(weight - old, self._memory(weight))
            if self.rule.remembers:
                self.optimizer.state[weight]["last_move"] = remembered
            weight.copy_(origin + made)

    def _memory(self, weight: Tensor) -> Tensor:
        return self.optimizer.state[weight].get("last_move", torch.zeros_like(weight))
