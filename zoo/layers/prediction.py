"""What a classifier says of one input."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Prediction:
    """The most probable label of one input.

    Attributes:
        label: its name.
        probability: what the model gives it, from 0 to 1.
    """

    label: str
    probability: float


def most_probable(logits: Tensor, labels: list[str]) -> list[Prediction]:
    """Return the most probable label of each input.

    Args:
        logits: float (batch, classes).
        labels: the names of the classes.
    """
    probability, best = logits.softmax(-1).max(-1)
    return [
        Prediction(labels[i], p) for i, p in zip(best.tolist(), probability.tolist(), strict=True)
    ]
