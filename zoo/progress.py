"""Progress of long work on standard error: what is being done, how far it is, how fast."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

Advance = Callable[[int], None]


@contextlib.contextmanager
def bar(
    label: str, total: int | None = None, *, shown: bool, in_bytes: bool = True
) -> Iterator[Advance]:
    """Show a progress bar; messages of the zoo's loggers appear above it.

    Args:
        label: what is being done.
        total: how much there is to do; None if that is not known.
        shown: False shows nothing.
        in_bytes: whether progress is counted in bytes, and shown so.

    Yields:
        The function to call with what was done since the last call.
    """
    if not shown:
        yield lambda _: None
        return
    from rich import progress as rich  # not needed without a bar: it takes time and memory
    from rich.console import Console

    columns: list[Any] = [rich.TextColumn("{task.description:10}"), rich.BarColumn()]
    if in_bytes:
        columns += [rich.DownloadColumn(), rich.TransferSpeedColumn(), rich.TimeRemainingColumn()]
    console = Console(stderr=True)
    with (
        rich.Progress(*columns, rich.TimeElapsedColumn(), console=console) as progress,
        _messages(console),
    ):
        task = progress.add_task(label, total=total)
        yield lambda step: progress.advance(task, step)
        done = progress.tasks[task].completed or 1
        progress.update(task, total=total or done, completed=total or done)


@contextlib.contextmanager
def _messages(console: Any) -> Iterator[None]:
    """Print what the zoo's loggers tell, from `INFO` on."""
    handler = logging.Handler()
    handler.emit = lambda record: console.print(record.getMessage(), highlight=False)
    log, level = logging.getLogger("zoo"), logging.getLogger("zoo").level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
