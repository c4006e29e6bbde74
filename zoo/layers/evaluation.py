"""Networks answer in evaluation mode, and go on in their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def in_evaluation(net: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode for a while; then each of its modules is in its own."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def require_evaluation(model: Any) -> None:
    """Refuse a network whose answers would be random, and would move its batch statistics.

    Args:
        model: a network, or anything else that answers.

    Raises:
        ValueError: if it is in training mode.
    """
    if getattr(model, "training", False):
        raise ValueError(f"{type(model).__name__} is in training mode: call model.eval() first")
