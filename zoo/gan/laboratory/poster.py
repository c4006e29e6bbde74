"""Every loss with every term under every update: the cells of the poster and of the table."""

from collections.abc import Iterator
from pathlib import Path

from zoo.gan.laboratory import plot, simulation
from zoo.gan.laboratory.dirac import Dirac, dirac
from zoo.gan.losses import NAMES, Form
from zoo.gan.updates import UPDATES

# the columns of poster and table; r2, zero-centred, approximate-r1, approximate-r2 and l2 are r1
# in Dirac-GAN, and dragan is one-centred
COLUMNS: dict[str, tuple[str, ...]] = {
    "none": (),
    "r1": ("r1",),
    "r1 + r2": ("r1", "r2"),
    "consensus": ("consensus",),
    "instance-noise": ("instance-noise",),
    "one-centred": ("one-centred",),
    "clip": ("clip",),
    "spectral-norm": ("spectral-norm",),
}
ROWS: dict[str, tuple[str, Form]] = {
    **{name: (name, "plain") for name in NAMES},
    "non-saturating, paired": ("non-saturating", "paired"),
    "non-saturating, averaged": ("non-saturating", "averaged"),
}


def cells(
    gamma: float = 0.3, step: float = 0.1
) -> Iterator[tuple[tuple[str, str, str], Dirac | None]]:
    """Yield every loss with every term under every update.

    Args:
        gamma: of the terms; default 0.3.
        step: the generator's step size; default 0.1.

    Yields:
        The names of row, column and update, and the laboratory; None where there is none.
    """
    for row, (loss, form) in ROWS.items():
        for column, terms in COLUMNS.items():
            for update in UPDATES:
                there = loss != "gan-qp" or column != "instance-noise"
                options = {"form": form, "terms": terms, "gamma": gamma, "step": step}
                lab = dirac(loss, update=update, **options) if there else None
                yield (row, column, update), lab


def poster(path: str | Path) -> None:
    """Draw every loss with every term under every update on one page.

    Args:
        path: of the file to write; its ending says the format.
    """
    rows, columns, updates = list(ROWS), list(COLUMNS), list(UPDATES)
    kinds, orbits = {}, {}
    for (row, column, update), lab in cells():
        place = rows.index(row), columns.index(column)
        kinds[(*place, updates.index(update))] = lab.kind if lab else "not in the laboratory"
        if update == updates[0] and lab:
            orbit, _ = simulation.run(lab, 300)
            orbits[place] = orbit[:, :2]
    plot.draw_poster(path, rows, columns, updates, kinds, orbits)
