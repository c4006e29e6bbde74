"""Keep what long benchmarks found: a file of JSON lines, a line a run, that is committed.

So a table of many hours can grow over days and machines, and a run that is there is not repeated.
"""

import json
from collections.abc import Callable
from pathlib import Path


def read_rows(path: Path) -> list[dict]:
    """Return the rows of a file, in its order; none if there is no file."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def once(path: Path, key: dict, work: Callable[[], dict]) -> dict:
    """Return the row that has this key; if there is none, do the work and add its row.

    Args:
        path: the file; its folder is made. Several processes may add to it at a time.
        key: what tells the run from others, values that JSON keeps as they are.
        work: returns what was found, to stand beside the key.
    """
    for row in read_rows(path):
        if key.items() <= row.items():
            return row
    row = key | work()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return row
