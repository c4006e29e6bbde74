"""The picture of masks in the README.

python tools/masks_gallery.py zoo/masks/gallery.png
"""

import argparse

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from zoo import masks


def gallery() -> Figure:
    """Draw the masks that the README shows, of eight tokens; of pairs, four are the source."""
    segments = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]])
    valid = torch.tensor([[True] * 6 + [False] * 2])
    order = torch.tensor([0, 3, 6, 1, 4, 7, 2, 5])
    shown = [
        masks.bidirectional(),
        masks.causal(),
        masks.reverse(),
        masks.unilm(segments),
        masks.prefix(torch.tensor([3])),
        masks.permutation(order),
        masks.permutation(order, "query"),
        masks.block(torch.tensor([0, 0, 0, 1, 1, 1, 1, 2])),
        masks.sliding_window(1) & masks.causal(),
        masks.causal() & masks.padding(valid),
    ]
    figure = plt.figure(figsize=(10, 4.4), layout="constrained")
    for mask, axes in zip(shown, figure.subplots(2, 5).flat, strict=True):
        mask.plot(8, axes=axes)
        axes.set_title(mask.name, fontsize=8)
        axes.set_xlabel("")
        axes.set_ylabel("")
    return figure


def main() -> None:
    """Write the gallery to the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="a picture, such as gallery.png")
    gallery().savefig(parser.parse_args().file, dpi=90)


if __name__ == "__main__":
    main()
