"""State networks: a walker that remembers is at a state, which stands for a physical node.

Several states of a physical node, one for each past that matters, have links of their own; what
is named is the physical node (Rosvall et al., Nature Communications 5 (2014) 4630).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from zoo.infomap.networks.network import LIMIT, Network, from_edges, node_column, require_nodes


def from_states(
    states: ArrayLike,
    physical: ArrayLike,
    sources: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    directed: bool = False,
    **attributes: Any,
) -> Network:
    """Make a network of states.

    Args:
        states: int (states,), numbers of the states, in any order.
        physical: int (states,), the number of the physical node of each.
        sources: int (edges,), numbers of states.
        targets: int (edges,), numbers of states.
        weights: float (edges,); default 1 each.
        directed: whether links have a direction.
        attributes: what else a `Network` holds, such as `names`; columns go by `states`.

    Returns:
        The network, its nodes the states in the order given; their numbers are its `ids`.

    Raises:
        ValueError: if a state is named twice, or a link has an end that is no state; see also
            `from_edges`.

    Example:
        >>> network = from_states([1, 2, 3], [7, 8, 7], [1, 2], [2, 3], directed=True)
        >>> network.physical, network.targets
        (array([7, 8, 7], dtype=int32), array([1, 2], dtype=int32))
    """
    numbers = node_column(states, "states")
    owners = node_column(physical, "physical")
    require_nodes(owners, LIMIT, "physical")
    if len(owners) != len(numbers):
        raise ValueError(f"{len(numbers)} states and {len(owners)} physical: give one each")
    order = np.argsort(numbers, kind="stable")
    repeated = np.flatnonzero(np.diff(numbers[order]) == 0)
    if len(repeated):
        raise ValueError(f"state {numbers[order[repeated[0]]]} is named twice: name each once")
    return from_edges(
        _places(sources, "sources", numbers, order),
        _places(targets, "targets", numbers, order),
        weights,
        nodes=len(numbers),
        directed=directed,
        ids=numbers.astype(np.int64),
        physical=owners,
        **attributes,
    )


def _places(column: ArrayLike, name: str, numbers: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the places of states, given by their numbers."""
    wanted = node_column(column, name)
    found = np.searchsorted(numbers, wanted, sorter=order)
    places = order[np.minimum(found, len(order) - 1)]
    wrong = np.flatnonzero(numbers[places] != wanted)
    if len(wrong):
        raise ValueError(f"{name}[{wrong[0]}] is {wanted[wrong[0]]}: no such state")
    return places
