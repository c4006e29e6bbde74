"""Pictures of the laboratory, from arrays."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

COLOURS = {
    "converges": "#2a9d5c",
    "sublinear": "#8ab17d",
    "circle": "#e9c46a",
    "spirals out": "#d1495b",
    "restless": "#5b6c8f",
    "not in the laboratory": "#d9d9d9",
}
INK = "#222222"


def draw_phases(
    path: str | Path,
    field: Callable[[np.ndarray], np.ndarray],
    flow: np.ndarray,
    orbit: np.ndarray,
    title: str,
) -> None:
    """Draw the field, a trajectory of the flow and one of the update.

    Args:
        path: of the file to write; its ending says the format.
        field: from weights (..., 2 n) to directions of the same shape; drawn where n is 1.
        flow: weights along the flow, float (times, 2 n).
        orbit: weights at each step of the update, float (steps + 1, 2 n).
        title: what stands above.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    figure.suptitle(title)
    plane, distance = figure.subplots(1, 2)
    if flow.shape[1] == 2:
        grid = np.stack(np.meshgrid(*[np.linspace(-1.6, 1.6, 21)] * 2), -1)
        v = field(grid)
        plane.quiver(grid[..., 0], grid[..., 1], v[..., 0], v[..., 1], color="#bbbbbb")
    plane.plot(flow[:, 0], flow[:, 1], color="#4c78a8", label="flow")
    near = orbit[(np.abs(orbit) < 3).all(1)]
    plane.plot(near[:, 0], near[:, 1], ".", ms=3, color="#d1495b", label="update")
    plane.plot(0, 0, "+", color=INK, ms=12)
    names = ("generator theta", "critic phi") if flow.shape[1] == 2 else ("theta 1", "theta 2")
    plane.set(xlabel=names[0], ylabel=names[1], aspect="equal")
    plane.legend(loc="upper right")
    distance.semilogy(np.linalg.norm(orbit, axis=1).clip(1e-12, 1e6), color="#d1495b")
    distance.set(xlabel="generator steps", ylabel="distance from rest")
    figure.savefig(path, dpi=120)


def draw_poster(
    path: str | Path,
    rows: Sequence[str],
    columns: Sequence[str],
    updates: Sequence[str],
    kinds: Mapping[tuple[int, int, int], str],
    orbits: Mapping[tuple[int, int], np.ndarray],
) -> None:
    """Draw every loss with every term under every update on one page.

    A cell holds an orbit, coloured by what its update does, and a bar of one square an update.

    Args:
        path: of the file to write; its ending says the format.
        rows: losses.
        columns: terms.
        updates: in the order of the squares.
        kinds: by row, column and update, a key of `COLOURS`.
        orbits: by row and column, the theta and phi of the first update, float (steps, 2).
    """
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(1.25 * len(columns) + 2, 1.35 * len(rows) + 2), layout="constrained")
    axes = figure.subplots()
    lines, line_colours, squares, square_colours = [], [], [], []
    for (row, column), orbit in orbits.items():
        inside = orbit[(np.abs(orbit) < 2.2).all(1)] * 0.19
        lines.append(inside + np.array([column, row - 0.06]))
        line_colours.append(COLOURS[kinds[row, column, 0]])
    width = 0.9 / len(updates)
    for (row, column, update), kind in kinds.items():
        left, top = column - 0.45 + update * width, row + 0.40
        corners = [(0, 0), (width * 0.9, 0), (width * 0.9, 0.08), (0, 0.08)]
        squares.append(np.array(corners) + np.array([left, top]))
        square_colours.append(COLOURS[kind])
    axes.add_collection(LineCollection(lines, colors=line_colours, linewidths=0.8))
    axes.add_collection(PolyCollection(squares, facecolors=square_colours))
    axes.set(xlim=(-0.6, len(columns) - 0.4), ylim=(len(rows) - 0.4, -0.6), aspect="equal")
    axes.set_xticks(range(len(columns)), columns, rotation=30, ha="left")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.spines[:].set_visible(False)
    axes.legend(
        handles=[Patch(color=colour, label=kind) for kind, colour in COLOURS.items()],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=len(COLOURS),
        frameon=False,
        title=f"orbit: {updates[0]}; squares: {', '.join(updates)}",
    )
    figure.savefig(path, dpi=80, bbox_inches="tight")
