"""What latents are good for: prune them, walk between them, fill in pictures."""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.errors import require_whole
from zoo.nvae.distributions import Normal
from zoo.nvae.groups import Latent, LatentGroup, from_prior
from zoo.nvae.hierarchy import Hierarchy
from zoo.nvae.noise import generator_of, noise_by_place


def prune(
    net: Hierarchy, features: Sequence[Tensor], latents: Sequence[Latent], keep: float
) -> list[Tensor]:
    """Return latents of which a share of each picture's are posterior means, the rest prior means.

    Which ones is decided by their KL when all are posterior means; a flow's own part is left out.
    """
    if not 0 <= keep <= 1:
        raise ValueError(f"keep is {keep}: expected a share of the latents in [0, 1], such as 0.05")
    nats = [latent.posterior.kl(latent.prior).flatten(1) for latent in latents if latent.posterior]
    flat = torch.cat(nats, dim=1)
    best = flat.topk(round(keep * flat.shape[1]), dim=1).indices
    chosen = torch.zeros_like(flat, dtype=torch.bool).scatter(1, best, True)
    masks = [
        part.view_as(latent.z)
        for part, latent in zip(chosen.split([n.shape[1] for n in nats], 1), latents, strict=True)
    ]

    def choose(index: int, group: LatentGroup, prior: Normal, belief: Normal | None) -> Latent:
        assert belief is not None
        z = group.flows(belief.mean)
        return Latent(torch.where(masks[index], z, prior.mean), prior)

    return [latent.z for latent in net.decoder(len(flat), choose, features)[1]]


@torch.no_grad()
def interpolate(net: Hierarchy, a: Tensor, b: Tensor, steps: int) -> Tensor:
    """See `NVAE.interpolate`."""
    if a.shape != b.shape:
        raise ValueError(f"from {tuple(a.shape)} to {tuple(b.shape)}: expected equal shapes")
    if a.dim() == 3:
        return interpolate(net, a[None], b[None], steps)[0]
    start, end = (_white(net, x) for x in (a, b))
    ways = arc(start, end, steps)
    return torch.stack([net.decode_white(way) for way in ways], dim=1)


@torch.no_grad()
def traverse(net: Hierarchy, x: Tensor, group: int, steps: int, seed: int) -> Tensor:
    """See `NVAE.traverse`."""
    number = len(net.plan.latent_shapes)
    if not 0 <= group < number:
        raise ValueError(f"group is {group}: expected 0, the top, to {number - 1}")
    if x.dim() == 3:
        return traverse(net, x[None], group, steps, seed)[0]
    white = _white(net, x)
    drawn = noise_by_place(net.plan.latent_shapes, seed, range(len(x)))[group].to(x.device)
    ways = arc([white[group]], [drawn], steps)
    moved = [[*white[:group], *way, *white[group + 1 :]] for way in ways]
    return torch.stack([net.decode_white(way) for way in moved], dim=1)


@torch.no_grad()
def complete(net: Hierarchy, x: Tensor, known: Tensor, rounds: int, seed: int) -> Tensor:
    """See `NVAE.complete`."""
    if known.dtype != torch.bool or known.shape != x.shape:
        raise ValueError(
            f"known is {known.dtype} of shape {tuple(known.shape)}: expected bool of x's shape, "
            f"{tuple(x.shape)}"
        )
    seen, places = net.prepare(x, seed), range(len(x))
    white = noise_by_place(net.plan.latent_shapes, seed, places)
    logits, _ = net.decoder(len(x), from_prior([part.to(x.device) for part in white]))
    for turn in range(seed + 1, seed + 1 + rounds):
        filled = torch.where(known, seen, _drawn(net, logits, turn))
        noise = noise_by_place(net.plan.latent_shapes, turn, places)
        logits = net(filled, noise).logits
    return torch.where(known, x, net.pixels(logits).mean())


def _drawn(net: Hierarchy, logits: Tensor, seed: int) -> Tensor:
    """Return pictures that are drawn by the seed and by their places."""
    parts = [net.pixels(logits[p : p + 1]) for p in range(len(logits))]
    return torch.cat([part.sample(generator_of(seed, p, 1)) for p, part in enumerate(parts)])


def _white(net: Hierarchy, x: Tensor) -> list[Tensor]:
    """Return the latents of pictures in standard deviations of their priors."""
    _, latents = net.means(net.features(net.prepare(x)))
    return [latent.prior.whiten(latent.z) for latent in latents]


def arc(start: Sequence[Tensor], end: Sequence[Tensor], steps: int) -> list[list[Tensor]]:
    """Return latents on the way: between two directions along the circle, lengths in a line.

    White latents of a prior lie near a sphere; a straight line would leave it.

    Args:
        start: one (batch, latents, height, width) a group.
        end: of the same shapes.
        steps: points on the way, both ends counted.

    Returns:
        At each step one tensor a group.

    Raises:
        ValueError: if there are no steps.
    """
    require_whole("steps", steps)
    a, b = (torch.cat([part.flatten(1) for part in z], dim=1) for z in (start, end))
    length_a, length_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    a, b = a / length_a.clamp(min=1e-12), b / length_b.clamp(min=1e-12)
    angle = (a * b).sum(1, keepdim=True).clamp(-1 + 1e-6, 1 - 1e-6).acos()
    sizes = [part[0].numel() for part in start]
    ways = []
    for t in torch.linspace(0, 1, steps, device=a.device):
        point = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
        point = point * ((1 - t) * length_a + t * length_b)
        parts = point.split(sizes, dim=1)
        ways.append([part.view_as(like) for part, like in zip(parts, start, strict=True)])
    return ways
