"""Community detection by the map equation (kexue.fm/archives/7006)."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.infomap.communities import Communities, codelength, find_communities
    from zoo.infomap.flow import Flow, make_flow
    from zoo.infomap.knn import knn_graph
    from zoo.infomap.map_equation import one_level
    from zoo.infomap.multilayer import InterLinks, from_layers, from_multilayer
    from zoo.infomap.network import Network, from_edges
    from zoo.infomap.reading import read_network
    from zoo.infomap.states import from_states

__all__ = [
    "Communities",
    "Flow",
    "InterLinks",
    "Network",
    "codelength",
    "find_communities",
    "from_edges",
    "from_layers",
    "from_multilayer",
    "from_states",
    "knn_graph",
    "make_flow",
    "one_level",
    "read_network",
]

_HOME = {
    "Communities": "communities",
    "Flow": "flow",
    "InterLinks": "multilayer",
    "Network": "network",
    "codelength": "communities",
    "find_communities": "communities",
    "from_edges": "network",
    "from_layers": "multilayer",
    "from_multilayer": "multilayer",
    "from_states": "states",
    "knn_graph": "knn",
    "make_flow": "flow",
    "one_level": "map_equation",
    "read_network": "reading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.infomap' has no attribute {name!r}")
    return getattr(importlib.import_module(f"zoo.infomap.{_HOME[name]}"), name)
