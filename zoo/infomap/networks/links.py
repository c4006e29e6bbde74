"""The links of a graph in columns, whatever its nodes are called."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.infomap.networks.matrices import DIRECTED
from zoo.infomap.networks.network import Network, from_edges, largest_number


@dataclass(frozen=True)
class Links:
    """The links of a graph, in columns.

    Attributes:
        sources: int (links,), places of nodes from 0.
        targets: int (links,).
        weights: float (links,), or None for 1 each.
        nodes: what the graph calls its nodes, in order; None for 0, 1, 2, ...
        directed: what the graph says of its links' directions; None if nothing.
    """

    sources: np.ndarray
    targets: np.ndarray
    weights: Any = None
    nodes: Sequence[Hashable] | None = None
    directed: bool | None = None

    def in_both_directions(self) -> Links:
        """Return directed links, two for each that joins two nodes."""
        sources, targets = self.sources, self.targets
        other = sources != targets
        weights = self.weights
        if weights is not None:
            weights = np.asarray(weights)
            weights = np.concatenate([weights, weights[other]])
        return replace(
            self,
            sources=np.concatenate([sources, targets[other]]),
            targets=np.concatenate([targets, sources[other]]),
            weights=weights,
            directed=None,
        )

    def network(self, *, directed: bool, drop_directions: bool, **attributes: Any) -> Network:
        """Return the network of these links.

        Args:
            directed: whether links have a direction.
            drop_directions: take directed links as undirected ones instead of refusing them.
            attributes: what else a `Network` holds.

        Raises:
            ValueError: if the links have directions and neither argument allows them.
        """
        if self.directed and not (directed or drop_directions):
            raise ValueError(f"the graph's links have directions: {DIRECTED}")
        links = self.in_both_directions() if directed and self.directed is False else self
        count = None if links.nodes is None else len(links.nodes)
        columns = links.sources, links.targets, links.weights
        return from_edges(*columns, nodes=count, directed=directed, **attributes)


def from_columns(sources: np.ndarray, targets: np.ndarray, weights: Any = None) -> Links:
    """Return links between nodes that are numbers, or else names.

    Numbers are places, 0, 1, 2, ..., unless one is so large that few of the nodes up to it have
    links: then the numbers are the nodes' names.
    """
    numbers = sources.dtype.kind in "iuf" and targets.dtype.kind in "iuf"
    if not numbers or len(sources) != len(targets) or not len(sources):
        return Links(sources, targets, weights) if numbers else by_name(sources, targets, weights)
    ends = np.concatenate([sources, targets])
    whole = np.isfinite(ends) & (ends == np.floor(ends)) & (ends >= 0)
    if not whole.all() or ends.max() < largest_number(len(sources)):
        return Links(sources, targets, weights)
    names, places = np.unique(ends.astype(np.int64), return_inverse=True)
    first, second = np.split(places, 2)
    return Links(first, second, weights, names.tolist())


def by_name(sources: np.ndarray, targets: np.ndarray, weights: Any) -> Links:
    """Return links between nodes that have names, which get places in the order they come in.

    Raises:
        ValueError: if the end of a link is missing.
    """
    places: dict[Hashable, int] = {}
    ends = [_places(column, places) for column in (sources, targets)]
    missing = list(filter(_is_missing, places))
    if missing:
        raise ValueError(f"the end of a link is {missing[0]}: drop such rows")
    return Links(ends[0], ends[1], weights, list(places))


def _is_missing(name: Hashable) -> bool:
    """Say whether a name is None or no number, which is not even itself."""
    try:
        return name is None or bool(name != name)
    except TypeError:  # pandas.NA: whether it is itself is not known
        return True


def _places(names: np.ndarray, places: dict[Hashable, int]) -> np.ndarray:
    return np.array([places.setdefault(name, len(places)) for name in names.tolist()], np.int32)


def column_of(values: Any) -> np.ndarray:
    """Return a column as an array; numbers among names stay what they are.

    (NumPy makes `"1"` of 1 in `[1, "a"]`.)
    """
    if hasattr(values, "dtype"):
        return np.asarray(values)
    items = list(values) if isinstance(values, Iterable) else values
    if not isinstance(items, list) or all(
        isinstance(item, (int, float, np.number)) for item in items
    ):
        return np.asarray(items)
    column = np.empty(len(items), object)
    column[:] = items
    return column
