"""Masks as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike


def draw(
    allowed: ArrayLike,
    title: str = "",
    tokens: list[str] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw an attention mask: a filled square where a query (row) may attend to a key (column).

    Args:
        allowed: bool (time, time).
        title: what to write above it; default nothing.
        tokens: labels of rows and columns; default none.
        axes: where to draw; default a figure of its own.

    Returns:
        The axes.

    Raises:
        ValueError: if there is not a label for each token.
    """
    allowed = np.asarray(allowed)
    if tokens is not None and len(tokens) != len(allowed):
        raise ValueError(f"{len(tokens)} tokens for a mask of {len(allowed)}: give one for each")
    axes = axes or plt.figure(figsize=(3, 3), layout="constrained").subplots()
    axes.pcolormesh(allowed, cmap="Blues", vmin=0, vmax=1.4, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.set_title(title)
    ticks = [] if tokens is None else [i + 0.5 for i in range(len(tokens))]
    axes.set_xticks(ticks, tokens)
    axes.set_yticks(ticks, tokens)
    axes.set_xlabel("looked at")
    axes.set_ylabel("looks")
    return axes
