"""Progress bars with MB/s and time left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Advance = Callable[[int], None]


@contextlib.contextmanager
def bar(label: str, total: int | None, shown: bool) -> Iterator[Advance]:
    """Shows a progress bar; gives the function to call with the bytes done since the last call.

    Args:
        label: what is being done.
        total: bytes in all; None if that is not known.
        shown: False gives a function that does nothing.
    """
    if not shown:
        yield lambda _: None
        return
    from rich.progress import (  # not needed without a bar: it takes time and memory to import
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn(label), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn()) as progress:
        task = progress.add_task(label, total=total)
        yield lambda step: progress.advance(task, step)
