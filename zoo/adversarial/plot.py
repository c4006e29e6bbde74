"""Pictures of the theory of Su 7234, from arrays."""

from collections.abc import Mapping
from pathlib import Path

from zoo.adversarial.theory import FirstOrder, Pit

LEVELS = [0, 0.05, 0.2, 0.7, 2, 5, 10, 50]  # of the loss, in nats


def draw_gaps(path: str | Path, found: Mapping[str, FirstOrder]) -> None:
    """Draw losses along their gradient beside the penalised ones, and how fast they part.

    Args:
        path: of the file to write; its ending says the format.
        found: by what stands in the legend, from `zoo.adversarial.theory.first_order`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, (name, line) in enumerate(found.items()):
        colour = f"C{number}"
        left.plot(line.epsilons, line.losses, color=colour, label=f"loss at the shift: {name}")
        left.plot(line.epsilons, line.penalised, "--", color=colour, label="loss and penalty")
        slope = f"{name}: slope {line.slope():.2f}"
        right.loglog(line.epsilons, line.gaps, "o-", ms=3, color=colour, label=slope)
    left.set(xlabel="epsilon", ylabel="loss", xscale="log")
    right.set(xlabel="epsilon", ylabel="gap")
    for axes in (left, right):
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def draw_pits(path: str | Path, pits: Mapping[str, Pit]) -> None:
    """Draw the loss of one class in the plane, from above, and along the middle row.

    Args:
        path: of the file to write; its ending says the format.
        pits: by title, from `zoo.adversarial.theory.dig`.
    """
    from matplotlib.colors import BoundaryNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * len(pits) + 3.6, 3.6), layout="constrained")
    *planes, cut = figure.subplots(1, len(pits) + 1)
    drawn, norm = [], BoundaryNorm(LEVELS, 256)
    for axes, (title, pit) in zip(planes, pits.items(), strict=True):
        drawn.append(axes.contourf(pit.axis, pit.axis, pit.loss, levels=LEVELS, norm=norm))
        axes.plot(*pit.samples.T, "wo", ms=4, mec="k")
        axes.plot(*pit.others.T, "kx", ms=4)
        axes.set(title=f"{title}: gradient {pit.gradient:.2g}", aspect="equal")
        cut.plot(pit.axis, pit.loss[len(pit.axis) // 2], label=title)
    figure.colorbar(drawn[0], ax=planes, label="loss of the white class")
    cut.set(xlabel="along the middle row", ylabel="loss", ylim=(0, 5))
    cut.legend()
    figure.savefig(path, dpi=120)
