"""Terms that are added to the game of critic and generator, and compose.

One convention: a penalty is gamma / 2 times the mean over samples of a squared norm, the norm
taken over all pixels of a sample (or over all weights). `zoo.gan.gamma_conventions` converts what
papers and programs write. A term that applies only every `every` critic steps has its gamma
multiplied by `every`, so that the mean force stays.

    term           added to the critic's loss, or done to the critic
    r1             gamma/2 E |grad D(x)|^2 at real samples (Mescheder et al., arXiv 1801.04406)
    r2             the same at fake samples
    zero-centred   the same between a real and a fake sample (Thanh-Tung et al., arXiv 1902.03984)
    one-centred    gamma/2 E (|grad D| - 1)^2 there: WGAN-GP (Gulrajani et al., arXiv 1704.00028)
    dragan         the same around real samples (Kodali et al., arXiv 1705.07215), within half a
                   standard deviation of the sample's pixels
    approximate-r1 gamma/2 E (D(x + sigma e) - D(x))^2 / sigma^2, e normal: no second derivative
    approximate-r2 the same at fake samples (Lin et al., arXiv 2501.08316)
    l2             gamma/2 |w|^2 over the critic's weights w
    consensus      gamma/2 |v|^2, v both players' gradients, to both losses (arXiv 1705.10461)
    clip           after a step, each weight is cut to [-limit, limit] (arXiv 1701.07875)
    spectral-norm  each weight matrix is divided by its largest singular value (arXiv 1802.05957)
    instance-noise sigma e is added to real and fake samples alike (arXiv 1610.04490)
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from zoo.errors import require_whole
from zoo.gan.critic_step import CriticStep, Noise, pixels, squared_gradient

Position = Literal["real", "fake", "between", "around"]


@dataclass(frozen=True)
class Term:
    """Something added to the game: each of its methods does nothing unless a term defines it."""

    name: ClassVar[str]
    differentiates: ClassVar[bool] = False  # the critic with respect to its input

    def prepare(self, critic: nn.Module) -> None:
        """Change the critic before training."""

    def disturb(self, x: Tensor, noise: Noise) -> Tensor:
        """Return the samples (batch, ...) that the critic sees for x."""
        return x

    def project(self, critic: nn.Module) -> None:
        """Change the critic's weights after each of its steps."""


@dataclass(frozen=True)
class Penalty(Term):
    """Something added to the critic's loss.

    Attributes:
        every: critic steps from one application to the next; default 1.
        gamma: strength; default 1.
    """

    every: int = 1
    gamma: float = 1.0

    def penalty(self, step: CriticStep) -> Tensor:
        """Return the scalar that is added to the critic's loss."""
        raise NotImplementedError


@dataclass(frozen=True)
class InputGradientPenalty(Penalty):
    """gamma/2 E (|grad D| - centre)^2 at one of four places."""

    position: ClassVar[Position]
    centre: ClassVar[float] = 0.0
    differentiates: ClassVar[bool] = True

    def penalty(self, step: CriticStep) -> Tensor:
        """See `Penalty.penalty`."""
        squares = squared_gradient(step.score, self.samples(step))
        if self.centre:  # the root has no derivative at zero
            squares = (squares.clamp_min(1e-24).sqrt() - self.centre).square()
        return self.gamma / 2 * squares.mean()

    def samples(self, step: CriticStep) -> Tensor:
        """Return where the gradient is taken, float (batch, ...)."""
        real, fake = step.real, step.fake
        if self.position == "real":
            return real
        if self.position == "fake":
            return fake
        mix = pixels(real, step.noise.uniform(len(real)).to(real))
        if self.position == "between":
            return mix * real + (1 - mix) * fake
        shift = step.noise.uniform(*real.shape).to(real)
        spread = pixels(real, real.flatten(1).std(1, correction=0))
        return real + mix * 0.5 * spread * shift


class R1(InputGradientPenalty):
    """Zero-centred at real samples."""

    name, position = "r1", "real"


