"""Pictures of communities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from zoo.infomap.communities import Communities

MAP_NODES = 2000  # of a larger graph the sizes of the modules are drawn, not the nodes
NAMED_NODES = 100
COLOURS = 20  # of matplotlib's tab20
STEPS = 100
GRAVITY = 6


def plot(communities: Communities, axes: Axes | None = None) -> Axes:
    """Draw a map of the communities of a graph; of a large graph, how large they are.

    Args:
        communities: what to draw.
        axes: matplotlib axes to draw on; default new ones.

    Returns:
        The axes.
    """
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=(7, 7), layout="constrained")[1]
    draw = draw_map if len(communities.nodes) <= MAP_NODES else draw_sizes
    draw(communities, axes)
    axes.set_title(
        f"{communities.modules} communities, {communities.codelength:.3f} bits "
        f"instead of {communities.one_level_codelength:.3f}"
    )
    return axes


def draw_sizes(communities: Communities, axes: Axes) -> None:
    """Draw the flow and the number of nodes of each module, the largest first."""
    flow = np.bincount(communities.labels, communities.flow)
    nodes = np.bincount(communities.labels) / len(communities.labels)
    rank = np.arange(1, len(flow) + 1)
    axes.loglog(rank, flow, ".", label="of the flow")
    axes.loglog(rank, nodes, ".", label="of the nodes")
    axes.set(xlabel="community, by flow", ylabel="share")
    axes.legend()


def draw_map(communities: Communities, axes: Axes) -> None:
    """Draw nodes, as large as their flow, in the colours of their modules, and their links."""
    from matplotlib.collections import LineCollection

    network = communities.walk.network
    places = layout(communities)
    sources = np.repeat(np.arange(network.nodes), np.diff(network.starts))
    ends = np.stack([places[sources], places[network.targets]], axis=1)
    width = 2 * np.sqrt(network.weights / network.weights.max())
    axes.add_collection(
        LineCollection(list(ends), linewidths=width, colors="0.6", alpha=0.4, zorder=1)
    )
    area = 60 * len(places) * communities.flow * min(1, 100 / len(places))
    axes.scatter(
        *places.T,
        s=area,
        c=communities.labels % COLOURS,
        cmap="tab20",
        vmin=0,
        vmax=COLOURS - 1,
        zorder=2,
    )
    if len(places) <= NAMED_NODES:
        for place, name in zip(places, communities.nodes, strict=True):
            axes.annotate(str(name), place, ha="center", va="center", fontsize=8, zorder=3)
    axes.set_aspect("equal")
    axes.set_axis_off()


def layout(communities: Communities) -> np.ndarray:
    """Return places for the nodes, float (nodes, 2): linked ones near, modules apart.

    Fruchterman and Reingold's springs, with the modules' nodes started around one point each.
    """
    network, labels = communities.walk.network, communities.labels
    sources = np.repeat(np.arange(network.nodes), np.diff(network.starts))
    pull = np.sqrt(network.weights / network.weights.max())
    pull = (pull / np.sqrt(np.bincount(sources, pull, network.nodes)[sources]))[:, None]
    turn = 2 * np.pi * labels / communities.modules
    noise = np.random.default_rng(0).normal(size=(network.nodes, 2))
    places = np.stack([np.cos(turn), np.sin(turn)], axis=1) + 0.1 * noise
    spring = 1 / np.sqrt(network.nodes)
    for step in range(STEPS):
        apart = places[:, None] - places
        distance = np.maximum(np.hypot(*apart.T).T, 1e-3)[:, :, None]
        push = spring**2 * (apart / distance**2).sum(1)
        along = places[network.targets] - places[sources]
        drawn = pull * along * np.hypot(*along.T)[:, None] / spring
        np.add.at(push, sources, drawn)
        np.add.at(push, network.targets, -drawn)
        push -= GRAVITY * places * spring  # so that parts without links between them stay in sight
        length = np.maximum(np.hypot(*push.T), 1e-9)[:, None]
        places += push / length * np.minimum(length, 0.2 * (1 - step / STEPS))
    return places
