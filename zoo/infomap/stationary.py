"""Where a random walker is found, and how much leaves each node by links."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zoo.infomap.kernels import stationary as kernels
from zoo.infomap.kernels.csr import divide_rows
from zoo.infomap.networks.csr import Rows, transposed
from zoo.infomap.networks.network import Network

TOLERANCE = 1e-13  # change of the visits in a sweep, summed over the nodes, at which they stand
SWEEPS = 10_000


class Steps(NamedTuple):
    """Where a walker at a node may have come from; rows of links that enter.

    Attributes:
        starts: int64 (nodes + 1,).
        sources: int32 (links,), without the node itself.
        probability: float64 (links,), of the link among those that leave its source.
        stay: float64 (nodes,), probability of the link of a node to itself.
        strength: float64 (nodes,), weight of the links that leave each node.
    """

    starts: np.ndarray
    sources: np.ndarray
    probability: np.ndarray
    stay: np.ndarray
    strength: np.ndarray

    def arrivals(self, rate: np.ndarray) -> np.ndarray:
        """Return the flow that enters each node by links, float64 (nodes,).

        Args:
            rate: float64 (nodes,), the flow that leaves each node by links.
        """
        return kernels.arrivals(*self[:4], rate)


class Visits(NamedTuple):
    """Where the walker is.

    Attributes:
        node: float64 (nodes,), visit rates, sum 1.
        rate: float64 (nodes,), flow that leaves each node by links, self-links included.
        landing: float64 (nodes,), where recorded teleportation lands, sum 1, or None.
    """

    node: np.ndarray
    rate: np.ndarray
    landing: np.ndarray | None = None


@dataclass(frozen=True)
class Teleport:
    """How a walker teleports; the arguments of `make_flow`.

    Attributes:
        probability: in a step.
        recorded: whether the code describes it.
        to_nodes: whether it lands in proportion to node weights, not to weights of links.
        bipartite: whether it starts and lands on nodes of the first kind only.
    """

    probability: float
    recorded: bool
    to_nodes: bool
    bipartite: bool


def steps_of(bare: Network, share: np.ndarray, strength: np.ndarray, loops: np.ndarray) -> Steps:
    """Return the steps of a walker along directed links.

    Args:
        bare: the network without self-links.
        share: float64 (links,), its weights; each comes to be the share of its row's.
        strength: float64 (nodes,), weight that leaves each node, self-links included.
        loops: float64 (nodes,), weights of self-links.
    """
    divide_rows(bare.starts, share, strength)
    stay = np.divide(loops, strength, out=np.zeros_like(loops), where=strength > 0)
    return Steps(*transposed(Rows(bare.starts, bare.targets, share)), stay, strength)


def weighed(network: Network, steps: Steps, teleport: Teleport) -> Visits:
    """Return the visits if the weights of links are their flow, up to a factor."""
    del network, teleport
    rate = steps.strength / steps.strength.sum()
    return Visits(steps.arrivals(rate), rate)


def precomputed(network: Network, steps: Steps, teleport: Teleport) -> Visits:
    """Return the visits if the weights of links are their flow and those of nodes the visits."""
    del teleport
    return Visits(_node_shares(network), steps.strength)


def teleported(network: Network, steps: Steps, teleport: Teleport) -> Visits:
    """Return the visits of a walker that teleports.

    Args:
        network: has the node weights.
        steps: the links.
        teleport: how it teleports.

    Raises:
        ValueError: if no link leads back in a bipartite network, or teleportation or the walker
            comes only where it cannot go on.
    """
    landing = _landing(network, steps, teleport)
    jump = np.where(steps.strength > 0, teleport.probability, 1)
    passed = np.zeros(network.nodes, bool)
    if teleport.bipartite:
        passed[network.first_feature :] = True
        if not steps.strength[passed].any():
            raise ValueError("bipartite teleportation needs links back from the second kind")
        jump[passed] = 0
        landing = on_first_kind(landing, passed)
    node = np.where(passed, 0, stationary(steps, landing, jump))
    node /= node.sum()
    rate = (1 - jump) * node if teleport.recorded else _walked_on(node, steps.strength > 0)
    if teleport.bipartite:
        rate[passed] = steps.arrivals(rate)[passed]
    if teleport.recorded:
        return Visits(node, rate, landing)
    return Visits(np.where(passed, 0, steps.arrivals(rate)), rate)


WALKS = {
    "directed": teleported,
    "precomputed": precomputed,
    "rawdir": weighed,
    "undirdir": weighed,
    "outdirdir": weighed,
}


def _landing(network: Network, steps: Steps, teleport: Teleport) -> np.ndarray:
    """Return the share of teleportation that lands on each node, float64 (nodes,)."""
    if teleport.to_nodes:
        return _node_shares(network)
    rate = steps.strength / steps.strength.sum()
    return steps.arrivals(rate) if teleport.recorded else rate


def _walked_on(node: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return visits as shares of those at nodes that links leave; none elsewhere is an error."""
    walking = node[left].sum()
    if not walking:
        raise ValueError(
            "the walker comes by no node that links leave: give one of them a node weight, or "
            "leave out to_nodes=True"
        )
    return node / walking


def on_first_kind(landing: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """Return where teleportation lands if it lands on nodes of the first kind only.

    Args:
        landing: float64 (nodes,), the share of it that lands on each node.
        passed: bool (nodes,), which nodes are of the second kind.

    Raises:
        ValueError: if nothing lands on the first kind.
    """
    landing = np.where(passed, 0, landing)
    if not landing.any():
        raise ValueError(
            "teleportation lands on no node of the first kind: try to_nodes=True, with a node "
            "weight above 0 for one of them"
        )
    return landing / landing.sum()


def _node_shares(network: Network) -> np.ndarray:
    """Return the node weights, as shares; equal ones if there are none."""
    weights = network.node_weights
    weights = np.ones(network.nodes) if weights is None else np.asarray(weights, np.float64)
    return weights / weights.sum()


def stationary(steps: Steps, landing: np.ndarray, jump: np.ndarray) -> np.ndarray:
    """Return how often a walker visits each node, float64 (nodes,), sum 1.

    Visits p satisfy p = P'(1 - t) p + (t . p) v, with P the steps, t the probability of
    teleportation at each node, 1 where no link leaves, and v where it lands. (t . p) is one
    number, so p is proportional to the solution y of y = P'(1 - t) y + v. It is found by
    Gauss-Seidel sweeps; after each, y is scaled so that what leaves by teleportation is what
    enters, 1. This takes about half as many sweeps as the power iteration.

    Args:
        steps: P.
        landing: float64 (nodes,), v, sum 1.
        jump: float64 (nodes,), t.
    """
    visits = landing.copy()
    change = kernels.sweep_to_rest(*steps[:4], landing, jump, visits, TOLERANCE, SWEEPS)
    if change > TOLERANCE:
        warnings.warn(
            f"the visits still changed by {change:.1g} after {SWEEPS} sweeps: "
            "a larger teleportation brings them to rest",
            stacklevel=3,
        )
    return visits / visits.sum()
