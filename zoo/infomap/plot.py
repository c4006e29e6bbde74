"""Pictures of communities."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP_NODES = 2000  # of a larger graph the sizes of the modules are drawn, not the nodes
NAMED_NODES = 100
COLOURS = 20  # of matplotlib's tab20
STEPS = 100
GRAVITY = 6


@dataclass(frozen=True)
class Picture:
    """What a picture of communities shows.

    Attributes:
        sources: int (links,), the node that each link leaves.
        targets: int (links,), the node that it enters.
        weights: float64 (links,), positive.
        labels: int (nodes,), the module of each node: 0, 1, ...
        flow: float64 (nodes,), visit rates, sum 1.
        names: what to write beside the nodes.
    """

    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    labels: np.ndarray
    flow: np.ndarray
    names: Sequence[Hashable]

    def draw(self, axes: Axes | None = None, title: str = "") -> Axes:
        """Draw a map of the nodes; of a large graph, how large the modules are.

        Args:
            axes: matplotlib axes to draw on; default new ones.
            title: what to write above.

        Returns:
            The axes.
        """
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.subplots(figsize=(7, 7), layout="constrained")[1]
        if len(self.labels) <= MAP_NODES:
            self.draw_map(axes)
        else:
            self.draw_sizes(axes)
        axes.set_title(title)
        return axes

    def draw_sizes(self, axes: Axes) -> None:
        """Draw the flow and the number of nodes of each module, the largest first."""
        flow = np.bincount(self.labels, self.flow)
        nodes = np.bincount(self.labels) / len(self.labels)
        rank = np.arange(1, len(flow) + 1)
        axes.loglog(rank, flow, ".", label="of the flow")
        axes.loglog(rank, nodes, ".", label="of the nodes")
        axes.set(xlabel="community, by flow", ylabel="share")
        axes.legend()

    def draw_map(self, axes: Axes) -> None:
        """Draw nodes, as large as their flow, in the colours of their modules, and their links."""
        from matplotlib.collections import LineCollection

        places = layout(self.sources, self.targets, self.weights, self.labels)
        ends = np.stack([places[self.sources], places[self.targets]], axis=1)
        width = 2 * np.sqrt(self.weights / self.weights.max())
        axes.add_collection(
            LineCollection(list(ends), linewidths=width, colors="0.6", alpha=0.4, zorder=1)
        )
        area = 60 * len(places) * self.flow * min(1, 100 / len(places))
        axes.scatter(
            *places.T,
            s=area,
            c=self.labels % COLOURS,
            cmap="tab20",
            vmin=0,
            vmax=COLOURS - 1,
            zorder=2,
        )
        if len(places) <= NAMED_NODES:
            for place, name in zip(places, self.names, strict=True):
                axes.annotate(str(name), place, ha="center", va="center", fontsize=8, zorder=3)
        axes.set_aspect("equal")
        axes.set_axis_off()


def layout(
    sources: np.ndarray, targets: np.ndarray, weights: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Return places for the nodes, float (nodes, 2): linked ones near, modules apart.

    Fruchterman and Reingold's springs, with the modules' nodes started around one point each.

    Args:
        sources: int (links,), as all arguments those of `Picture`.
        targets: int (links,).
        weights: float64 (links,).
        labels: int (nodes,).
    """
    nodes = len(labels)
    pull = np.sqrt(weights / weights.max())
    pull = (pull / np.sqrt(np.bincount(sources, pull, nodes)[sources]))[:, None]
    turn = 2 * np.pi * labels / (labels.max() + 1)
    noise = np.random.default_rng(0).normal(size=(nodes, 2))
    places = np.stack([np.cos(turn), np.sin(turn)], axis=1) + 0.1 * noise
    spring = 1 / np.sqrt(nodes)
    for step in range(STEPS):
        apart = places[:, None] - places
        distance = np.maximum(np.hypot(*apart.T).T, 1e-3)[:, :, None]
        push = spring**2 * (apart / distance**2).sum(1)
        along = places[targets] - places[sources]
        drawn = pull * along * np.hypot(*along.T)[:, None] / spring
        np.add.at(push, sources, drawn)
        np.add.at(push, targets, -drawn)
        push -= GRAVITY * places * spring  # so that parts without links between them stay in sight
        length = np.maximum(np.hypot(*push.T), 1e-9)[:, None]
        places += push / length * np.minimum(length, 0.2 * (1 - step / STEPS))
    return places
