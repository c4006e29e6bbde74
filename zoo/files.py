"""Files that are written whole or not at all; JSON objects that are read with their place."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import one_line


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path to write to, whose file takes the place of another if the block ends well.

    A link is followed, and the mode of a file that is replaced is kept. What is no regular file,
    such as a device, a FIFO or `/dev/stdout`, is given itself: it can only be written into.

    Args:
        path: the file to be.

    Example:
        >>> with replacing(getfixture("tmp_path") / "words.tsv") as partial:
        ...     _ = partial.write_text("山")
    """
    if is_stream(path):
        yield Path(path)
        return
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{uuid.uuid4().hex[:12]}.partial")
    try:
        yield partial
        if target.exists():
            partial.chmod(target.stat().st_mode & 0o7777)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def require_place(path: str | Path) -> None:
    """Refuse, before the work, a file that cannot be written after it.

    Args:
        path: the file to be.

    Raises:
        FileNotFoundError: if it has no folder.
        ValueError: if it is a folder, or may not be written.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: no such folder; make it first")
    if Path(path).is_dir() or not os.access(
        path if Path(path).exists() else target.parent, os.W_OK
    ):
        raise ValueError(f"{path}: cannot be written; choose another place")


def expand_home(path: str | Path) -> Path:
    """Return a path with the folder of the user in the place of `~`.

    That of an unknown user, `~no_one`, stays as it is and is missed as any file that is not there;
    `Path.expanduser` raises a RuntimeError.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111


def json_object(text: str | bytes, where: str) -> dict[str, Any]:
    """Return the JSON object that a text is.

    Args:
        text: the text; bytes are of UTF-8.
        where: the file, and the line if there are several, for the error.

    Raises:
        ValueError: if it is no JSON, or JSON but no object.
    """
    try:
        found = json.loads(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: no JSON: {one_line(error)}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where}: expected a JSON object, {{...}}, not {found!r:.60}")
    return found


def is_stream(path: str | Path) -> bool:
    """Say whether a path is there and no regular file, or is a name for an open one."""
    parts = Path(os.path.abspath(path)).parts[1:3]  # noqa: PTH100 - links as they are
    if parts and parts[0] in ("dev", "proc") and parts[1:] != ("shm",):
        return True
    return Path(path).exists() and not Path(path).is_file()
