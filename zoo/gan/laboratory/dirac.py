"""The laboratory: does a choice of loss, terms and update converge, how fast, up to which step?

Dirac-GAN (Mescheder et al., arXiv 1801.04406, section 2): the data are one point, 0; the generator
makes one point, theta; the critic is linear, D(x) = phi . x. The players rest at theta = phi = 0.
With small steps their training follows the flow theta' = -dL_G/dtheta, phi' = -dL_D/dphi, whose
Jacobian at rest decides (Su, https://kexue.fm/archives/6583):

    J = [[0, -g], [-c, -gamma - sigma^2 k]]

with c and g the slopes of the losses, gamma the sum over the penalties, sigma the instance noise
and k the losses' curvature. Its eigenvalues are imaginary unless something makes the lower right
corner negative: that is what penalties are for.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from zoo.gan.laboratory.slopes import parts
from zoo.gan.losses import Form, make_loss
from zoo.gan.terms import Penalty, Term, make_terms
from zoo.gan.updates import Update, make_update

Kind = Literal["converges", "sublinear", "circle", "spirals out", "restless"]

FRICTION = ("r1", "r2", "zero-centred", "approximate-r1", "approximate-r2")
ONE_CENTRED = ("one-centred", "dragan")
NEUTRAL = 1e-9  # below this a growth of log |multiplier| a step is none
RADIUS = 0.01  # of the small orbit on which the next order is averaged
NODES, WEIGHTS = hermegauss(16)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


class Dirac:
    """One choice of loss, terms and update in Dirac-GAN; see `dirac` for the arguments.

    Attributes:
        terms: what is added, as objects.
        update: how the players move.
        step: the generator's step size.
        dimension: of theta and of phi, n.
    """

    def __init__(
        self,
        loss: str,
        *,
        form: Form,
        terms: list[Term],
        update: Update,
        step: float,
        dimension: int,
    ) -> None:
        self.loss = loss
        self.form: Form = form
        self.terms, self.update, self.step, self.dimension = terms, update, step, dimension
        self._critic, self._generator = parts(loss, form)
        self._named: dict[str, Any] = {term.name: term for term in terms}

    def __repr__(self) -> str:
        """Return the choice and its verdict."""
        terms = " + ".join(str(term) for term in self.terms) or "no terms"
        return f"{self.loss}, {terms}, step {self.step}: {self.verdict}"

    def strength(self, *names: str) -> float:
        """Return the sum of gamma over the terms of these names."""
        return sum(self._named[name].gamma for name in names if name in self._named)

    @property
    def sigma(self) -> float:
        """The standard deviation of the instance noise."""
        return getattr(self._named.get("instance-noise"), "sigma", 0.0)

    def field(self, weights: np.ndarray) -> np.ndarray:
        """Return the direction in which both players go.

        Args:
            weights: float (..., 2 n), theta before phi.

        Returns:
            float (..., 2 n).
        """
        v = self._gradient_field(weights)
        gamma = self.strength("consensus")
        return v - gamma * self._slope_of_norm(weights) if gamma else v

    def _gradient_field(self, weights: np.ndarray) -> np.ndarray:
        theta, raw = np.split(weights, 2, axis=-1)
        phi, length = raw, np.linalg.norm(raw, axis=-1, keepdims=True)
        unit = raw / np.maximum(length, 1e-300)
        normalised = "spectral-norm" in self._named
        if normalised:
            phi, length = unit, np.ones_like(length)
        s = (phi * theta).sum(-1, keepdims=True)
        of_theta = self._mean_slopes(self._generator, s, length)[0] * phi
        along, across = self._mean_slopes(self._critic, s, length)
        of_phi = along * theta + across * unit
        if self.loss == "gan-qp":
            size = np.linalg.norm(theta, axis=-1, keepdims=True)
            of_phi = of_phi + s / np.maximum(size, 1e-12) * theta
        of_phi = of_phi + self.strength(*FRICTION) * phi
        of_phi = of_phi + self.strength(*ONE_CENTRED) * (phi - unit)
        if normalised:
            radial = (of_phi * unit).sum(-1, keepdims=True) * unit
            of_phi = (of_phi - radial) / np.linalg.norm(raw, axis=-1, keepdims=True)
        return -np.concatenate([of_theta, of_phi + self.strength("l2") * raw], -1)

    def _mean_slopes(
        self, of: list, s: np.ndarray, length: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return E[a l'] and E[b sigma e l'], summed over the parts l(a s + b |phi| sigma e)."""
        along, across = np.zeros_like(s), np.zeros_like(s)
        for part in of:
            if not self.sigma:
                along = along + part.a * part.slope(part.a * s)
                continue
            spread = part.b * self.sigma
            slopes = WEIGHTS * part.slope(part.a * s + spread * length * NODES)
            along = along + part.a * slopes.sum(-1, keepdims=True)
            across = across + spread * (slopes * NODES).sum(-1, keepdims=True)
        return along, across

    def _slope_of_norm(self, weights: np.ndarray) -> np.ndarray:
        """Return the gradient of |v|^2 / 2 by central differences."""
        h = np.maximum(1e-4 * np.abs(weights).max(-1)[..., None, None], 1e-150)
        shifts = h * np.eye(2 * self.dimension)
        ahead = self._gradient_field(weights[..., None, :] + shifts)
        behind = self._gradient_field(weights[..., None, :] - shifts)
        return (np.square(ahead) - np.square(behind)).sum(-1) / (4 * h[..., 0])

    def project(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights (..., 2 n) that clipping leaves."""
        if "clip" not in self._named:
            return weights
        limit = self._named["clip"].limit
        theta, phi = np.split(weights, 2, axis=-1)
        return np.concatenate([theta, phi.clip(-limit, limit)], -1)

    @cached_property
    def jacobian(self) -> np.ndarray | None:
        """Of the flow at rest, float (2 n, 2 n); None where the field jumps there."""
        if "spectral-norm" in self._named or any(name in self._named for name in ONE_CENTRED):
            return None
        g = sum(part.a * part.at_rest for part in self._generator)
        c = sum(part.a * part.at_rest for part in self._critic)
        noise = sum(part.b**2 * part.curvature for part in self._critic) * self.sigma**2
        corner = -self.strength(*FRICTION, "l2") - noise
        one = np.array([[0.0, -g], [-c, corner]])
        one = one - self.strength("consensus") * one.T @ one
        return np.kron(one, np.eye(self.dimension))

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """Of the flow, complex (2 n,); empty where the field jumps at rest."""
        return _eigenvalues(self.jacobian)

    @cached_property
    def multipliers(self) -> np.ndarray:
        """Of one generator step of the update, complex (2 n,), or (4 n,) with a memory."""
        if self.jacobian is None:
            return np.empty(0, complex)
        return _eigenvalues(self.update.matrix(self.jacobian, self.step))

    def growth(self, step: float | None = None) -> float:
        """Return log |largest multiplier| of a generator step of some size; default the lab's."""
        assert self.jacobian is not None
        matrix = self.update.matrix(self.jacobian, self.step if step is None else step)
        return float(np.log(np.abs(_eigenvalues(matrix)).max()))

    @cached_property
    def largest_step(self) -> float:
        """The step size up to which the update does not spiral out, at most 1,000; 0 if none."""
        if self.jacobian is None:
            return 0.0
        sizes = np.geomspace(1e-3, 1e3, 400)
        grows = [self.growth(size) > NEUTRAL for size in sizes]
        if not any(grows):
            return float(sizes[-1])
        first = grows.index(True)
        if first == 0:
            return 0.0
        low, high = sizes[first - 1], sizes[first]
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if self.growth(middle) > NEUTRAL else (middle, high)
        return float(low)

    def drift(self, radius: float = RADIUS) -> float:
        """Return how an orbit around rest grows a step beyond the linear rate.

        The update is applied once to a small orbit of its linear part, and log |z| averaged over
        it, z the coordinate of the leading multiplier. The field is odd, so nothing of second
        order is missed.

        Args:
            radius: of the orbit; default 0.01.
        """
        plane = self._with(dimension=1)
        assert plane.jacobian is not None
        values, right = np.linalg.eig(plane.update.matrix(plane.jacobian, self.step))
        lead = np.abs(values).argmax()
        left = np.linalg.inv(right)[lead]
        angles = np.exp(2j * np.pi * (np.arange(360) + 0.5) / 360)
        vector = right[:, lead] / np.linalg.norm(right[:2, lead])
        start = 2 * np.real(radius * angles[:, None] * vector)
        state = np.zeros((360, 4))
        state[:, : start.shape[1]] = start
        images = plane.update.advance(plane.field, (state[:, :2], state[:, 2:]), self.step)
        image = np.concatenate(images, 1)[:, : start.shape[1]]
        ratio = np.abs(image @ left) / np.abs(start @ left)
        return float(np.log(ratio).mean() - np.log(np.abs(values[lead])))

    @cached_property
    def kind(self) -> Kind:
        """What the update does near rest, predicted."""
        if self.jacobian is None:
            return "restless"
        growth = self.growth()
        if abs(growth) > NEUTRAL:
            return "spirals out" if growth > 0 else "converges"
        drift = self.drift()
        if abs(drift) > NEUTRAL:
            return "spirals out" if drift > 0 else "sublinear"
        return "circle"

    @property
    def verdict(self) -> str:
        """What the update does near rest, as a sentence with its figures."""
        if self.jacobian is None:
            return "restless: the field jumps at rest, and the players circle around it"
        rate = -np.real(self.eigenvalues).max()
        if self.kind == "sublinear":
            return "sublinear: closes in ever more slowly, with no linear rate"
        if self.kind == "circle":
            return "circle: nothing pulls it in; an average of the weights is near rest"
        stable = f"steps up to {self.largest_step:.2f} are stable"
        if self.kind == "spirals out":
            if not self.largest_step:
                return "spirals out at every step size"
            return f"spirals out: a step of {self.step:g} is too long; {stable}"
        steps = -np.log(2) / self.growth()
        if rate > NEUTRAL:
            return f"converges: halves in {steps * self.step:.1f} units of time; {stable}"
        return (
            f"converges: the flow circles and the update damps it, halves in {steps:.0f} steps; "
            f"{stable}"
        )

    def autograd_jacobian(self) -> np.ndarray:
        """Return the Jacobian at rest by differentiating the losses and terms of the trainer."""
        from zoo.gan.laboratory.game import jacobian

        return jacobian(make_loss(self.loss, self.form), self.terms, self.dimension)

    def plot(self, path: str | Path) -> None:
        """Draw field, flow and update as a picture.

        Args:
            path: of the file to write; its ending says the format.
        """
        from zoo.gan.laboratory import plot, simulation

        orbit, _ = simulation.run(self, steps=600)
        plot.draw_phases(path, self.field, simulation.flow(self, time=60.0), orbit, self.verdict)

    def _with(self, **changes: Any) -> "Dirac":
        names = ("form", "terms", "update", "step", "dimension")
        return Dirac(self.loss, **{name: getattr(self, name) for name in names} | changes)


def dirac(
    loss: str,
    *,
    terms: Iterable[str | Mapping[str, Any]] = (),
    gamma: float = 1.0,
    update: str | Update = "alternating",
    step: float = 0.1,
    form: Form = "plain",
    dimension: int | None = None,
    limit: float = 1.0,
    sigma: float = 0.5,
) -> Dirac:
    """Put a choice of loss, terms and update into the laboratory.

    Args:
        loss: a name of `zoo.gan.losses.NAMES`.
        terms: names of `zoo.gan.terms.TERMS`, or mappings with `name` and their attributes.
        gamma: strength of the penalties that give none; default 1.
        update: a name of `zoo.gan.updates.UPDATES`, or an `Update`; default alternating.
        step: the generator's step size; default 0.1.
        form: `plain`, `paired` or `averaged`; default plain.
        dimension: 1 or 2; default 2 with `spectral-norm`, whose critic cannot move in one
            dimension, and 1 without it.
        limit: of `clip`, unless it gives one; default 1.
        sigma: of `instance-noise`, unless it gives one; default 0.5.

    Raises:
        ValueError: a name is unknown, a value out of range, or a choice is not in the laboratory.

    Example:
        >>> lab = dirac("wgan", terms=["r1"], gamma=0.3, update="simultaneous", step=0.1)
        >>> lab.verdict
        'converges: halves in 6.9 units of time; steps up to 0.30 are stable'
        >>> dirac("wgan", update="simultaneous").verdict
        'spirals out at every step size'
    """
    made = make_terms(terms, gamma=gamma, limit=limit, sigma=sigma)
    names = {term.name for term in made}
    if dimension is None:
        dimension = 2 if "spectral-norm" in names else 1
    if dimension not in (1, 2) or ("spectral-norm" in names and dimension == 1):
        raise ValueError(
            f"dimension is {dimension}: expected 1 or 2, and 2 with spectral-norm, since a "
            "normalised critic of one weight has no gradient"
        )
    if not isinstance(step, Real) or not step > 0:
        raise ValueError(f"step is {step!r}: expected a number above 0")
    lazy = [term.name for term in made if isinstance(term, Penalty) and term.every > 1]
    if lazy:
        raise ValueError(
            f"every of term {lazy[0]} is above 1: expected 1, since the laboratory applies its "
            "penalties at each step"
        )
    if loss == "gan-qp" and "instance-noise" in names:
        raise ValueError(
            "loss is gan-qp under instance-noise: expected one of the two alone, since the "
            "distance of noisy pairs is not in the laboratory"
        )
    update = make_update(update) if isinstance(update, str) else update
    return Dirac(loss, form=form, terms=made, update=update, step=step, dimension=dimension)


def _eigenvalues(matrix: np.ndarray | None) -> np.ndarray:
    if matrix is None:
        return np.empty(0, complex)
    values = np.linalg.eigvals(matrix).astype(complex)
    return values[np.lexsort((np.imag(values), np.real(values)))[::-1]]
