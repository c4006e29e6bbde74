"""Partitions of a graph's nodes in the forms that people have them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.infomap.files.read_partition import read_partition
from zoo.infomap.map_equation import Labels
from zoo.infomap.walk import Walk


def labels_on(labels: Any, walk: Walk, *, partial: bool = False) -> Labels:
    """Return the labels of a graph's nodes from whatever holds them.

    Args:
        labels: one of

            - int (nodes,), the module of each node, or several levels of them;
            - a mapping from the name of each node to its module, any hashable; or to a tuple of
              modules, the top one first;
            - a sequence of sets of names, one a module, as networkx gives them; or something with
              `communities`, as CDlib;
            - something with `membership`, as igraph;
            - a path of a `.clu`, `.tree` or `.ftree`.
        walk: the graph, and the walk on it.
        partial: whether nodes that a mapping or sets leave out are modules of their own.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming a node that the graph has not, that is missing, or is there twice.
    """
    if isinstance(labels, (str, Path)):
        return read_partition(labels, walk.ids, walk.network.physical)
    return labels_of(labels, walk.nodes, partial=partial)


def labels_of(labels: Any, nodes: Sequence[Hashable], *, partial: bool = False) -> Labels:
    """Return the labels of nodes from whatever holds them but a file; see `labels_on`."""
    labels = getattr(labels, "membership", labels)
    modules = getattr(labels, "communities", labels if _are_sets(labels) else None)
    if modules is not None:
        labels = _by_node(modules)
    return _of_mapping(labels, nodes, partial) if isinstance(labels, Mapping) else labels


def _are_sets(labels: Any) -> bool:
    """Say whether labels are modules as collections of names, and not levels of numbers.

    Lists of lists are modules if they differ in length, which levels never do.
    """
    if not isinstance(labels, (list, tuple)) or not labels:
        return False
    if all(isinstance(module, (set, frozenset)) for module in labels):
        return True
    return all(isinstance(x, (list, tuple)) for x in labels) and len(set(map(len, labels))) > 1


def _by_node(modules: Sequence[Collection[Hashable]]) -> dict[Hashable, int]:
    """Return the place of the module that has each node."""
    found: dict[Hashable, int] = {}
    for place, module in enumerate(modules):
        for node in module:
            if node in found:
                raise ValueError(f"node {node!r} is in two modules: expected each in one")
            found[node] = place
    return found


def _of_mapping(modules: Mapping[Any, Any], nodes: Sequence[Hashable], partial: bool) -> np.ndarray:
    """Return int64 (nodes, levels): modules numbered in the order in which they come."""
    known = set(nodes)
    unknown = [node for node in modules if node not in known]
    if unknown:
        raise ValueError(
            f"{len(unknown)} nodes are not in the graph, of them {unknown[0]!r}; "
            f"it has {nodes[0]!r}, ..."
        )
    missing = [node for node in nodes if node not in modules]
    if missing and not partial:
        raise ValueError(f"{len(missing)} nodes have no module, of them {missing[0]!r}: give each")
    # a node without a module has one of its own: an object is equal to no other
    paths = [_path(modules[node]) if node in modules else (object(),) for node in nodes]
    depth = max(map(len, paths))
    numbers: dict[Any, int] = {}
    table = np.zeros((len(nodes), depth), np.int64)
    for row, path in zip(table, paths, strict=True):
        row[: len(path)] = [1 + numbers.setdefault(module, len(numbers)) for module in path]
    return table


def _path(module: Any) -> tuple[Any, ...]:
    return module if isinstance(module, tuple) and module else (module,)
