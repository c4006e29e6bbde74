"""The game of two real nets as a dynamical system: its Jacobian, matrix-free, and its paths.

The players' field is v = -(dL_G/dtheta, dL_D/dphi). Its Jacobian J is not symmetric, unlike a
Hessian: its eigenvalues may be complex, and an imaginary part is rotation. Each is found from
products of J's transpose, which has the same eigenvalues, with vectors: one backward pass a
product (Berard et al., arXiv 1906.04848, section 4.1).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigs
from torch import Tensor, nn


@dataclass(frozen=True)
class Game:
    """Two losses and who minimises which by which weights.

    Attributes:
        losses: returns the generator's and the critic's loss, each with its graph to all weights
            it depends on; the same value at each call.
        generator: the generator's weights.
        critic: the critic's weights.
    """

    losses: Callable[[], tuple[Tensor, Tensor]]
    generator: Sequence[Tensor]
    critic: Sequence[Tensor]

    @property
    def weights(self) -> list[Tensor]:
        """The weights of both players, the generator's first."""
        return [*self.generator, *self.critic]

    def field(self, *, create_graph: bool = True) -> Tensor:
        """Return the direction v in which both go, float (weights,)."""
        of_generator, of_critic = self.losses()
        options: dict[str, Any] = {"create_graph": create_graph, "materialize_grads": True}
        theta = torch.autograd.grad(of_generator, self.generator, retain_graph=True, **options)
        phi = torch.autograd.grad(of_critic, self.critic, **options)
        return -torch.cat([g.flatten() for g in (*theta, *phi)])

    def transposed(self) -> Callable[[Tensor], Tensor]:
        """Return the function u -> J^T u, for float (weights,)."""
        v = self.field()

        def product(u: Tensor) -> Tensor:
            found = torch.autograd.grad(
                v, self.weights, u, retain_graph=True, materialize_grads=True
            )
            return torch.cat([g.flatten() for g in found])

        return product

    def jacobian(self) -> Tensor:
        """Return the dense J, float (weights, weights): for small games."""
        product = self.transposed()
        count = sum(w.numel() for w in self.weights)
        units = torch.eye(count, dtype=self.weights[0].dtype, device=self.weights[0].device)
        return torch.stack([product(unit) for unit in units])


def leading_eigenvalues(
    game: Game, k: int = 10, *, which: str = "LM", seed: int = 0, tolerance: float = 1e-4
) -> np.ndarray:
    """Return the leading eigenvalues of a game's Jacobian.

    Args:
        game: at its present weights.
        k: how many; default 10.
        which: `LM` those of largest modulus, `LR` of largest real part, as SciPy's `eigs`.
        seed: of the start vector; default 0.
        tolerance: relative; default 1e-4.

    Returns:
        complex (k,), the largest first.

    Raises:
        ValueError: the game has fewer than k + 2 weights.
    """
    count = sum(w.numel() for w in game.weights)
    if k > count - 2:
        raise ValueError(f"k is {k}: expected at most {count - 2} for {count} weights; lower it")
    product, like = game.transposed(), game.weights[0]

    def matvec(u: np.ndarray) -> np.ndarray:
        return product(torch.from_numpy(u).to(like)).cpu().double().numpy()

    shape: Any = (count, count)
    operator = LinearOperator(shape, matvec=matvec, dtype=np.float64)  # pyright: ignore
    begin = np.random.default_rng(seed).standard_normal(count)
    options: dict[str, Any] = {"which": which, "v0": begin, "tol": tolerance}
    values: Any = eigs(operator, k, return_eigenvectors=False, **options)
    order = np.abs(values) if which == "LM" else np.real(values)
    return values[np.argsort(-order, kind="stable")]


def spectrum(module: Any, batch: Any, k: int = 10, *, which: str = "LM") -> np.ndarray:
    """Return the leading eigenvalues of the game that a module plays on a batch.

    Args:
        module: a `GanTraining`, or anything with `game(batch)`, which returns a `Game`.
        batch: of its data.
        k: how many; default 10.
        which: `LM` those of largest modulus, `LR` of largest real part; default `LM`.

    Returns:
        complex (k,), the largest first.
    """
    return leading_eigenvalues(module.game(batch), k, which=which)


@contextmanager
def weights_restored(weights: Sequence[Tensor]) -> Iterator[None]:
    """Restore the weights when the block ends."""
    kept = [w.detach().clone() for w in weights]
    try:
        yield
    finally:
        put(weights, kept)


@torch.no_grad()
def put(weights: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Give weights their values."""
    for weight, value in zip(weights, values, strict=True):
        weight.copy_(value)


def path_angle(
    game: Game, end: Sequence[Tensor], points: int = 21
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine between the field and the straight path from here to `end`.

    Around an attracting point the cosine changes its sign where the path passes it; a bump of
    one sign there is rotation (Berard et al., arXiv 1906.04848, section 4.2).

    Args:
        game: at the weights where the path begins.
        end: the weights of both players where it ends.
        points: on the path; default 21.

    Returns:
        places: float (points,), from 0 to 1.
        cosines: float (points,).
    """
    begin = [w.detach().clone() for w in game.weights]
    flat = torch.cat([(e - b).flatten() for e, b in zip(end, begin, strict=True)])
    places, cosines = np.linspace(0, 1, points), []
    with weights_restored(game.weights):
        for place in places:
            at = [b + float(place) * (e - b) for e, b in zip(end, begin, strict=True)]
            put(game.weights, at)
            v = game.field(create_graph=False)
            cosines.append(float(torch.cosine_similarity(flat, v, dim=0)))
    return places, np.array(cosines)


@torch.no_grad()
def singular_values(net: nn.Module) -> dict[str, float]:
    """Return the largest singular value of each weight matrix, as (out, the rest).

    Args:
        net: any; spectral normalisation is applied first where a layer has it.
    """
    return {
        name: float(torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2))
        for name, layer in net.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding)
    }
