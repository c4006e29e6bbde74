"""The network as users hold it: pictures in [0, 1] go in and come out."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from zoo.errors import require_whole
from zoo.layers.evaluation import require_evaluation
from zoo.layers.signature import Signature
from zoo.nvae import exploration, likelihood_bound
from zoo.nvae.hierarchy import Hierarchy
from zoo.nvae.likelihood_bound import Score
from zoo.nvae.noise import new_seed, noise_by_place

CHUNK = 64  # pictures that are decoded at once


class NVAE(Hierarchy):
    """A deep hierarchical VAE of convolutions (Vahdat, Kautz: NVAE, arXiv 2007.03898).

    Pictures are float (batch, channels, height, width) in [0, 1]. A net of black and white pixels
    (`likelihood="bernoulli"`) takes a grey pixel for the probability of white, and draws it.
    What is drawn depends on a seed and on a picture's place, never on how many go together; so each
    question but `forward` raises ValueError in training mode, in which it would.

    Args:
        **arguments: the fields of `Architecture`.

    Example:
        >>> net = NVAE(shape=[1, 8, 8], groups=[1, 1], width=4, latents=2).eval()
        >>> pictures = net.sample(3, seed=0)
        >>> pictures.shape, [tuple(z.shape) for z in net.encode(pictures)]
        (torch.Size([3, 1, 8, 8]), [(3, 2, 2, 2), (3, 2, 4, 4)])
    """

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        temperature: float | Sequence[float] = 1.0,
        labels: Tensor | None = None,
    ) -> Tensor:
        """Return n pictures, float (n, channels, height, width): the means of their pixels.

        Args:
            n: how many.
            seed: of the latents; default another each time.
            temperature: factor on the scales of the priors, one number or one a group, from the
                top; default 1.
            labels: not for this net; default none.

        Raises:
            ValueError: if n is no number of pictures, there are labels, or not a temperature for
                each group.
        """
        require_evaluation(self)
        if labels is not None:
            raise ValueError("labels were given: this net was trained without; leave them out")
        require_whole("n", n)
        factors = self._temperatures(temperature)
        seed = new_seed() if seed is None else seed
        shapes = self.plan.latent_shapes

        def draw(places: range) -> Tensor:
            noise = noise_by_place(shapes, seed, places)
            noise = [t * part for t, part in zip(factors, noise, strict=True)]
            return self.decode_white([part.to(self.decoder.start.device) for part in noise])

        return torch.cat([draw(range(n)[i : i + CHUNK]) for i in range(0, n, CHUNK)])

    @torch.no_grad()
    def encode(self, x: Tensor, *, keep: float | None = None, seed: int = 0) -> list[Tensor]:
        """Return the latents of pictures: one (batch, latents, height, width) a group.

        They are the means of the posteriors, each given the ones above.

        Args:
            x: pictures (batch, channels, height, width) in [0, 1].
            keep: share of the latents of each picture that keep these means, those of the largest
                KL; the others are the means of their priors (Efficient-VDVAE, arXiv 2203.13751,
                section 7, finds that 3 % do); default all.
            seed: of black and white; default 0.

        Raises:
            ValueError: if the pictures are not the net's, or `keep` is not in [0, 1].
        """
        require_evaluation(self)
        features = self.features(self.prepare(x, seed))
        means, latents = self.means(features)
        return means if keep is None else exploration.prune(self, features, latents, keep)

    def reconstruct(self, x: Tensor, *, keep: float | None = None, seed: int = 0) -> Tensor:
        """Return `decode(encode(x))`, float (batch, channels, height, width) in [0, 1]."""
        return self.decode(self.encode(x, keep=keep, seed=seed))

    def interpolate(self, a: Tensor, b: Tensor, steps: int = 8) -> Tensor:
        """Return pictures on the way from a to b: (batch, steps, channels, height, width).

        The way is an arc between their latents, in standard deviations of the priors.

        Args:
            a: pictures (batch, channels, height, width), or one without a batch: then so is what
                is returned.
            b: of the same shape.
            steps: pictures on the way, both ends counted; default 8.

        Raises:
            ValueError: if the shapes are not equal, or there are no steps.
        """
        require_evaluation(self)
        return exploration.interpolate(self, a, b, steps)

    def traverse(self, x: Tensor, group: int, steps: int = 8, seed: int = 0) -> Tensor:
        """Return pictures while one group moves: (batch, steps, channels, height, width).

        Its latents go along an arc from the picture's own to a draw of the prior. All the others
        stay, in standard deviations of their priors.

        Args:
            x: pictures (batch, channels, height, width), or one without a batch.
            group: the place of the group, 0 at the top.
            steps: pictures on the way; default 8.
            seed: of the draw; default 0.

        Raises:
            ValueError: if there is no such group, or there are no steps.
        """
        require_evaluation(self)
        return exploration.traverse(self, x, group, steps, seed)

    def complete(self, x: Tensor, known: Tensor, *, rounds: int = 30, seed: int = 0) -> Tensor:
        """Return the pictures with their unknown pixels filled in.

        A Markov chain: latents given the picture, then unknown pixels given the latents (Rezende,
        Mohamed, Wierstra, arXiv 1401.4082, appendix F). The last pixels are means.

        Args:
            x: pictures (batch, channels, height, width) in [0, 1].
            known: bool like x: True is kept.
            rounds: of the chain; default 30.
            seed: of what is drawn; default 0.

        Raises:
            ValueError: if `known` is not bool, or not shaped like x.
        """
        require_evaluation(self)
        return exploration.complete(self, x, known, rounds, seed)

    @torch.no_grad()
    def nelbo(self, x: Tensor, *, seed: int = 0, places: Sequence[int] | None = None) -> Tensor:
        """Return the negative evidence bound (batch,) in nats, from one draw of each posterior.

        Args:
            x: pictures (batch, channels, height, width) in [0, 1].
            seed: of what is drawn; default 0.
            places: of the pictures in what they belong to; default 0, 1, 2, ...
        """
        require_evaluation(self)
        return self.bound(x, seed, places).nelbo

    def log_likelihood(
        self,
        x: Tensor,
        samples: int = 100,
        *,
        seed: int = 0,
        places: Sequence[int] | None = None,
    ) -> Tensor:
        """Return log p(x), float64 (batch,) in nats, estimated from below by importance weights.

        Args:
            x: pictures (batch, channels, height, width) in [0, 1].
            samples: of the posterior, for each picture; default 100.
            seed: of what is drawn; default 0.
            places: of the pictures in what they belong to; default 0, 1, 2, ...
        """
        require_evaluation(self)
        return likelihood_bound.log_mean(
            likelihood_bound.log_weights(self, x, samples, seed, places)
        )

    def score(self, x: Tensor, *, seed: int = 0) -> Score:
        """Return the bound of pictures in nats and bits, and where its KL lies."""
        require_evaluation(self)
        with torch.no_grad():
            return likelihood_bound.score(self.bound(x, seed), self.plan.dimensions)

    def signature(self) -> Signature:
        """Return what it takes and gives when it is exported: those of `FromWhiteNoise`."""
        size = sum(prod(shape) for shape in self.plan.latent_shapes)
        return Signature(
            FromWhiteNoise(self),
            inputs={"noise": torch.zeros(2, size)},
            axes={"noise": ("batch",)},
            outputs=("pictures",),
            longest={},
        )

    def _temperatures(self, temperature: float | Sequence[float]) -> list[float]:
        number = len(self.plan.latent_shapes)
        if isinstance(temperature, (int, float)):
            return [float(temperature)] * number
        if len(temperature) != number:
            raise ValueError(
                f"{len(temperature)} temperatures for {number} groups: give one number, or one a "
                "group, from the top"
            )
        return [float(t) for t in temperature]


class FromWhiteNoise(nn.Module):
    """Pictures of noise that is given: what is exported, for the noise is the caller's.

    Args:
        model: the net.
    """

    def __init__(self, model: NVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, noise: Tensor) -> Tensor:
        """Return the means of the pixels, float (batch, channels, height, width) in [0, 1].

        Args:
            noise: standard normal (batch, numbers), of all groups from the top, one behind another,
                times the temperature.
        """
        shapes = self.model.plan.latent_shapes
        parts = noise.split([prod(shape) for shape in shapes], dim=1)
        return self.model.decode_white(
            [part.unflatten(1, shape) for part, shape in zip(parts, shapes, strict=True)]
        )
