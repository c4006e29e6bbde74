"""Probabilities that mean what they say: temperature and NIL threshold, from validation texts."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.errors import require_number

TEMPERATURES = torch.logspace(-1, 1, 201, dtype=torch.float64)
TIE = 1e-6  # shares that differ by less are the same to a network's float32


@dataclass(frozen=True)
class Calibration:
    """How logits become a choice.

    Attributes:
        temperature: what logits are divided by; default 1.
        threshold: a mention is linked if its best candidate has at least this share of the
            probability of the two, itself and NIL. At 0.5 NIL is chosen where it is likelier than
            the best candidate; at 0, the default, never.

    Raises:
        ValueError: if one is no number in range.
    """

    temperature: float = 1.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        require_number("temperature", self.temperature)
        require_number("threshold", self.threshold)
        if not 0 < self.temperature < math.inf or not math.isfinite(self.threshold):
            raise ValueError(
                f"temperature is {self.temperature}, threshold {self.threshold}: expected finite "
                "numbers, the first above 0"
            )

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the softmax of logits (questions, 1 + candidates) at the temperature."""
        return (logits / self.temperature).softmax(-1)

    def choose(self, probabilities: Tensor) -> Tensor:
        """Return the place of the chosen candidate, int64 (questions,); -1 for NIL.

        Args:
            probabilities: float (questions, 1 + candidates), that of NIL first.
        """
        if probabilities.shape[1] == 1:
            return torch.full((len(probabilities),), -1, device=probabilities.device)
        known, place = shares(probabilities)
        return torch.where((known >= self.threshold) & (known > 0), place, -1)

    def write(self, folder: str | Path, name: str) -> list[str]:
        """Write `NAME.json` as an attachment of a checkpoint; return the names of the files."""
        (Path(folder) / f"{name}.json").write_text(json.dumps(asdict(self)) + "\n", newline="")
        return [f"{name}.json"]

    @classmethod
    def open(cls, folder: str | Path, name: str) -> Calibration:
        """Read what `write` wrote."""
        return cls(**json.loads((Path(folder) / f"{name}.json").read_text("utf-8")))


def fit(logits: Tensor, answer: Tensor) -> Calibration:
    """Fit temperature and threshold to validation questions.

    The temperature is that with the least cross-entropy (Guo et al., arXiv 1706.04599, section
    4.2) over the questions whose right answer was read; the threshold that with which most
    questions are answered rightly, NIL ones too, and of several the lowest. If it gains no more
    than a standard error over none, it is 0: of the questions that one of the two alone answers
    rightly, as of McNemar's test.

    Args:
        logits: float (questions, 1 + candidates), -inf where a question has fewer, or one was
            not read.
        answer: int64 (questions,): the place of the right candidate, -1 for NIL.

    Raises:
        ValueError: if there is no question.
    """
    if not len(logits):
        raise ValueError("there is no validation question: give some labelled texts to fit to")
    logits = logits.double()
    temperature = _temperature(logits, answer + 1)
    if logits.shape[1] == 1:
        return Calibration(temperature)
    known, place = shares((logits / temperature).softmax(-1))
    known, order = known.sort(descending=True)  # link the first k of these, and none of the rest
    gain = (place == answer)[order].long() - (answer == -1)[order].long()
    gain = gain.where(known > 0, 0)  # what has no candidate is NIL at any threshold
    gains = torch.cat([torch.zeros(1, dtype=torch.int64), gain.cumsum(0)])
    whole = F.pad(known[:-1] - known[1:] > TIE, (1, 1), value=True)  # a tie is not cut in half
    most = int((whole & (gains == gains[whole].max())).nonzero()[-1])
    won, lost = ((gain[most:] == change).sum() for change in (-1, 1))
    if won - lost <= (won + lost).sqrt():
        return Calibration(temperature)
    return Calibration(temperature, float(known[most - 1]) if most else 1.1)


def _temperature(logits: Tensor, column: Tensor) -> float:
    """Return the best temperature for the right columns of logits, 1 where none was read."""
    read = logits.gather(1, column[:, None])[:, 0].isfinite()
    logits, column = logits[read], column[read]
    if not len(column):
        return 1.0
    nats = [F.cross_entropy(logits / t, column) for t in TEMPERATURES]
    return float(TEMPERATURES[torch.stack(nats).argmin()])


def shares(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best candidate's share of its probability and NIL's, and its place.

    The probabilities of the other candidates do not speak for NIL, so they are left out: a name of
    many entities is not NIL because none of them has half of all.

    Args:
        probabilities: float (questions, 1 + candidates), that of NIL first.
    """
    best, place = probabilities[:, 1:].max(1)
    return best / (best + probabilities[:, 0]), place
