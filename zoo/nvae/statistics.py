"""Running statistics of batch norm, measured anew once the weights stand still.

In training they lag behind the weights: after thirty steps a net with 185 nats in training mode had
369 in eval mode. And latents drawn at another temperature than 1 give other statistics.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from zoo.layers.batch_norm import measuring_statistics
from zoo.nvae.hierarchy import Hierarchy
from zoo.nvae.noise import draw_noise, generator_of


def reestimate(net: Hierarchy, batches: Iterable[Tensor], seed: int = 0) -> None:
    """Set the statistics of both towers to their averages over batches of training pictures.

    Args:
        net: changed in place; its mode stays.
        batches: pictures (batch, channels, height, width) in [0, 1], a few thousand in all.
        seed: of what is drawn; default 0.

    Raises:
        ValueError: if there is no batch, or a statistic is not finite; the net stays as it was.
    """
    with measuring_statistics(net):
        first = 0
        for x in batches:
            net.bound(x, seed, range(first, first + len(x)))
            first += len(x)


def recalibrate(
    net: Hierarchy, temperature: float, passes: int = 100, batch: int = 16, seed: int = 0
) -> None:
    """Set the decoder's statistics to their averages over what it draws at a temperature.

    The paper does so before it samples, with 500 passes of 16. Reconstructions want the
    statistics of training: keep a copy of the net for them.

    Args:
        net: changed in place; its mode stays.
        temperature: factor on the scales of the priors.
        passes: batches that are drawn; default 100.
        batch: pictures of a batch; default 16.
        seed: of what is drawn; default 0.

    Raises:
        ValueError: if a statistic is not finite; the net stays as it was.
    """
    generator = generator_of(seed)
    device = net.decoder.start.device
    with measuring_statistics(net.decoder), torch.no_grad():
        for _ in range(passes):
            noise = draw_noise(net.plan.latent_shapes, batch, generator)
            net.decode_white([(temperature * part).to(device) for part in noise])
