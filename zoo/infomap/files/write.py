"""Communities in files of any form: `DOCUMENTS` and `GRAPHS` say who writes which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.infomap.files.write_csv import write_csv
from zoo.infomap.files.write_graph import write_gexf, write_graphml
from zoo.infomap.files.write_json import write_json
from zoo.infomap.files.write_tree import Document

DOCUMENTS: dict[str, Callable[[Document, Path], None]] = {
    ".tree": Document.write_tree,
    ".clu": Document.write_clu,
    ".ftree": Document.write_ftree,
    ".json": write_json,
    ".csv": write_csv,
}
GRAPHS: dict[str, Callable[[Any, Path], None]] = {
    ".graphml": write_graphml,
    ".gexf": write_gexf,
}
WRITTEN = (*DOCUMENTS, *GRAPHS)


def write(found: Any, path: str | Path, *, states: bool = False) -> None:
    """Write communities to a file of the form that its suffix tells.

    Args:
        found: `Communities`.
        path: file to write.
        states: whether to write state nodes one by one; graphs always have all.

    Raises:
        ValueError: if no form has this suffix.
    """
    suffix = Path(path).suffix
    if suffix in GRAPHS:
        GRAPHS[suffix](found.to_networkx(), Path(path))
    elif suffix in DOCUMENTS:
        DOCUMENTS[suffix](found.document(states=states), Path(path))
    else:
        raise ValueError(f"{path}: expected a file to write that ends in {', '.join(WRITTEN)}")
