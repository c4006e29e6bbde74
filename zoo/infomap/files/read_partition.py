"""Partitions from files of Infomap's forms: `.clu`, `.tree` and `.ftree`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

TREE = re.compile(
    r'([1-9][0-9]{0,8}(?::[1-9][0-9]{0,8})+)\s+\S+\s+".*"\s+([0-9]{1,18})(?:\s+[0-9]+)*'
)
CLU = re.compile(r"([0-9]{1,18})\s+([0-9]{1,18})(?:\s+\S+)*")


def read_partition(path: str | Path, ids: np.ndarray) -> np.ndarray:
    """Read the modules of a network's nodes.

    Args:
        path: a `.tree`, a `.ftree` or a `.clu`.
        ids: int (nodes,), the numbers that files call the nodes; of state nodes their own.

    Returns:
        int64 (nodes, levels), the modules that hold each node, from the top; numbered from 1
        within the module above, and 0 where a branch has fewer levels.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming file and line of what is wrong, or the nodes that are missing.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    if path.suffix not in (".clu", ".tree", ".ftree"):
        raise ValueError(f"{path}: expected a .clu, a .tree or a .ftree")
    places = {number: place for place, number in enumerate(ids.tolist())}
    modules: dict[int, list[int]] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line, text in enumerate(file, 1):
            if text.startswith("*"):
                break
            if not text.strip() or text.startswith("#"):
                continue
            node, above = _parsed(text.strip(), path, line)
            if node not in places:
                raise ValueError(f"{path}, line {line}: the network has no node {node}")
            if places[node] in modules:
                raise ValueError(f"{path}, line {line}: node {node} was there before")
            modules[places[node]] = above
    missing = [number for number, place in places.items() if place not in modules]
    if missing:
        raise ValueError(f"{path}: {len(missing)} nodes are missing, of them {missing[0]}")
    table = np.zeros((len(ids), max(map(len, modules.values()))), np.int64)
    for place, above in modules.items():
        table[place, : len(above)] = above
    return table


def _parsed(text: str, path: Path, line: int) -> tuple[int, list[int]]:
    """Returns the node of a line, and the modules that hold it."""
    tree = path.suffix != ".clu"
    found = (TREE if tree else CLU).fullmatch(text)
    if not found:
        expected = 'path flow "name" node' if tree else "node module flow"
        raise ValueError(f"{path}, line {line}: expected {expected}; found {text[:60]!r}")
    if not tree:
        return int(found[1]), [int(found[2])]
    return int(found[2]), [int(rank) for rank in found[1].split(":")[:-1]]
