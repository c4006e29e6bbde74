"""Masks as pictures.

python -m zoo.masks.plot gallery.png
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import torch

from zoo.masks import algebra
from zoo.masks.algebra import Mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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


def gallery() -> Figure:
    """Draw the masks that the README shows, of eight tokens; of pairs, four are the source."""
    segments = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]])
    valid = torch.tensor([[True] * 6 + [False] * 2])
    order = torch.tensor([0, 3, 6, 1, 4, 7, 2, 5])
    masks = [
        algebra.bidirectional(),
        algebra.causal(),
        algebra.reverse(),
        algebra.unilm(segments),
        algebra.prefix(torch.tensor([3])),
        algebra.permutation(order),
        algebra.permutation(order, "query"),
        algebra.block(torch.tensor([0, 0, 0, 1, 1, 1, 1, 2])),
        algebra.sliding_window(1) & algebra.causal(),
        algebra.causal() & algebra.padding(valid),
    ]
    figure = plt.figure(figsize=(10, 4.4), layout="constrained")
    for mask, axes in zip(masks, figure.subplots(2, 5).flat, strict=True):
        draw(mask, 8, axes=axes)
        axes.set_title(mask.name, fontsize=8)
        axes.set_xlabel("")
        axes.set_ylabel("")
    return figure


def main() -> None:
    """Write the gallery to the file that the command line names."""
    parser = argparse.ArgumentParser(description="Draw the masks of zoo.masks.")
    parser.add_argument("file", help="a picture, such as gallery.png")
    gallery().savefig(parser.parse_args().file, dpi=90)


if __name__ == "__main__":
    main()
