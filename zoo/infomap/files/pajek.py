"""Networks from files of sections, in the form of Pajek or Infomap, and from lists of links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.infomap.files.blocks import Text
from zoo.infomap.files.node_ids import NodeIds, distinct
from zoo.infomap.files.parsing import CUT, find_line, read_sections
from zoo.infomap.files.sections import Section
from zoo.infomap.networks.matrices import DIRECTED
from zoo.infomap.networks.multilayer import InterLinks, from_layers, from_multilayer
from zoo.infomap.networks.network import Network, from_edges, largest_number

ONCE = ("vertices", "states", "bipartite")
PLAIN = ("links", "edges", "arcs", "bipartite")
LAYERED = {"multilayer": (1, 3), "intra": (1, 2), "inter": (1,)}  # columns of nodes, not layers
KINDS = {  # of networks: the sections that a file of one may have
    "multilayer": ("vertices", "multilayer"),
    "intra": ("vertices", "intra", "inter"),
    "inter": ("vertices", "intra", "inter"),
    "states": ("vertices", "states", "links", "edges", "arcs"),
    "plain": ("vertices", *PLAIN),
}


def read_pajek(
    text: Text,
    *,
    directed: bool,
    layers_directed: bool,
    drop_directions: bool,
    advance: Callable[[int], Any],
    **relaxation: Any,
) -> Network:
    """Return the network of a file; see `read_network`.

    Args:
        text: the file.
        directed: whether links have a direction.
        layers_directed: the same of links within layers, and between them.
        drop_directions: take `*Arcs` as undirected.
        advance: called with the bytes of text read since the last call.
        relaxation: `relax_rate` and so on, of `from_layers`.
    """
    sections = read_sections(text, advance)
    file = _File(text, sections, directed, layers_directed, drop_directions)
    return file.network(**relaxation)


@dataclass(frozen=True)
class _File:
    text: Text
    sections: list[Section]
    directed: bool
    layers_directed: bool
    drop_directions: bool

    def network(self, **relaxation: Any) -> Network:
        """Return the network of the kind that the sections make."""
        kind = next(kind for kind in KINDS if self.having(kind) or kind == "plain")
        self.refuse_others(kind)
        if kind == "multilayer":
            return self.multilayer()
        if kind in ("intra", "inter"):
            return self.layers(**relaxation)
        return self.states() if kind == "states" else self.plain()

    def refuse_others(self, kind: str) -> None:
        """Refuse sections that a network of this kind has no use for."""
        for place, section in enumerate(self.sections):
            name = section.kind.capitalize()
            if section.kind not in KINDS[kind]:
                known = ", ".join(f"*{name.capitalize()}" for name in KINDS[kind])
                raise self.fault(
                    section.line or 1, f"*{name} beside *{kind.capitalize()}; expected {known}"
                )
            if section.kind in ONCE and section.kind in [s.kind for s in self.sections[:place]]:
                raise self.fault(section.line, f"a second *{name}; put all its rows in one")

    def having(self, *kinds: str) -> list[Section]:
        """Return the sections of some kinds."""
        return [section for section in self.sections if section.kind in kinds]

    def fault(self, line: int, message: str) -> ValueError:
        return ValueError(f"{self.text}, line {line}: {message}")

    def refuse(self, section: Section, wrong: np.ndarray, message: str) -> None:
        """Raise an error for the first row that is wrong, if there is one."""
        if wrong.any():
            row = int(wrong.argmax())
            numbers = " ".join(str(column[row]) for column in section.columns)
            raise self.fault(find_line(self.text, section, row), f"{numbers}: {message}")

    def plain(self) -> Network:
        """Return the network of links between nodes."""
        nodes = self.nodes([column for s in self.having(*PLAIN) for column in s.columns])
        return self.linked(nodes, names=nodes.names, first_feature=self.first_feature(nodes))

    def states(self) -> Network:
        """Return the network of links between states."""
        listed = self.having("states")[0]
        owners = self.nodes([listed.columns[1]])
        self.places(listed, owners, 1)
        self.require_small(listed)
        order = self.rising(listed)
        weights = None if listed.weights is None else listed.weights[order]
        states = NodeIds(listed.columns[0][order].astype(np.int64), weights=weights)
        physical = listed.columns[1][order]
        return self.linked(states, names=owners.names_of(physical), physical=physical)

    def linked(self, nodes: NodeIds, **attributes: Any) -> Network:
        """Return the network of nodes, or states, and the links between them."""
        links, arcs = self.having(*PLAIN), self.having("arcs")
        if arcs and not (self.directed or self.drop_directions):
            raise self.fault(arcs[0].line, f"*Arcs have directions: {DIRECTED}")
        sources, targets = (
            _whole([self.places(section, nodes, end) for section in links]) for end in (0, 1)
        )
        return from_edges(
            sources,
            targets,
            _weights(links),
            nodes=len(nodes.ids),
            directed=self.directed,
            ids=nodes.ids,
            node_weights=nodes.weights,
            **attributes,
        )

    def multilayer(self) -> Network:
        """Return the network of links from layer to layer."""
        sections = self.having("multilayer")
        nodes = self.layered_nodes(sections)
        layers, sources, others, targets = _columns(sections)
        network = from_multilayer(
            layers, sources, others, targets, _weights(sections), directed=self.directed
        )
        return replace(network, names=nodes.names_of(_physical(network)))

    def layers(self, **relaxation: Any) -> Network:
        """Return the network of links within layers, and between them."""
        within, between = self.having("intra"), self.having("inter")
        if not within:
            raise self.fault(between[0].line, "*Inter needs links within layers: add *Intra")
        for section in between:
            stays = section.columns[0] == section.columns[2]
            self.refuse(section, stays, "stays in its layer; expected another")
        nodes = self.layered_nodes([*within, *between])
        if between:
            leave, node, arrive = _columns(between)
            relaxation = {"inter": InterLinks(leave, node, arrive, _weights(between))}
        layer, source, target = _columns(within)
        network = from_layers(
            layer, source, target, _weights(within), directed=self.layers_directed, **relaxation
        )
        return replace(network, names=nodes.names_of(_physical(network)))

    def layered_nodes(self, sections: list[Section]) -> NodeIds:
        """Return the nodes that links in layers join."""
        ends = [(section, place) for section in sections for place in LAYERED[section.kind]]
        nodes = self.nodes([section.columns[place] for section, place in ends])
        for section, place in ends:
            self.places(section, nodes, place)
            self.require_small(section)
        return nodes

    def nodes(self, columns: list[np.ndarray]) -> NodeIds:
        """Return the nodes that are listed, or else those that columns of links name."""
        lists = self.having("vertices")
        if not lists:
            return NodeIds(distinct(columns))
        vertices = lists[0]
        order = self.rising(vertices)
        listed = vertices.columns[0][order].astype(np.int64)
        announced = vertices.argument.split()
        if announced and not announced[0].isdecimal():
            raise self.fault(vertices.line, "expected *Vertices and their number")
        if len(announced) > 1:
            raise self.fault(
                vertices.line, "of two kinds? Write *Bipartite and the second kind's first number"
            )
        count = int(announced[0]) if announced else len(listed)
        if len(listed) > count:
            raise self.fault(vertices.line, f"{count} vertices announced, {len(listed)} listed")
        if len(listed) == count:
            return _named(listed, vertices, order)
        ids = self.numbered(vertices, count)
        outside = ~np.isin(vertices.columns[0], ids)
        self.refuse(vertices, outside, f"of {count} vertices the numbers are 1 to {count}")
        return _named(ids, vertices, order)

    def rising(self, section: Section) -> np.ndarray:
        """Return the order of rows by their first number, which none may share."""
        first = np.unique(section.columns[0], return_index=True)[1]
        repeated = np.ones(len(section), bool)
        repeated[first] = False
        self.refuse(section, repeated, "this number was there before")
        return first

    def numbered(self, section: Section, count: int) -> np.ndarray:
        """Return the numbers of nodes from 1, unless they are too many to be meant."""
        if not 1 <= count <= self.largest():
            raise self.fault(section.line, f"{count} nodes, and so few links: {CUT}")
        return np.arange(1, count + 1)

    def require_small(self, section: Section) -> None:
        """Refuse numbers that tables are too large for."""
        limit = self.largest()
        wrong = np.max([column > limit for column in section.columns[1:]], axis=0)
        self.refuse(section, wrong, f"nodes and layers with states are numbered up to {limit}")

    def largest(self) -> int:
        return largest_number(sum(map(len, self.sections)))

    def places(self, section: Section, nodes: NodeIds, column: int) -> np.ndarray:
        """Return the places of the nodes in a column of a section."""
        places = nodes.places(section.columns[column])
        self.refuse(section, places < 0, "no such node is listed")
        return places

    def first_feature(self, nodes: NodeIds) -> int | None:
        """Return the place of the first feature of a bipartite network."""
        for section in self.having("bipartite"):
            if not section.argument.isdecimal():
                raise self.fault(section.line, "expected *Bipartite and the first feature's number")
            return int(np.searchsorted(nodes.ids, int(section.argument)))
        return None


def _named(ids: np.ndarray, vertices: Section, order: np.ndarray) -> NodeIds:
    """Return nodes with the names and weights of a list, whose rows rise in `order`."""
    places = np.searchsorted(ids, vertices.columns[0][order])
    names = weights = None
    if any(name is not None for name in vertices.names):
        names = [str(number) for number in ids]
        for place, row in zip(places.tolist(), order.tolist(), strict=True):
            names[place] = vertices.names[row] or names[place]
    if vertices.weights is not None:
        weights = np.ones(len(ids))
        weights[places] = vertices.weights[order]
    return NodeIds(ids, names, weights)


def _physical(network: Network) -> np.ndarray:
    return np.arange(network.nodes) if network.physical is None else network.physical


def _weights(sections: list[Section]) -> np.ndarray | None:
    if all(section.weights is None for section in sections):
        return None
    weights = [np.ones(len(s)) if s.weights is None else s.weights for s in sections]
    return _whole(weights)


def _columns(sections: list[Section]) -> list[np.ndarray]:
    places = range(len(sections[0].columns))
    return [_whole([section.columns[place] for section in sections]) for place in places]


def _whole(pieces: list[np.ndarray]) -> np.ndarray:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
