"""Dirac-GAN played with the losses and terms of the trainer: the oracle of the laboratory."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zoo.gan.critic_step import CriticStep
from zoo.gan.losses import Loss
from zoo.gan.spectrum import Game
from zoo.gan.terms import Consensus, Term, penalties


class TwoPointNoise:
    """Noise of exact mean and variance: each vector of +-sqrt(n) units, real against fake.

    A batch has (2 n)^2 pairs, so that the noise of a real and of a fake sample is independent.

    Args:
        dimension: n.
    """

    def __init__(self, dimension: int) -> None:
        unit = dimension**0.5 * torch.eye(dimension, dtype=torch.float64)
        vectors = torch.cat([unit, -unit])
        self.patterns = [
            vectors.repeat_interleave(len(vectors), 0),
            vectors.repeat(len(vectors), 1),
        ]

    def normal(self, *shape: int) -> Tensor:
        """Return the noise of the next batch, real and fake in turn."""
        self.patterns.reverse()
        return self.patterns[-1]

    def uniform(self, *shape: int) -> Tensor:
        """Return one half."""
        return torch.full(shape, 0.5, dtype=torch.float64)


def game(loss: Loss, terms: Sequence[Term], theta: Tensor, phi: Tensor) -> Game:
    """Return the game of a loss and terms at some weights.

    Args:
        loss: of both players.
        terms: what is added to it.
        theta: float64 (n,), requires its gradient.
        phi: float64 (n,), requires its gradient.
    """
    consensus = [term for term in terms if isinstance(term, Consensus)]

    def score(x: Tensor) -> Tensor:
        return x @ phi

    def plain() -> tuple[Tensor, Tensor]:
        noise = TwoPointNoise(len(theta))
        real = torch.zeros((2 * len(theta)) ** 2, len(theta), dtype=torch.float64)
        fake = real + theta
        for term in terms:
            real, fake = term.disturb(real, noise), term.disturb(fake, noise)
        # the root has no derivative at rest
        distance = (fake - real).square().sum(1).clamp_min(1e-300).sqrt()
        of_critic = loss.critic(score(real), score(fake), distance)
        step = CriticStep(score, real, fake, [phi], noise)
        of_critic = of_critic + sum(value for _, value in penalties(terms, step))
        return loss.generator(score(real), score(fake)), of_critic

    def losses() -> tuple[Tensor, Tensor]:
        of_generator, of_critic = plain()
        if not consensus:
            return of_generator, of_critic
        v = torch.autograd.grad(of_generator, theta, create_graph=True)
        v += torch.autograd.grad(of_critic, phi, create_graph=True)
        pull = consensus[0].pull(v)
        return of_generator + pull, of_critic + pull

    return Game(losses, [theta], [phi])


def jacobian(loss: Loss, terms: Sequence[Term], dimension: int) -> np.ndarray:
    """Return the Jacobian at rest, float (2 n, 2 n), by automatic differentiation."""
    theta, phi = (torch.zeros(dimension, dtype=torch.float64, requires_grad=True) for _ in range(2))
    return game(loss, terms, theta, phi).jacobian().numpy()
