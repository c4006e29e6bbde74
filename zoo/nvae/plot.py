"""Rows of pictures, and curves: from arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def gallery(rows: Mapping[str, Tensor]) -> Figure:
    """Draw rows of pictures with a name each.

    Args:
        rows: by name, float (n, channels, height, width) in [0, 1], of 1 or 3 channels; rows may
            have different numbers.
    """
    columns = max(len(pictures) for pictures in rows.values())
    size = (0.6 * columns + 1.6, 0.6 * len(rows))
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axes, (name, pictures) in zip(grid, rows.items(), strict=True):
        strip = _strip(pictures, columns)
        axes.set_axis_off()
        axes.imshow(strip.permute(1, 2, 0).squeeze(-1), cmap="gray", vmin=0, vmax=1)
        label = {"ha": "right", "va": "center", "fontsize": 8}
        axes.text(-0.01, 0.5, name, transform=axes.transAxes, **label)
    return figure


def _strip(pictures: Tensor, columns: int) -> Tensor:
    # one wide picture, a white line after each: an axes for each takes seconds to lay out
    framed = F.pad(pictures, (0, 1, 0, 1), value=1.0)
    empty = framed.new_ones(columns - len(framed), *framed.shape[1:])
    return torch.cat([*framed, *empty], dim=-1)  # (channels, height, width of all)


def kept_latents(shares: Sequence[float], nats: Sequence[float], axes: Axes | None = None) -> Axes:
    """Draw what it costs to keep a share of the latents.

    Args:
        shares: of the latents that are kept, above 0.
        nats: to describe a picture by the reconstruction from them.
        axes: where to draw; default a figure of its own.
    """
    axes = axes or plt.figure(figsize=(4, 3), layout="constrained").subplots()
    axes.plot([100 * share for share in shares], nats, marker="o")
    axes.set_xscale("log")
    axes.set_xlabel("latents kept, %")
    axes.set_ylabel("-log p(x | z), nats")
    return axes
