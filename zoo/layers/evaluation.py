"""Networks answer in evaluation mode."""

from typing import Any


def require_evaluation(model: Any) -> None:
    """Refuse a network whose answers would be random, and would move its batch statistics.

    Args:
        model: a network, or anything else that answers.

    Raises:
        ValueError: if it is in training mode.
    """
    if getattr(model, "training", False):
        raise ValueError(f"{type(model).__name__} is in training mode: call model.eval() first")
