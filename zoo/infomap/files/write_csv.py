"""Communities as a table: a row a node, comma separated, with a header."""

from __future__ import annotations

import csv
from pathlib import Path

from zoo.files import replacing
from zoo.infomap.files.write_tree import Document


def write_csv(document: Document, path: str | Path) -> None:
    """Write the columns `path,module,flow,name,node_id`; of states also `state_id`, `layer_id`.

    Args:
        document: what to write.
        path: file to write. `module` is the first number of the path `1:2:3`.
    """
    leaves, numbers = document.leaves, document.numbers()
    rows = zip(
        leaves.paths(),
        leaves.flow.tolist(),
        (document.marks.names[node] for node in leaves.first.tolist()),
        *(column.tolist() for column in numbers.values()),
        strict=True,
    )
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["path", "module", "flow", "name", *numbers])
        for ranks, *rest in rows:
            table.writerow([":".join(map(str, ranks)), ranks[0], *rest])