class R2(InputGradientPenalty):
    """Zero-centred at fake samples."""

    name, position = "r2", "fake"


class ZeroCentred(InputGradientPenalty):
    """Zero-centred between a real and a fake sample."""

    name, position = "zero-centred", "between"


class OneCentred(InputGradientPenalty):
    """One-centred between a real and a fake sample: WGAN-GP."""

    name, position, centre = "one-centred", "between", 1.0


class Dragan(InputGradientPenalty):
    """One-centred around real samples."""

    name, position, centre = "dragan", "around", 1.0


@dataclass(frozen=True)
class ApproximateR1(Penalty):
    """R1 by finite differences in one random direction; first derivatives only.

    E_e (D(x + sigma e) - D(x))^2 / sigma^2 = |grad D(x)|^2 + O(sigma^2) for normal e.

    Attributes:
        sigma: length of the differences; default 0.01.
    """

    name: ClassVar[str] = "approximate-r1"
    position: ClassVar[Position] = "real"
    sigma: float = 0.01

    def penalty(self, step: CriticStep) -> Tensor:
        """See `Penalty.penalty`."""
        x = step.real if self.position == "real" else step.fake
        x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        moved = x + self.sigma * step.noise.normal(*x.shape).to(x)
        with torch.autocast(x.device.type, enabled=False):
            slope = (step.score(moved) - step.score(x)) / self.sigma
        return self.gamma / 2 * slope.square().mean()


class ApproximateR2(ApproximateR1):
    """R2 by finite differences."""

    name, position = "approximate-r2", "fake"


@dataclass(frozen=True)
class L2(Penalty):
    """Squared norm of the critic's weights."""

    name: ClassVar[str] = "l2"

    def penalty(self, step: CriticStep) -> Tensor:
        """See `Penalty.penalty`."""
        return self.gamma / 2 * torch.stack([w.square().sum() for w in step.weights]).sum()


