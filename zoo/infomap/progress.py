"""What is being done, and for how long."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


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

    def __init__(self, progress: Any) -> None:
        self.progress = progress
        self.task: Any = None

    def begin(self, label: str, total: int | None = None) -> None:
        """End the stage before, add a bar."""
        self.end()
        self.task = self.progress.add_task(label, total=total)

    def advance(self, step: int) -> None:
        """Move the bar."""
        self.progress.advance(self.task, step)

    def end(self) -> None:
        """End the stage."""
        if self.task is not None:
            self.progress.update(self.task, total=1, completed=1)


@contextlib.contextmanager
def stages(shown: bool) -> Iterator[Stages]:
    """Shows the stages of a long run on standard error, or nothing."""
    if not shown:
        yield Stages()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:10}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars = Bars(progress)
        yield bars
        bars.end()
