"""What an attack adds to the time of a training step."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class StepClock:
    """Time a training step, and what of it an attack added.

    A stretch that is timed inside another, with a negative share, is taken off again.

    Attributes:
        added: seconds that the attack added to the step; 0 if it did not attack.

    Example:
        >>> clock = StepClock()
        >>> clock.start()
        >>> with clock.adding():
        ...     pass
        >>> clock.factor() >= 1
        True
    """

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin a step."""
        self._began, self.added = perf_counter(), 0.0

    def start_backward(self) -> None:
        """Begin the backward of the step."""
        self._backward = perf_counter()

    def end_backward(self, share: float) -> None:
        """Count a share of the backward as added."""
        self.added += share * (perf_counter() - self._backward)

    @contextmanager
    def adding(self, share: float = 1.0) -> Iterator[None]:
        """Count a share of the time that the block takes as added."""
        began = perf_counter()
        yield
        self.added += share * (perf_counter() - began)

    def factor(self) -> float:
        """Return the time of the step until now over what it would be without what was added."""
        whole = perf_counter() - self._began
        return whole / (whole - self.added)
