"""Community detection by the map equation (kexue.fm/archives/7006)."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.infomap.communities import codelength as codelength
    from zoo.infomap.communities import find_communities as find_communities
    from zoo.infomap.estimator import InfoMap as InfoMap
    from zoo.infomap.files.read_network import read_network as read_network
    from zoo.infomap.flow import Flow as Flow
    from zoo.infomap.flow import make_flow as make_flow
    from zoo.infomap.map_equation import one_level as one_level
    from zoo.infomap.networks.knn import knn_graph as knn_graph
    from zoo.infomap.networks.multilayer import InterLinks as InterLinks
    from zoo.infomap.networks.multilayer import from_layers as from_layers
    from zoo.infomap.networks.multilayer import from_multilayer as from_multilayer
    from zoo.infomap.networks.network import Network as Network
    from zoo.infomap.networks.network import from_edges as from_edges
    from zoo.infomap.networks.states import from_states as from_states
    from zoo.infomap.result import Communities as Communities

attach(__name__, __file__)
