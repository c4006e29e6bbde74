"""Community detection by the map equation (kexue.fm/archives/7006)."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.infomap.communities import Communities, codelength, find_communities
    from zoo.infomap.flow import Flow, make_flow
    from zoo.infomap.knn import knn_graph
    from zoo.infomap.network import Network, from_edges
    from zoo.infomap.reading import read_network

__all__ = [
    "Communities",
    "Flow",
    "Network",
    "codelength",
    "find_communities",
    "from_edges",
    "knn_graph",
    "make_flow",
    "read_network",
]

_HOME = {
    "Communities": "communities",
    "Flow": "flow",
    "Network": "network",
    "codelength": "communities",
    "find_communities": "communities",
    "from_edges": "network",
    "knn_graph": "knn",
    "make_flow": "flow",
    "read_network": "reading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.infomap' has no attribute {name!r}")
    return getattr(importlib.import_module(f"zoo.infomap.{_HOME[name]}"), name)
