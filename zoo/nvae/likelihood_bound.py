"""How likely pictures are: importance-weighted bounds, bits, where the KL lies.

The bound of k samples is log (1/k) sum_i p(x, z_i) / q(z_i | x) (Burda, Grosse, Salakhutdinov:
importance weighted autoencoders, arXiv 1509.00519, equation 8). It rises with k to log p(x).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.nvae.distributions import bits_per_dimension
from zoo.nvae.groups import from_posterior
from zoo.nvae.hierarchy import Hierarchy, Output, places_of
from zoo.nvae.noise import noise_by_place

ROWS = 64  # latents that are decoded at once: glibc reuses no buffers above 32 MB, as of 200
ACTIVE = 0.01  # nats


@dataclass
class Score:
    """What `NVAE.score` says of pictures.

    Attributes:
        nelbo: the negative evidence bound (batch,), in nats.
        bits_per_dim: the same in bits of each number of the picture (batch,).
        kl: of each group (batch, groups), from the top, in nats.
        active_units: for each group how many of its latents have a mean KL above 0.01 nats over
            these pictures. (Not the variance of posterior means: that of a lower group varies
            with the groups above, whether it says anything of its own or not.)
    """

    nelbo: Tensor
    bits_per_dim: Tensor
    kl: Tensor
    active_units: list[int]


def score(output: Output, dimensions: int) -> Score:
    """Return the score of what a forward pass gave, of pictures of so many numbers."""
    active = [
        int((latent.posterior.kl(latent.prior).mean(dim=0) > ACTIVE).sum())
        for latent in output.latents
        if latent.posterior is not None
    ]
    nelbo = output.nelbo
    return Score(nelbo, bits_per_dimension(nelbo, dimensions), output.kl, active)


@torch.no_grad()
def log_weights(
    net: Hierarchy,
    x: Tensor,
    samples: int,
    seed: int = 0,
    places: Sequence[int] | None = None,
    rows: int = ROWS,
) -> Tensor:
    """Return log p(x, z) - log q(z | x) of draws of the posterior, float64 (batch, samples).

    A picture is encoded once. Its draws depend on seed and place alone.

    Args:
        net: in eval mode.
        x: pictures (batch, channels, height, width) in [0, 1].
        samples: draws of each picture.
        seed: of what is drawn; default 0.
        places: of the pictures in what they belong to; default 0, 1, 2, ...
        rows: latents decoded at once; default 64.

    Raises:
        ValueError: if there are no samples, or not a place for each picture.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}: expected at least 1")
    places = places_of(x, places)
    x = net.prepare(x, seed, places)
    together = max(1, rows // samples)
    parts = [
        _log_weights(net, x[i : i + together], samples, seed, places[i : i + together], rows)
        for i in range(0, len(x), together)
    ]
    return torch.cat(parts)


def _log_weights(
    net: Hierarchy, x: Tensor, samples: int, seed: int, places: Sequence[int], rows: int
) -> Tensor:
    """Return the log weights of a few pictures, as many draws of them at a time as fit."""
    features = net.features(x)
    noise = noise_by_place(net.plan.latent_shapes, seed, places, samples)
    owner = torch.arange(len(x)).repeat_interleave(samples)
    weights = []
    for i in range(0, len(owner), rows):
        own = owner[i : i + rows].to(x.device)
        part = [n[i : i + rows] for n in noise]
        logits, latents = net.decoder(
            len(own), from_posterior(part, x.device), [f[own] for f in features]
        )
        weight = -net.nats(logits, x[own]).double()
        for latent in latents:
            weight += (latent.log_p - latent.log_q).double()
        weights.append(weight)
    return torch.cat(weights).view(len(x), samples)


def log_mean(log_weights: Tensor) -> Tensor:
    """Return the log of the mean weight of each picture (batch,) from (batch, samples)."""
    return log_weights.logsumexp(dim=1) - math.log(log_weights.shape[1])


def standard_error(log_weights: Tensor) -> Tensor:
    """Return the standard error of each picture's `log_mean` (batch,), in nats.

    By the delta method: that of the mean weight over the mean weight. With few samples it is too
    small, as the largest weights have not been seen.
    """
    weights = (log_weights - log_weights.amax(dim=1, keepdim=True)).exp()
    deviation = weights.std(dim=1) / math.sqrt(weights.shape[1])
    return deviation / weights.mean(dim=1)