@dataclass(frozen=True)
class Consensus(Term):
    """Squared norm of both players' gradients, minimised by both; see `pull`.

    Attributes:
        gamma: strength; default 1.
    """

    name: ClassVar[str] = "consensus"
    gamma: float = 1.0

    def pull(
        self, gradients: Sequence[Tensor], mean_gradients: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Return gamma/2 |v|^2, or a scalar of the same gradient.

        Over several processes v is the mean of theirs, and gamma <v of one, stop(v)>, whose
        gradients are averaged as any loss's, has the gradient of gamma/2 |v|^2.

        Args:
            gradients: v of this process, with their graph.
            mean_gradients: v over all processes; default: there is one.
        """
        if mean_gradients is None:
            return self.gamma / 2 * torch.stack([v.square().sum() for v in gradients]).sum()
        products = [
            (v * mean.detach()).sum() for v, mean in zip(gradients, mean_gradients, strict=True)
        ]
        return self.gamma * torch.stack(products).sum()


@dataclass(frozen=True)
class Clip(Term):
    """Cut each weight of the critic to [-limit, limit] after a step.

    Attributes:
        limit: default 0.01.
    """

    name: ClassVar[str] = "clip"
    limit: float = 0.01

    @torch.no_grad()
    def project(self, critic: nn.Module) -> None:
        """See `Term.project`."""
        for weight in critic.parameters():
            weight.clamp_(-self.limit, self.limit)


@dataclass(frozen=True)
class SpectralNorm(Term):
    """Divide each weight matrix of the critic by its largest singular value."""

    name: ClassVar[str] = "spectral-norm"

    def prepare(self, critic: nn.Module) -> None:
        """See `Term.prepare`."""
        for layer in list(critic.modules()):
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.Embedding):
                parametrizations.spectral_norm(layer, "weight")


@dataclass(frozen=True)
class InstanceNoise(Term):
    """Add normal noise to what the critic sees.

    Attributes:
        sigma: standard deviation; default 0.1.
    """

    name: ClassVar[str] = "instance-noise"
    sigma: float = 0.1

    def disturb(self, x: Tensor, noise: Noise) -> Tensor:
        """See `Term.disturb`."""
        return x + self.sigma * noise.normal(*x.shape).to(x)


TERMS: dict[str, type[Term]] = {
    term.name: term
    for term in (
        R1,
        R2,
        ZeroCentred,
        OneCentred,
        Dragan,
        ApproximateR1,
        ApproximateR2,
        L2,
        Consensus,
        Clip,
        SpectralNorm,
        InstanceNoise,
    )
}


def make_terms(terms: Iterable[str | Mapping[str, Any]], **defaults: float) -> list[Term]:
    """Return terms by their names.

    Args:
        terms: names, or mappings with `name` and the attributes of the term.
        defaults: attributes of those terms that have them and do not give them.

    Raises:
        ValueError: a name or an attribute is unknown, a value out of range, or two terms exclude
            each other.

    Example:
        >>> make_terms(["r1", {"name": "clip", "limit": 0.1}], gamma=10, every=4)
        [R1(every=4, gamma=10), Clip(limit=0.1)]
    """
    if isinstance(terms, str | Mapping):
        raise ValueError(f"terms is {terms!r}: expected a list; write [{terms!r}]")
    made = [
        _make_term({"name": term} if isinstance(term, str) else term, defaults) for term in terms
    ]
    names = [term.name for term in made]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"terms has {name!r} twice: expected each term once; add up the gammas"
            )
    if {"clip", "spectral-norm"} <= set(names):
        raise ValueError(
            "terms has clip and spectral-norm: expected one of them, since the size of a "
            "normalised weight means nothing; leave one out"
        )
    return made


def _make_term(given: Mapping[str, Any], defaults: Mapping[str, float]) -> Term:
    given = dict(given)
    name = given.pop("name", None)
    if name not in TERMS:
        raise ValueError(f"term is {name!r}: expected one of {', '.join(TERMS)}; choose one")
    known = [field.name for field in fields(TERMS[name])]
    for option in given:
        if option not in known:
            expected = ", ".join(known) or "its name alone"
            raise ValueError(f"term {name} has no {option!r}: expected {expected}")
    options: dict[str, Any] = {k: v for k, v in defaults.items() if k in known} | given
    for option, value in options.items():
        if option == "every":
            require_whole(f"every of term {name}", value)
        elif not isinstance(value, Real) or not float(value) > 0:
            raise ValueError(f"{option} of term {name} is {value!r}: expected a number above 0")
    return TERMS[name](**options)


def check_critic(terms: Sequence[Term], critic: nn.Module) -> None:
    """Warn where a term and a critic do not suit each other.

    Args:
        terms: what will be added.
        critic: the net before `Term.prepare`.
    """
    norms = [m for m in critic.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    penalties = [term.name for term in terms if term.differentiates]
    if norms and penalties:
        warnings.warn(
            f"the critic has batch norm under {' and '.join(penalties)}: the gradient at one "
            "sample then depends on the others of its batch; build the critic without batch norm",
            stacklevel=2,
        )
    if {"l2", "spectral-norm"} <= {term.name for term in terms}:
        warnings.warn(
            "l2 does nothing to normalised weights but shrink their learning rate's unit: leave "
            "out l2 or spectral-norm",
            stacklevel=2,
        )


def penalties(
    terms: Sequence[Term], step: CriticStep, number: int | None = None
) -> list[tuple[int, Tensor]]:
    """Return the penalties of a critic step, each with the factor that it is added with.

    Args:
        terms: any of them; those without a penalty add nothing.
        step: what they look at.
        number: of the critic's step; a term applies where its `every` divides it, with `every` for
            its factor. Default: each applies, with a factor of 1, as in the mean over steps.
    """
    return [
        (1 if number is None else term.every, term.penalty(step))
        for term in terms
        if isinstance(term, Penalty) and (number is None or number % term.every == 0)
    ]
