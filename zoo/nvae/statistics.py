"""Running statistics of batch norm, estimated again once the weights stand still.

In training they lag behind the weights: after thirty steps a net with 185 nats in training mode had
369 in eval mode. And latents drawn at another temperature than 1 give other statistics.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.nvae.hierarchy import Hierarchy
from zoo.nvae.noise import draw_noise, generator_of


@torch.no_grad()
def reestimate(net: Hierarchy, batches: Iterable[Tensor], seed: int = 0) -> None:
    """Set the statistics of both towers to their averages over batches of training pictures.

    Args:
        net: changed in place; its mode stays.
        batches: pictures (batch, channels, height, width) in [0, 1], a few thousand in all.
        seed: of what is drawn; default 0.

    Raises:
        ValueError: if there is no batch, or a statistic is not finite; the net stays as it was.
    """
    generator, first = generator_of(seed), 0
    with _estimating(net):
        for x in batches:
            net(net.prepare(x, seed, first), generator=generator)
            first += len(x)


@torch.no_grad()
def recalibrate(
    net: Hierarchy, temperature: float, passes: int = 100, batch: int = 16, seed: int = 0
) -> None:
    """Set the decoder's statistics to their averages over what it draws at a temperature.

    The paper does so before it samples (section 3.3), with 500 passes of 16.

    Args:
        net: changed in place; its mode stays. Reconstructions want other statistics: keep a copy.
        temperature: factor on the scales of the priors.
        passes: batches that are drawn; default 100.
        batch: pictures of a batch; default 16.
        seed: of what is drawn; default 0.

    Raises:
        ValueError: if a statistic is not finite; the net stays as it was.
    """
    generator = generator_of(seed)
    with _estimating(net.decoder):
        for _ in range(passes):
            noise = draw_noise(net.plan.latent_shapes, batch, generator)
            net.decode_white([(temperature * n).to(net.decoder.start.device) for n in noise])


@contextmanager
def _estimating(module: nn.Module) -> Iterator[None]:
    """Average batch statistics in float32, from nothing, and check what comes out."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    modes = {m: m.training for m in module.modules()}
    momenta = [norm.momentum for norm in norms]
    before = [{name: b.clone() for name, b in norm.named_buffers()} for norm in norms]
    module.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
    try:
        with torch.autocast(next(module.parameters()).device.type, enabled=False):
            yield
        _require_estimated(norms)
    except BaseException:
        for norm, buffers in zip(norms, before, strict=True):
            norm.load_state_dict({**norm.state_dict(), **buffers})
        raise
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for m, mode in modes.items():
            m.training = mode


def _require_estimated(norms: list[_BatchNorm]) -> None:
    for norm in norms:
        if not norm.num_batches_tracked:
            raise ValueError("no batch to estimate statistics from: give at least one")
        for buffer in (norm.running_mean, norm.running_var):
            if buffer is None or not buffer.isfinite().all():
                raise ValueError(
                    "statistics of batch norm that are not finite: the weights give infinite "
                    "activations; go back to an earlier checkpoint"
                )
