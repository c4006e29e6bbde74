"""Flow of a random walker on a network: visit rates of nodes and flow along links."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from zoo.errors import require_number
from zoo.infomap.kernels.csr import multiply_rows, row_sums
from zoo.infomap.networks.network import Network, split_loops
from zoo.infomap.stationary import WALKS, Teleport, on_first_kind, steps_of

FlowModel = Literal["undirected", "directed", "undirdir", "outdirdir", "rawdir", "precomputed"]
TELEPORTATION = 0.15  # of the steps of a directed walk


@dataclass(frozen=True)
class Flow:
    """Visit rates and link flow, in fractions of all steps; what the map equation reads.

    Links of a node to itself are left out: they never leave a module.

    Attributes:
        node: float64 (nodes,), visit rates; their sum is 1.
        starts: int64 (nodes + 1,), rows of the links that leave each node.
        targets: int32 (links,).
        link: float64 (links,), flow along each link.
        directed: whether a link stands in the row of its source only. If not, it stands in the
            rows of both its ends, with its flow in one direction in each.
        teleport: float64 (nodes,), flow that leaves each node by recorded teleportation;
            None without it.
        landing: float64 (nodes,), the share of teleporting flow that lands on each node, sum 1;
            None without recorded teleportation.
        physical: int32 (nodes,), the physical node of each state node, numbered 0, 1, 2, ...; None
            if each is its own.
    """

    node: np.ndarray
    starts: np.ndarray
    targets: np.ndarray
    link: np.ndarray
    directed: bool = False
    teleport: np.ndarray | None = None
    landing: np.ndarray | None = None
    physical: np.ndarray | None = None

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.node)


def make_flow(
    network: Network,
    *,
    model: FlowModel = "undirected",
    recorded: bool = False,
    to_nodes: bool = False,
    teleportation: float = TELEPORTATION,
    markov_time: float = 1.0,
    self_links: bool = True,
    bipartite_teleportation: bool = False,
) -> Flow:
    """Return the flow of a random walker on a network.

    Args:
        network: the links; directed ones for all models but `undirected`.
        model: how the walker moves:

            - `undirected`: along links in proportion to their weights; visits are strengths.
            - `directed`: the same, and now and then to anywhere (teleportation, as PageRank).
            - `rawdir`: the weights are the flow. `undirdir` and `outdirdir` start from visits in
              proportion to all, or to outgoing, weight, and take one step; the flow along links
              comes to the same as `rawdir`'s, and their names are kept for those who know them.
            - `precomputed`: the weights are the flow, in fractions of all steps, and the node
              weights the visits, up to a factor.
        recorded: whether teleportation is a step that the code describes (Rosvall and Bergstrom
            2008). If not, it only serves to find the visits, and a last step is without it
            (Lambiotte and Rosvall, Phys. Rev. E 85 (2012) 056107).
        to_nodes: teleportation lands on nodes in proportion to their `node_weights`; if not, in
            proportion to the weight that leaves them (that enters them, if recorded).
        teleportation: probability of teleportation in a step, above 0, up to 1.
        markov_time: steps between two descriptions; more than 1 makes larger modules
            (Kheirkhahzadeh, Lancichinetti and Rosvall, Phys. Rev. E 93 (2016) 032309).
        self_links: whether the walker uses links of a node to itself.
        bipartite_teleportation: in a directed bipartite network, take two links at a time, and
            teleport between nodes of the first kind only.

    Returns:
        The flow. In a bipartite network the nodes of the second kind are passed through, not
        visited, and a step is two links.

    Raises:
        ValueError: if an argument is out of its range, or does not fit the network or the model.

    Example:
        >>> from zoo.infomap.networks.network import from_edges
        >>> make_flow(from_edges([0, 1], [1, 2])).node
        array([0.25, 0.5 , 0.25])
    """
    _check(network, model, teleportation, markov_time)
    teleport = Teleport(teleportation, recorded, to_nodes, bipartite_teleportation)
    _check_teleport(network, model, teleport)
    bare, loops = split_loops(network)
    if not self_links:
        loops[:] = 0
    strength = loops + row_sums(bare.starts, bare.weights)
    total = strength.sum()
    if not total:
        raise ValueError("the network has no links but self-links: try self_links=True")
    if not total < np.inf:
        raise ValueError(f"the weights add up to {total}: divide them by a large number")
    share = bare.weights.copy() if bare is network else bare.weights
    if model == "undirected":
        share /= total
        flow = Flow(strength / total, bare.starts, bare.targets, share)
    else:
        steps = steps_of(bare, share, strength, loops)
        node, rate, landing = WALKS[model](network, steps, teleport)
        multiply_rows(bare.starts, share, rate)
        flow = Flow(node, bare.starts, bare.targets, share, directed=True, landing=landing)
    if network.first_feature is not None and not bipartite_teleportation:
        known = 0.5 if model in ("undirdir", "outdirdir") else 1.0
        flow = _seen_at_first_kind(flow, network.first_feature, known)
    if recorded:
        flow = replace(flow, teleport=np.where(strength > 0, teleportation, 1) * flow.node)
    stride = markov_time * (1 if network.first_feature is None else 2)
    if stride != 1:
        np.multiply(flow.link, stride, out=flow.link)  # in place: it is this flow's own
    if network.physical is None:
        return flow
    physical = np.unique(network.physical, return_inverse=True)[1]
    return replace(flow, physical=physical.astype(np.int32))


def _seen_at_first_kind(flow: Flow, first: int, known: float) -> Flow:
    """Return a bipartite flow whose second kind is passed through, not visited.

    As in the reference program, a node of the first kind gets the flow of its links, both ways,
    besides the visits that it has.

    Args:
        flow: of all nodes.
        first: the first node of the second kind.
        known: the share of the visits that counts; 1/2 where the program has not yet scaled them
            to a sum of 1.

    Raises:
        ValueError: if no walker comes by the nodes of the first kind.
    """
    leave = row_sums(flow.starts, flow.link)
    enter = np.bincount(flow.targets, flow.link, flow.nodes) if flow.directed else leave
    node = known * flow.node + leave + enter
    node[first:] = 0
    if not node.any():
        raise ValueError(
            "no flow at nodes of the first kind: teleportation that is recorded lands where links "
            "enter, here on the second kind only; try to_nodes=True"
        )
    landing = flow.landing
    if landing is not None:
        landing = on_first_kind(landing, np.arange(flow.nodes) >= first)
    return replace(flow, node=node / node.sum(), landing=landing)


def _check(network: Network, model: str, teleportation: float, markov_time: float) -> None:
    """Refuse what makes no flow."""
    if model not in get_args(FlowModel):
        raise ValueError(f"no flow model {model!r}: expected {', '.join(get_args(FlowModel))}")
    if network.directed != (model != "undirected"):
        kind = "directed" if network.directed else "undirected"
        raise ValueError(
            f"flow model {model!r} of a network that is {kind}: read the network with "
            f"directed={not network.directed}, or choose the model {kind!r}"
        )
    require_number("teleportation", teleportation)
    require_number("markov_time", markov_time)
    if not 0 < teleportation <= 1:
        raise ValueError(f"teleportation is {teleportation}: expected a number above 0, up to 1")
    if not 0 < markov_time < np.inf:
        raise ValueError(f"markov_time is {markov_time}: expected a positive number")
    if model == "precomputed" and network.node_weights is None:
        raise ValueError("precomputed flow needs the visits of the nodes: give node_weights")


def _check_teleport(network: Network, model: str, teleport: Teleport) -> None:
    """Refuse teleportation that the model or the network has no place for."""
    for option in ("recorded", "to_nodes", "bipartite"):
        if getattr(teleport, option) and model != "directed":
            raise ValueError(f"{option} teleportation is for model='directed', not {model!r}")
    if teleport.bipartite and network.first_feature is None:
        raise ValueError("bipartite teleportation needs a bipartite network: give first_feature")
