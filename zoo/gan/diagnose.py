"""Read a run and name what is wrong with it, with the figure and the mend."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Log = dict[str, np.ndarray]

LATE = 0.25  # of the rows, at the end, are judged
COVERED = 0.3  # coverage of real pictures below which modes are missing
SPREAD = 0.03  # of samples of a class, below which they are alike; pixels are in [0, 1]
SAMPLES, OF_A_CLASS = 64, 8  # that are looked at, at least
FILLED = 0.6  # share of the classes, as an effective number, below which some are missing
WON = 0.98  # share of pairs in which the critic rates the real sample higher
TURNS = 3.0  # imaginary by real part of the leading eigenvalue
DROWNED = 1.0  # penalty by the size of the loss that it is added to
KNOWS = 0.7  # share of won pairs above which the critic tells real from fake
MUTE = 0.1  # distance of the mean logits below which it does not say so
OVERFITTED = 0.5  # how far held-out pictures fall from training ones towards fake ones


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a run.

    Attributes:
        name: what it is called.
        figure: what it was seen by.
        sentence: what it means and what to try.
    """

    name: str
    figure: float
    sentence: str


def diagnose(run: str | Path, net: Any = None) -> list[Finding]:
    """Name what is wrong with a run.

    Args:
        run: its folder, `runs/NAME/version_N`, or a checkpoint folder; its log is read.
        net: a net with `sample`, such as `zoo.load` gives, whose samples are looked at too;
            default none.

    Returns:
        What was found; empty if nothing is wrong by what the log has. Coverage and classes need
        the recipe's `features`, rotation its `watch`.

    Raises:
        FileNotFoundError: if there is no log.
        ValueError: if the log has no complete row.
    """
    findings = [*examine(read_log(Path(run)))]
    if net is not None:
        classes = max(1, getattr(net, "count", 0))  # 0 if it knows none
        n = classes * max(OF_A_CLASS, -(-SAMPLES // classes))
        findings += examine_samples(net.sample(n, seed=0).cpu().numpy(), classes)
    return findings


def read_log(folder: Path) -> Log:
    """Return the columns of a run's log, NaN where a row has no value.

    Raises:
        FileNotFoundError: if there is no log.
        ValueError: if the log has no complete row.
    """
    found = [folder / name for name in ("metrics.csv", "train_log.csv")]
    path = next((file for file in found if file.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"no metrics.csv in {folder}: expected the folder of a run")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    header, *body = rows or [[]]
    whole = [row for row in body if len(row) == len(header)]  # the last may be cut
    if not whole:
        raise ValueError(f"{path} has no complete row: expected some; let the run go on first")
    columns = zip(*whole, strict=True)
    return {
        name: np.array([_number(text) for text in column])
        for name, column in zip(header, columns, strict=True)
    }


def examine(log: Log) -> Iterator[Finding]:
    """Name what is wrong by the log alone.

    Args:
        log: columns as `GanTraining` logs them; what is missing is not judged.
    """
    yield from _not_finite(log)
    yield from _missing_modes(log)
    yield from _critic_has_won(log)
    yield from _rotation(log)
    yield from _drowned_loss(log)
    yield from _overfitted_critic(log)


def examine_samples(samples: np.ndarray, classes: int = 1) -> list[Finding]:
    """Name what is wrong by a few samples.

    Args:
        samples: float (n, channels, height, width) in [0, 1].
        classes: that the samples are of in turn, as many of each; default 1.
    """
    of_a_class = samples.reshape(-1, classes, *samples.shape[1:])
    spread = float(of_a_class.std(0).mean())
    if spread >= SPREAD:
        return []
    where = " of one class" if classes > 1 else ""
    sentence = (
        f"mode collapse: {len(of_a_class)} samples{where} differ by {spread:.3f} of the range a "
        "pixel; add the terms r1 and r2 with the paired form, or raise their gamma"
    )
    return [Finding("mode-collapse", spread, sentence)]


def late(log: Log, name: str) -> float:
    """Return the mean of a column over the last quarter of its values; NaN if it has none."""
    values = log.get(name, np.empty(0))
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan
    return float(values[-max(1, round(LATE * len(values))) :].mean())


def _not_finite(log: Log) -> Iterator[Finding]:
    for name, values in log.items():
        if np.isinf(values).any():
            sentence = (
                f"divergence: {name} became infinite; resume before it, with a lower lr or "
                "--model.clip 1"
            )
            yield Finding("divergence", math.inf, sentence)
            return


def _missing_modes(log: Log) -> Iterator[Finding]:
    coverage, classes = late(log, "valid_coverage"), late(log, "valid_classes")
    if coverage < COVERED:
        sentence = (
            f"mode collapse: samples cover {coverage:.0%} of the real pictures; add the terms r1 "
            "and r2 with the paired form, or train longer if it is still rising"
        )
        yield Finding("mode-collapse", coverage, sentence)
    there = late(log, "valid_real_classes")
    if classes < FILLED * there:
        sentence = (
            f"mode collapse: samples fill {classes:.1f} of {there:.1f} classes; add the terms r1 "
            "and r2 with the paired form"
        )
        yield Finding("missing-classes", classes, sentence)


def _critic_has_won(log: Log) -> Iterator[Finding]:
    wins = late(log, "wins")
    if wins > WON:
        sentence = (
            f"the critic has won: it tells {wins:.1%} of the pairs apart, and the generator has "
            "nothing to follow; raise the gamma of r1, or lower the critic's learning rate (ratio)"
        )
        yield Finding("critic-has-won", wins, sentence)


def _rotation(log: Log) -> Iterator[Finding]:
    real, imaginary = late(log, "leading_real"), late(log, "leading_imaginary")
    turns = imaginary / max(abs(real), 1e-12)
    if turns > TURNS:
        sentence = (
            f"rotation: the leading eigenvalue turns {turns:.1f} times as fast as it decays; raise "
            "the gamma of r1, or choose the update optimistic or extragradient"
        )
        yield Finding("rotation", turns, sentence)


def _drowned_loss(log: Log) -> Iterator[Finding]:
    penalty, value = late(log, "penalty"), late(log, "critic_value")
    share = penalty / max(abs(value), 1e-12)
    lower = "lower its gamma tenfold, and see gamma_of for the convention of a paper"
    if share > DROWNED:
        sentence = f"the penalty drowns the loss: it is {share:.1f} times as large; {lower}"
        yield Finding("drowned-loss", share, sentence)
        return
    gap = late(log, "real_logit") - late(log, "fake_logit")
    if not math.isnan(penalty) and late(log, "wins") > KNOWS and gap < MUTE:
        sentence = (
            f"the penalty drowns the loss: the critic tells real from fake and may not say it, its "
            f"logits are {gap:.3f} apart; {lower}"
        )
        yield Finding("drowned-loss", gap, sentence)


def _overfitted_critic(log: Log) -> Iterator[Finding]:
    real, fake, held_out = (late(log, n) for n in ("real_logit", "fake_logit", "valid_logit"))
    gap = real - fake
    fallen = (real - held_out) / gap if gap > MUTE else math.nan
    if fallen > OVERFITTED:
        sentence = (
            f"the critic overfits: pictures that it has not seen fall {fallen:.0%} of the way from "
            "training pictures to fake ones; more data, a smaller critic, or a higher gamma"
        )
        yield Finding("overfitting-critic", fallen, sentence)


def _number(text: str) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError:
        return math.nan
