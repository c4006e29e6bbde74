"""What a classifier says of one input."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """The most probable label of one input.

    Attributes:
        label: its name.
        probability: what the model gives it, from 0 to 1.
    """

    label: str
    probability: float
