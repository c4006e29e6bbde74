"""The encoder from the picture up to its smallest size, and the decoder from there down."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from zoo.nvae.architecture import Architecture
from zoo.nvae.cells import CellBuilder, WeightNormConv2d
from zoo.nvae.distributions import parameters_of
from zoo.nvae.groups import Choose, Latent, LatentGroup


class BottomUp(nn.Module):
    """Read a picture, from the bottom up: one feature for each group of latents."""

    def __init__(self, plan: Architecture, build: CellBuilder) -> None:
        super().__init__()
        width = plan.width
        self.recompute = plan.recompute
        self.stem = WeightNormConv2d(plan.channels, width, 3)
        before: list[nn.Module] = []
        for _ in range(plan.blocks):
            before += [build.encoder(width) for _ in range(plan.block_cells - 1)]
            before.append(build.encoder(width, "down"))
            width *= 2
        self.before = nn.Sequential(*before)
        self.groups: Any = nn.ModuleList()  # from the bottom
        for scale, number in enumerate(reversed(plan.groups)):
            for index in range(number):
                cells: list[nn.Module] = []
                if scale > 0 and index == 0:
                    cells.append(build.encoder(width, "down"))
                    width *= 2
                cells += [build.encoder(width) for _ in range(plan.cells)]
                self.groups.append(nn.Sequential(*cells))
        self.crown = nn.Sequential(nn.ELU(), WeightNormConv2d(width, width, 1), nn.ELU())

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the feature of each group, from the top, of pictures in [-1, 1]."""
        x = self.before(self.stem(x))
        features = []
        for cells in self.groups:
            x = run(cells, x, self.recompute and self.training)
            features.append(x)
        features[-1] = self.crown(x)
        return features[::-1]


class TopDown(nn.Module):
    """From a learned constant down: at each group choose latents, then go on knowing them."""

    def __init__(self, plan: Architecture, build: CellBuilder) -> None:
        super().__init__()
        width = plan.top_width
        self.recompute = plan.recompute
        height, breadth = (side // 2**plan.halvings for side in plan.padded)
        self.start = nn.Parameter(torch.rand(width, height, breadth))
        self.groups: Any = nn.ModuleList()  # from the top
        for scale, number in enumerate(plan.groups):
            for index in range(number):
                top = scale == index == 0
                cells: list[nn.Module] = []
                if scale > 0 and index == 0:
                    cells.append(build.decoder(width, plan.expansion, "up"))
                    width //= 2
                if not top:
                    cells += [build.decoder(width, plan.expansion) for _ in range(plan.cells)]
                self.groups.append(
                    LatentGroup(
                        cells, width, plan.latents, plan.flows, top, plan.residual, plan.scale
                    )
                )
        after: list[nn.Module] = []
        for _ in range(plan.blocks):
            after.append(build.decoder(width, plan.block_expansion, "up"))
            width //= 2
            after += [
                build.decoder(width, plan.block_expansion) for _ in range(plan.block_cells - 1)
            ]
        self.after = nn.Sequential(*after)
        count = parameters_of(plan.likelihood, plan.channels, plan.mixtures)
        self.head = nn.Sequential(nn.ELU(), WeightNormConv2d(width, count, 3))

    def forward(
        self, batch: int, choose: Choose, features: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, list[Latent]]:
        """Return the parameters of the pixels, and what was chosen at each group.

        Args:
            batch: number of pictures.
            choose: from the place of a group, the group, its prior and, where there is a picture,
                its posterior to its latents.
            features: the encoder's; default none, for priors alone.
        """
        state = self.start.expand(batch, -1, -1, -1)
        latents = []
        for index, group in enumerate(self.groups):
            state = run(group.cells, state, self.recompute and self.training)
            feature = None if features is None else features[index]
            prior, posterior = group.distributions(state, feature)
            latents.append(choose(index, group, prior, posterior))
            state = group(state, latents[-1].z)
        return self.head(self.after(state)), latents


def run(cells: nn.Module, x: Tensor, recompute: bool) -> Tensor:
    """Return `cells(x)`; with `recompute` its activations are computed again when needed.

    The second time they leave the running statistics of batch norm alone: counted twice, a batch
    would weigh more.
    """
    if not recompute:
        return cells(x)

    def contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), frozen_statistics(cells)

    return checkpoint(partial(cells), x, use_reentrant=False, context_fn=contexts)


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Keep the running statistics of batch norm as they are, in training mode too."""
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in module.named_buffers():
                buffer.copy_(buffers[name])
