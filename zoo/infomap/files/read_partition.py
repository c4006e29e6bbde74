"""Partitions from files of Infomap's forms: `.clu`, `.tree` and `.ftree`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from zoo.infomap.files.blocks import Text

TREE = re.compile(
    r'([1-9][0-9]{0,8}(?::[1-9][0-9]{0,8})+)\s+\S+\s+".*"\s+([0-9]{1,18})(?:\s+[0-9]+)*'
)
CLU = re.compile(r"([0-9]{1,18})\s+([0-9]{1,18})(?:\s+\S+)*")


def read_partition(
    path: str | Path, ids: np.ndarray, physical: np.ndarray | None = None
) -> np.ndarray:
    """Read the modules of a network's nodes.

    Args:
        path: a `.tree`, a `.ftree` or a `.clu`.
        ids: int (nodes,), the numbers that files call the nodes; of state nodes their own.
        physical: int (nodes,), the physical node of each state node, or None. Files whose header
            has `node_id` and no `state_id` name physical nodes: their states go together.

    Returns:
        int64 (nodes, levels), the modules that hold each node, from the top; numbered from 1
        within the module above, and 0 where a branch has fewer levels.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming file and line of what is wrong, or the nodes that are missing.
    """
    path = Path(path)
    if path.suffix not in (".clu", ".tree", ".ftree"):
        raise ValueError(f"{path}: expected a .clu, a .tree or a .ftree")
    with Text.of(path).opened() as file:
        lines = file.read().decode(errors="replace").split("\n")
    numbers = physical if physical is not None and _names_physical(lines) else ids
    places: dict[int, list[int]] = {}
    for place, number in enumerate(numbers.tolist()):
        places.setdefault(number, []).append(place)
    modules: dict[int, list[int]] = {}
    for line, text in enumerate(lines, 1):
        if text.startswith("*"):
            break
        if not text.strip() or text.startswith("#"):
            continue
        node, above = _parsed(text.strip(), path, line)
        if node not in places:
            raise ValueError(f"{path}, line {line}: the network has no node {node}")
        if places[node][0] in modules:
            states = len(places[node]) > 1
            hint = "; which of its states? Write the file with them, --states" if states else ""
            raise ValueError(f"{path}, line {line}: node {node} was there before{hint}")
        modules |= dict.fromkeys(places[node], above)
    missing = [number for number, own in places.items() if own[0] not in modules]
    if missing:
        raise ValueError(f"{path}: {len(missing)} nodes are missing, of them {missing[0]}")
    table = np.zeros((len(ids), max(map(len, modules.values()))), np.int64)
    for place, above in modules.items():
        table[place, : len(above)] = above
    return table


def _names_physical(lines: list[str]) -> bool:
    """Say whether the header of a file names physical nodes, and not states."""
    heads = [set(line.split()) for line in lines if line.startswith("#")]
    return any("node_id" in head and "state_id" not in head for head in heads)


def _parsed(text: str, path: Path, line: int) -> tuple[int, list[int]]:
    """Return the node of a line, and the modules that hold it."""
    tree = path.suffix != ".clu"
    found = (TREE if tree else CLU).fullmatch(text)
    if not found:
        expected = 'path flow "name" node' if tree else "node module flow"
        raise ValueError(f"{path}, line {line}: expected {expected}; found {text[:60]!r}")
    if not tree:
        return int(found[1]), [int(found[2])]
    return int(found[2]), [int(rank) for rank in found[1].split(":")[:-1]]
