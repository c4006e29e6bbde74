"""Communities as attributes of a graph, for Gephi, Cytoscape and others: GraphML and GEXF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zoo.files import replacing

if TYPE_CHECKING:
    from networkx import Graph


def write_graphml(graph: Graph, path: str | Path) -> None:
    """Write the graph of `Communities.to_networkx` as GraphML; see `_plain`."""
    from networkx import write_graphml_xml

    with replacing(path) as partial, partial.open("wb") as file:
        write_graphml_xml(_plain(graph), file)


def write_gexf(graph: Graph, path: str | Path) -> None:
    """Write the graph of `Communities.to_networkx` as GEXF; see `_plain`."""
    from networkx import write_gexf as write

    with replacing(path) as partial, partial.open("wb") as file:
        write(_plain(graph), file)


def _plain(graph: Graph) -> Graph:
    """Return the graph with nodes 0, 1, ..., their names as `label`, paths as `1:2:3`."""
    from networkx import convert_node_labels_to_integers

    plain = convert_node_labels_to_integers(graph, label_attribute="label")
    for _, attributes in plain.nodes(data=True):
        attributes["label"] = str(attributes["label"])
        attributes["path"] = ":".join(map(str, attributes["path"]))
    return plain
