"""Communities as JSON: the modules of all levels with their flow, and the path of each node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zoo.files import replacing
from zoo.infomap.files.tree_paths import module_flows
from zoo.infomap.files.write_tree import Document


def write_json(document: Document, path: str | Path) -> None:
    """Write an object with `codelength`, `modules` and `nodes`; keys are those of Infomap's JSON.

    Args:
        document: what to write.
        path: file to write.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        json.dump(described(document), file, ensure_ascii=False, indent=1)


def described(document: Document) -> dict[str, Any]:
    """Return what is written: paths count from 1, flow is a share of all steps."""
    tree, leaves, names = document.tree, document.leaves, document.marks.names
    keys = {"node_id": "id", "state_id": "stateId", "layer_id": "layerId"}
    numbers = {keys[name]: column.tolist() for name, column in document.numbers().items()}
    rows = zip(leaves.paths(), leaves.flow.tolist(), leaves.first.tolist(), strict=True)
    nodes = [
        {"path": path, "name": names[node], "flow": flow}
        | {name: column[place] for name, column in numbers.items()}
        for place, (path, flow, node) in enumerate(rows)
    ]
    flows = module_flows(leaves, tree, document.walk)
    modules = [
        {"path": path, "enterFlow": entered, "exitFlow": left}
        for path, (entered, left) in sorted(flows.items())
    ]
    return {
        "codelength": tree.codelength,
        "oneLevelCodelength": tree.one_level,
        "numTopModules": tree.modules,
        "numLevels": leaves.depth,
        "flowModel": document.model,
        "modules": modules,
        "nodes": nodes,
    }
