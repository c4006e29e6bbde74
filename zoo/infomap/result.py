"""What `find_communities` returns: labels, tables, graphs, files, pictures."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.infomap import map_equation
from zoo.infomap.files.write_tree import Document, Marks
from zoo.infomap.tree import Tree
from zoo.infomap.walk import Walk

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from networkx import Graph


@dataclass(frozen=True, eq=False, repr=False)
class Communities:
    """Communities of a graph; arrays are in the order of its nodes.

    Attributes:
        tree: the modules on all levels, and the codelengths.
        walk: the graph and the walk on it.
    """

    tree: Tree
    walk: Walk

    @property
    def labels(self) -> np.ndarray:
        """int64 (nodes,): each node's top module; 0 is the one with the most flow."""
        return self.tree.levels[0]

    @property
    def flow(self) -> np.ndarray:
        """float64 (nodes,): the share of time that the walker spends at each node."""
        return self.walk.flow.node

    @property
    def nodes(self) -> Sequence[Hashable]:
        """What the graph calls its nodes."""
        return self.walk.nodes

    @property
    def codelength(self) -> float:
        """Bits a step."""
        return float(self.tree.codelength)

    @property
    def one_level_codelength(self) -> float:
        """Bits a step without modules: the entropy of the visits."""
        return float(self.tree.one_level)

    @property
    def modules(self) -> int:
        """Number of top modules."""
        return self.tree.modules

    @property
    def effective_modules(self) -> float:
        """Effective number of top modules: 2 to the entropy of their shares of the flow."""
        return float(2 ** -map_equation.plogp(np.bincount(self.labels, self.flow)).sum())

    def labels_at(self, depth: int) -> np.ndarray:
        """Return each node's module at a depth: int64 (nodes,).

        Args:
            depth: 1 for the top modules, 2 for the modules within them, ...; -1 for the lowest. A
                module that is not divided stands for itself further down.

        Raises:
            ValueError: if there are not so many levels of modules.
        """
        return self.tree.levels[self.tree.level(depth) - 1]

    def table(self, depth: int = 1) -> list[dict[str, Any]]:
        """Return a row for each module at a depth: how many nodes, how much flow.

        Args:
            depth: see `labels_at`.

        Returns:
            Rows by decreasing flow, ready for a DataFrame: `module`, `parent` (the module one
            level up, None at the top), `nodes`, `flow` (share of the walker's time), `enters` and
            `leaves` (flow a step across its border), `top_node`.

        Raises:
            ValueError: if there are not so many levels of modules.
        """
        labels = self.labels_at(depth)
        size, flow = np.bincount(labels), np.bincount(labels, self.flow)
        enters, leaves = map_equation.boundary(self.walk.flow, labels)
        top = np.lexsort((-self.flow, labels))[np.append(0, np.cumsum(size)[:-1])]
        level = self.tree.level(depth)
        above = self.labels_at(level - 1)[top].tolist() if level > 1 else [None] * len(size)
        columns = (above, size.tolist(), flow.tolist(), enters.tolist(), leaves.tolist(), top)
        names = ("parent", "nodes", "flow", "enters", "leaves")
        return [
            {"module": i, **dict(zip(names, row, strict=False)), "top_node": self.nodes[row[-1]]}
            for i, row in enumerate(zip(*columns, strict=True))
        ]

    @property
    def levels(self) -> int:
        """Number of levels; the nodes themselves are the last."""
        return self.document().leaves.depth

    def __len__(self) -> int:
        return self.modules

    def __iter__(self) -> Iterator[list[Hashable]]:
        """Give the nodes of each top module, by decreasing flow."""
        order = np.lexsort((-self.flow, self.labels))
        for members in np.split(order, np.flatnonzero(np.diff(self.labels[order])) + 1):
            yield [self.nodes[node] for node in members]

    def __repr__(self) -> str:
        return (
            f"Communities({self.modules} modules of {len(self.nodes)} nodes, "
            f"{self.codelength:.4f} bits, one level {self.one_level_codelength:.4f})"
        )

    def to_dict(self) -> dict[Hashable, int]:
        """Return the top module of each node, by its name."""
        return dict(zip(self.nodes, self.labels.tolist(), strict=True))

    def to_networkx(self) -> Graph:
        """Return a networkx graph; nodes have `community`, `path` and `flow`, links `weight`."""
        import networkx

        network = self.walk.network
        graph = networkx.DiGraph() if network.directed else networkx.Graph()
        leaves = self.document(states=True).leaves
        for node, name in enumerate(self.nodes):
            path = leaves.path(node)
            graph.add_node(
                name, community=int(self.labels[node]), path=path, flow=float(self.flow[node])
            )
        columns = network.sources, network.targets, network.weights
        graph.add_weighted_edges_from(
            (self.nodes[source], self.nodes[target], weight)
            for source, target, weight in zip(*(c.tolist() for c in columns), strict=True)
        )
        return graph

    def module_links(self, depth: int = 1) -> list[dict[str, Any]]:
        """Return a row for each two modules at a depth with flow along links from one to the other.

        Args:
            depth: see `labels_at`.

        Returns:
            Rows by decreasing flow: `source`, `target` (modules), `flow` (a step). Of an undirected
            walk both directions are there, each with its flow.

        Raises:
            ValueError: if there are not so many levels of modules.
        """
        labels, walk = self.labels_at(depth), self.walk.flow
        sources, targets = np.repeat(labels, np.diff(walk.starts)), labels[walk.targets]
        keys, apart = sources * (int(labels.max()) + 1) + targets, sources != targets
        pairs, place = np.unique(keys[apart], return_inverse=True)
        flow = np.bincount(place, walk.link[apart], len(pairs))
        order = np.argsort(-flow, kind="stable")
        ends = np.divmod(pairs[order], int(labels.max()) + 1)
        columns = (*(column.tolist() for column in ends), flow[order].tolist())
        names = ("source", "target", "flow")
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def document(self, *, states: bool = False) -> Document:
        """Return what the files are written from."""
        network = self.walk.network
        called = self.nodes if network.physical is None else network.physical
        names = network.names or [str(node) for node in called]
        ids, first = self.walk.ids, network.first_feature
        number = None if first is None else int(ids[first])
        marks = Marks(ids, names, network.physical, network.layers, number)
        return Document(self.tree, self.walk.flow, self.walk.model, marks, states)

    def write_tree(self, path: str | Path, *, states: bool = False) -> None:
        """Write Infomap's `.tree`: a line `1:2:3 flow "name" number` for each node.

        Args:
            path: file to write.
            states: whether to write state nodes one by one; if not, the states of a node that
                share a module are one line.
        """
        self.document(states=states).write_tree(path)

    def write_clu(self, path: str | Path, *, states: bool = False, depth: int = 1) -> None:
        """Write Infomap's `.clu`: a line `number module flow` for each node; see `write_tree`.

        Args:
            path: file to write.
            states: whether to write state nodes one by one.
            depth: level of the modules, see `labels_at`.
        """
        self.document(states=states).write_clu(path, depth)

    def write_ftree(self, path: str | Path, *, states: bool = False) -> None:
        """Write Infomap's `.ftree`: the tree, and the flow within modules; see `write_tree`."""
        self.document(states=states).write_ftree(path)

    def write(self, path: str | Path, *, states: bool = False) -> None:
        """Write a file of the form that its suffix tells, see `zoo.infomap.files.write.FORMATS`.

        Args:
            path: file to write: `.tree`, `.clu`, `.ftree`, `.json`, `.csv`, `.graphml`, `.gexf`.
            states: whether to write state nodes one by one.

        Raises:
            ValueError: if the suffix is none of these.
        """
        from zoo.infomap.files.write import write

        write(self, path, states=states)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw a map of the communities; of a large graph, how large they are.

        Args:
            axes: matplotlib axes to draw on; default new ones.
        """
        from zoo.infomap.plot import Picture

        network = self.walk.network
        columns = network.sources, network.targets, network.weights
        picture = Picture(*columns, self.labels, self.flow, self.nodes)
        return picture.draw(
            axes,
            f"{self.modules} communities, {self.codelength:.3f} bits "
            f"instead of {self.one_level_codelength:.3f}",
        )
