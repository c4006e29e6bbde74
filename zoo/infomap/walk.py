"""A random walk on a graph in any form: the network and the flow on it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.infomap.flow import Flow, FlowModel, make_flow
from zoo.infomap.graphs import as_network
from zoo.infomap.networks.network import Network, lightened
from zoo.progress import Stages

READING = ("weight", "relax_rate", "relax_down", "relax_up")  # options that make the network


@dataclass(frozen=True, eq=False)
class Walk:
    """A random walk on a graph.

    Attributes:
        network: the graph.
        nodes: what the graph calls its nodes.
        flow: where the walker is and where it goes.
        model: the flow model.
    """

    network: Network
    nodes: Sequence[Hashable]
    flow: Flow
    model: str

    @property
    def ids(self) -> np.ndarray:
        """The numbers that files call the nodes, int (nodes,)."""
        network = self.network
        return np.arange(network.nodes) if network.ids is None else network.ids


def walk_on(
    graph: Any,
    *,
    directed: bool = False,
    flow: FlowModel | None = None,
    shown: Stages | None = None,
    **options: Any,
) -> Walk:
    """Let a walker walk on a graph.

    Args:
        graph: see `find_communities`.
        directed: whether links have a direction.
        flow: the flow model; None for what the graph's directions say.
        shown: where to tell of the stages; None tells nobody.
        options: those of `as_network`, `read_network` and `make_flow`.
    """
    model: FlowModel = flow or ("directed" if directed else "undirected")
    if directed and model == "undirected":
        raise ValueError("directed=True with flow='undirected': choose one of them")
    shown = shown or Stages()
    shown.begin("reading", _bytes(graph))
    reading = {name: options.pop(name) for name in READING if name in options}
    network, nodes = as_network(
        graph,
        directed=model != "undirected",
        layers_directed=model not in ("undirected", "undirdir"),
        drop_directions=flow == "undirected",
        advance=shown.advance,
        **reading,
    )
    if network.directed and (flow is None or (flow == "undirdir" and network.layers_undirected)):
        model = "directed"  # so are steps between layers, whatever the links within them are
    shown.begin("walking")
    walk = make_flow(network, model=model, **options)
    return Walk(lightened(network), nodes, walk, model)


def _bytes(graph: Any) -> int | None:
    """Return the size of a file that is not compressed."""
    if not isinstance(graph, (str, Path)) or not Path(graph).is_file():
        return None
    return None if Path(graph).suffix == ".gz" else Path(graph).stat().st_size
