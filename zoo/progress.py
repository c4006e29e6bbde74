"""What is being done, and for how long: the progress bar of all long runs, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Advance = Callable[[int], None]


def console() -> Console:
    """Return a console that prints texts as they are: names and paths are no markup."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


@contextmanager
def bar(label: str, total: int | None, shown: bool) -> Iterator[Advance]:
    """Show a bar with MB/s and time left.

    Args:
        label: what is being done.
        total: bytes in all; None if that is not known.
        shown: False shows nothing.

    Yields:
        The function to call with the bytes done since the last call.
    """
    if not shown:
        yield lambda _: None
        return
    from rich import progress as rich  # not needed without a bar: it takes time and memory

    left = rich.TimeRemainingColumn()
    with _display(rich.DownloadColumn(), rich.TransferSpeedColumn(), left) as display:
        task = display.add_task(label, total=total)
        yield lambda step: display.advance(task, step)


class Stages:
    """The stages of a long run, unseen."""

    def begin(self, label: str, total: int | None = None) -> None:
        """Begin a stage.

        Args:
            label: what is being done.
            total: how much there is to do; None if that is not known.
        """

    def advance(self, step: int) -> None:
        """Tell how much was done since the last call."""


class Bars(Stages):
    """Stages with a bar and a clock each."""

    def __init__(self, display: Progress) -> None:
        self.display = display
        self.task: Any = None

    def begin(self, label: str, total: int | None = None) -> None:
        """End the stage before, add a bar."""
        self.end()
        self.task = self.display.add_task(label, total=total)

    def advance(self, step: int) -> None:
        """Move the bar."""
        self.display.advance(self.task, step)

    def end(self) -> None:
        """End the stage."""
        if self.task is not None:
            self.display.update(self.task, total=1, completed=1)


@contextmanager
def stages(shown: bool) -> Iterator[Stages]:
    """Show the stages of a long run, a bar and a clock each.

    Args:
        shown: False shows nothing.
    """
    if not shown:
        yield Stages()
        return
    from rich.progress import TimeElapsedColumn

    with _display(TimeElapsedColumn()) as display:
        bars = Bars(display)
        yield bars
        bars.end()


def _display(*columns: Any) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    label = TextColumn("{task.description:10}")
    return Progress(label, BarColumn(), *columns, console=Console(stderr=True))
