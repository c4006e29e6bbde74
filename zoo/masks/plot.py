"""Masks as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt

from zoo.masks.algebra import Mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(
    mask: Mask,
    time: int | None = None,
    tokens: list[str] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw the mask of the first sequence: a filled square where a row may look at a column.

    Args:
        mask: the mask.
        time: tokens of a sequence; default what the mask is made for.
        tokens: labels of rows and columns; default none.
        axes: where to draw; default a figure of its own.

    Returns:
        The axes.

    Raises:
        ValueError: as `Mask.tensor`, or if there is not a label for each token.
    """
    allowed = mask.tensor(time)[0, 0].cpu()
    if tokens is not None and len(tokens) != len(allowed):
        raise ValueError(f"{len(tokens)} tokens for a mask of {len(allowed)}: give one for each")
    axes = axes or plt.figure(figsize=(3, 3), layout="constrained").subplots()
    axes.pcolormesh(allowed, cmap="Blues", vmin=0, vmax=1.4, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.set_title(mask.name)
    ticks = [] if tokens is None else [i + 0.5 for i in range(len(tokens))]
    axes.set_xticks(ticks, tokens)
    axes.set_yticks(ticks, tokens)
    axes.set_xlabel("looked at")
    axes.set_ylabel("looks")
    return axes
