"""Losses of a critic and a generator: pairs of pure functions of logits.

A GAN minimises two losses. With the logits D(x) of real and D(G(z)) of fake samples, the critic
minimises E[real(D(x))] + E[fake(D(G(z)))] and the generator E[generator(D(G(z)))], where `real`,
`fake` and `generator` are functions of one number. The relativistic forms put differences of
logits into the same functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Pointwise = Callable[[Tensor], Tensor]
Form = Literal["plain", "paired", "averaged"]


@dataclass(frozen=True)
class Pair:
    """The functions of one logit that a loss is made of.

    Attributes:
        real: what the critic minimises at real samples.
        fake: what the critic minimises at fake samples.
        generator: what the generator minimises at fake samples.
        generator_real: what it minimises at real samples, where its loss has them: the averaged
            relativistic form alone.
    """

    real: Pointwise
    fake: Pointwise
    generator: Pointwise
    generator_real: Pointwise


@dataclass(frozen=True)
class Loss:
    """What the two players minimise.

    Attributes:
        name: the name in `LOSSES`.
        form: `plain`, `paired` or `averaged`.
        critic: scalar of the logits (batch,) of real and of fake samples, and of the distance
            (batch,) between the samples of a pair, see `distance`, which only `gan-qp` reads.
        generator: scalar of the logits of real and of fake samples.
    """

    name: str
    form: Form
    critic: Callable[[Tensor, Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]

    @property
    def generator_sees_real(self) -> bool:
        """Whether the generator's loss depends on the logits of real samples."""
        return self.form != "plain"


def zero_sum(real: Pointwise, fake: Pointwise) -> Pair:
    """Make a pair whose generator maximises what the critic minimises."""
    return Pair(real, fake, lambda x: -fake(x), lambda x: -real(x))


def swapped(real: Pointwise, fake: Pointwise) -> Pair:
    """Make a pair whose generator wants its samples called real: the non-saturating way."""
    return Pair(real, fake, real, fake)


def f_gan(activation: Pointwise, conjugate_at_activation: Pointwise) -> Pair:
    """Make the pair of an f-divergence (Nowozin et al., arXiv 1606.00709, table 2 and 6).

    The critic maximises E_p[g(V)] - E_q[f*(g(V))], whose maximum is D_f(p || q).

    Args:
        activation: g, which maps a logit into the domain of the conjugate f*.
        conjugate_at_activation: f* after g, simplified.
    """
    return zero_sum(lambda v: -activation(v), conjugate_at_activation)


LOG_2 = 0.6931471805599453

LOSSES: dict[str, Pair] = {
    # Goodfellow et al., arXiv 1406.2661, equation 1, and the remark after it
    "saturating": zero_sum(lambda x: F.softplus(-x), F.softplus),
    "non-saturating": swapped(lambda x: F.softplus(-x), F.softplus),
    # Mao et al., arXiv 1611.04076, equation 9, with a = -1 and b = c = 1
    "lsgan": swapped(lambda x: (x - 1).square() / 2, lambda x: (x + 1).square() / 2),
    # Arjovsky et al., arXiv 1701.07875, equation 3
    "wgan": zero_sum(lambda x: -x, lambda x: x),
    # Miyato et al., arXiv 1802.05957, equations 16 and 17
    "hinge": Pair(lambda x: F.relu(1 - x), lambda x: F.relu(1 + x), lambda x: -x, lambda x: x),
    "f-kl": f_gan(lambda v: v, lambda v: torch.exp(v - 1)),
    "f-reverse-kl": f_gan(lambda v: -torch.exp(-v), lambda v: v - 1),
    # twice the Jensen-Shannon divergence: its f has no factor of one half
    "f-js": f_gan(lambda v: LOG_2 - F.softplus(-v), lambda v: F.softplus(v) - LOG_2),
    "f-pearson": f_gan(lambda v: v, lambda v: v.square() / 4 + v),
    "f-hellinger": f_gan(lambda v: 1 - torch.exp(-v), lambda v: torch.expm1(v)),
}

NAMES = (*LOSSES, "gan-qp")


def make_loss(name: str, form: Form = "plain", mean: Pointwise = torch.mean) -> Loss:
    """Return a loss by its name.

    Args:
        name: one of `NAMES`.
        form: `plain`; `paired`, where each real sample meets one fake sample (Jolicoeur-Martineau,
            arXiv 1807.00734, section 4.1); or `averaged`, where it meets the mean of the fake ones
            and the other way round (section 4.2).
        mean: what takes the means that `averaged` compares with: over all processes, where there
            are several; default over the batch.

    Raises:
        ValueError: there is no such name or form, or `gan-qp` is given another form.

    Example:
        >>> loss = make_loss("wgan")
        >>> real, fake = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.0])
        >>> loss.critic(real, fake, real - fake).item(), loss.generator(real, fake).item()
        (-2.0, -1.0)
    """
    if name not in NAMES:
        raise ValueError(f"loss is {name!r}: expected one of {', '.join(NAMES)}; choose one")
    if form not in ("plain", "paired", "averaged"):
        raise ValueError(f"form is {form!r}: expected plain, paired or averaged; choose one")
    if name == "gan-qp":
        if form != "plain":
            raise ValueError(f"form is {form!r}: gan-qp compares pairs already; leave it plain")
        return Loss(name, form, _quadratic_potential, _minus_mean)
    if form == "averaged":
        return _averaged(name, LOSSES[name], mean)
    return _plain(name, LOSSES[name]) if form == "plain" else _paired(name, LOSSES[name])


def _plain(name: str, pair: Pair) -> Loss:
    def critic(real: Tensor, fake: Tensor, _: Tensor) -> Tensor:
        return pair.real(real).mean() + pair.fake(fake).mean()

    def generator(_: Tensor, fake: Tensor) -> Tensor:
        return pair.generator(fake).mean()

    return Loss(name, "plain", critic, generator)


def _paired(name: str, pair: Pair) -> Loss:
    def critic(real: Tensor, fake: Tensor, _: Tensor) -> Tensor:
        return pair.real(real - fake).mean()

    def generator(real: Tensor, fake: Tensor) -> Tensor:
        return pair.generator(fake - real).mean()

    return Loss(name, "paired", critic, generator)


def _averaged(name: str, pair: Pair, mean: Pointwise) -> Loss:
    def critic(real: Tensor, fake: Tensor, _: Tensor) -> Tensor:
        return pair.real(real - mean(fake)).mean() + pair.fake(fake - mean(real)).mean()

    def generator(real: Tensor, fake: Tensor) -> Tensor:
        above = pair.generator(fake - mean(real)).mean()
        return above + pair.generator_real(real - mean(fake)).mean()

    return Loss(name, "averaged", critic, generator)


def distance(real: Tensor, fake: Tensor) -> Tensor:
    """Return how far apart the samples of each pair are: ten times the mean absolute difference.

    With the factor lambda = 10 of GAN-QP in it (Su, arXiv 1811.07296, section 4.2).

    Args:
        real: float (batch, ...).
        fake: float (batch, ...).

    Returns:
        float (batch,).
    """
    return 10 * (real - fake).flatten(1).abs().mean(1)


def _quadratic_potential(real: Tensor, fake: Tensor, distance: Tensor) -> Tensor:
    """E[-T + T^2 / (2 d)], T = D(x) - D(G(z)) (Su, arXiv 1811.07296, section 3.2)."""
    advantage = real - fake
    return (advantage.square() / (2 * distance.clamp_min(1e-12)) - advantage).mean()


def _minus_mean(_: Tensor, fake: Tensor) -> Tensor:
    return -fake.mean()
