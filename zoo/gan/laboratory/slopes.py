"""First and second derivatives of the losses, in closed form, for the laboratory.

In Dirac-GAN (Mescheder et al., arXiv 1801.04406, section 2) all real samples are 0, all fake ones
are theta, and the critic is linear, D(x) = phi x: the only logits are 0 and s = phi theta. Each
part of a loss is then a function of one number, l(a s + b |phi| sigma e), where e is standard
normal and sigma the instance noise: a says how it depends on s, b how much noise it gets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import e, sqrt

import numpy as np
from scipy.special import expit

from zoo.gan.losses import Form, make_loss

Slope = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class LossPart:
    """A part l(a s + b |phi| sigma e) of a loss.

    Attributes:
        slope: the first derivative of l.
        curvature: the second derivative of l at zero.
        a: how the argument depends on s.
        b: how much noise it gets.
    """

    slope: Slope
    curvature: float
    a: float
    b: float = 1.0

    @property
    def at_rest(self) -> float:
        """The slope at the equilibrium."""
        return float(self.slope(np.zeros(())))


@dataclass(frozen=True)
class Slopes:
    """The derivatives of a pair of losses, in the order of `losses.Pair`.

    Attributes:
        real: l' of the critic at real samples.
        fake: l' of the critic at fake samples.
        curvatures: l'' of both at zero.
        zero_sum: whether the generator maximises what the critic minimises; else it swaps them.
        linear_generator: whether the generator's functions are -x and x instead.
    """

    real: Slope
    fake: Slope
    curvatures: tuple[float, float]
    zero_sum: bool = True
    linear_generator: bool = False

    def generator(self) -> tuple[LossPart, LossPart]:
        """Return the generator's part at fake samples, and at real ones with a minus."""
        if self.linear_generator:
            one: Slope = np.ones_like
            return LossPart(lambda x: -one(x), 0.0, 1.0), LossPart(one, 0.0, -1.0)
        bent_real, bent_fake = self.curvatures
        if self.zero_sum:
            return (
                LossPart(lambda x: -self.fake(x), -bent_fake, 1.0),
                LossPart(lambda x: -self.real(x), -bent_real, -1.0),
            )
        return LossPart(self.real, bent_real, 1.0), LossPart(self.fake, bent_fake, -1.0)


def _of_logistic(*, zero_sum: bool) -> Slopes:
    return Slopes(lambda x: -expit(-x), expit, (0.25, 0.25), zero_sum)


SLOPES: dict[str, Slopes] = {
    "saturating": _of_logistic(zero_sum=True),
    "non-saturating": _of_logistic(zero_sum=False),
    "lsgan": Slopes(lambda x: x - 1, lambda x: x + 1, (1.0, 1.0), zero_sum=False),
    "wgan": Slopes(lambda x: -np.ones_like(x), np.ones_like, (0.0, 0.0)),
    "hinge": Slopes(
        lambda x: -(x < 1.0).astype(float),
        lambda x: (x > -1.0).astype(float),
        (0.0, 0.0),
        linear_generator=True,
    ),
    "f-kl": Slopes(lambda x: -np.ones_like(x), lambda x: np.exp(x - 1), (0.0, 1 / e)),
    "f-reverse-kl": Slopes(lambda x: -np.exp(-x), np.ones_like, (1.0, 0.0)),
    "f-js": _of_logistic(zero_sum=True),
    "f-pearson": Slopes(lambda x: -np.ones_like(x), lambda x: x / 2 + 1, (0.0, 0.5)),
    "f-hellinger": Slopes(lambda x: -np.exp(-x), np.exp, (1.0, 1.0)),
}


def parts(name: str, form: Form) -> tuple[list[LossPart], list[LossPart]]:
    """Return the parts of the critic's and of the generator's loss.

    Those of `gan-qp` are of its linear half; `Dirac` adds the quadratic one.

    Raises:
        ValueError: the loss or its form is unknown.
    """
    make_loss(name, form)
    slopes = SLOPES["wgan" if name == "gan-qp" else name]
    at_fake, at_real = slopes.generator()
    bent_real, bent_fake = slopes.curvatures
    if form == "plain":
        real = LossPart(slopes.real, bent_real, 0.0)
        return [real, LossPart(slopes.fake, bent_fake, 1.0)], [at_fake]
    if form == "paired":  # real sample less fake sample: twice the variance of the noise
        real = LossPart(slopes.real, bent_real, -1.0, sqrt(2))
        return [real], [LossPart(at_fake.slope, at_fake.curvature, 1.0, sqrt(2))]
    real = LossPart(slopes.real, bent_real, -1.0)
    return [real, LossPart(slopes.fake, bent_fake, 1.0)], [at_fake, at_real]
