"""`find_communities` and what it returns."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import require_whole
from zoo.infomap import map_equation
from zoo.infomap.files.write_tree import Document, Marks
from zoo.infomap.flow import TELEPORTATION, Flow, FlowModel
from zoo.infomap.graphs import warn_if_dense
from zoo.infomap.map_equation import Labels
from zoo.infomap.networks.multilayer import RELAX_RATE
from zoo.infomap.partitions import labels_on
from zoo.infomap.search import partition
from zoo.infomap.tree import Tree
from zoo.infomap.walk import Walk, walk_on
from zoo.kernels.cache import announced
from zoo.progress import stages

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from networkx import Graph


def find_communities(
    graph: Any,
    *,
    directed: bool = False,
    two_level: bool = False,
    trials: int = 1,
    seed: int = 0,
    threads: int | None = None,
    flow: FlowModel | None = None,
    recorded: bool = False,
    to_nodes: bool = False,
    teleportation: float = TELEPORTATION,
    markov_time: float = 1.0,
    self_links: bool = True,
    weight: str | None = "weight",
    relax_rate: float = RELAX_RATE,
    relax_down: int | None = None,
    relax_up: int | None = None,
    start: Any = None,
    preferred_modules: int | None = None,
    progress: bool = False,
) -> Communities:
    """Find the communities of a graph: the partition whose codelength is least.

    The codelength is the number of bits a step that it takes to describe a random walk on the
    graph with names for the modules and names for the nodes within each (the map equation,
    Rosvall and Bergstrom 2008; kexue.fm/archives/7006).

    Args:
        graph: one of

            - an edge array (m, 2) or (m, 3) of source, target, weight; nodes are 0, 1, 2, ...
            - a tuple of columns `(sources, targets)` or `(sources, targets, weights)`, or a list
              of edges; what is not numbers are names;
            - a scipy sparse matrix (nodes, nodes), or a square array of four nodes or more;
            - a networkx or an igraph graph;
            - a torch `edge_index` (2, m), or `(edge_index, edge_weight)`, which holds undirected
              links in both directions, as torch_geometric has it; a sparse tensor;
            - a DataFrame with columns source, target, weight, in capitals or not (also from and
              to, src and dst, u and v; value, count, w; else the first two or three), or one whose
              rows and columns have the same names: a matrix;
            - a `zoo.infomap.Network`;
            - a path of a `.net`, `.mtx` or list of links, `-` for standard input, or an open
              file; see `zoo.infomap.read_network`.

            Numbers of nodes are places, 0, 1, 2, ...; if they are so large that nearly all of the
            nodes would have no link, they are names.
        directed: whether links have a direction.
        two_level: whether to look only for modules, not for modules within modules.
        trials: number of searches; the best is kept.
        seed: of the first trial; one seed gives one result, whatever the number of threads.
        threads: trials at a time; default the number of processors.
        flow: how the walker moves: `undirected`, `directed`, `undirdir`, `outdirdir`, `rawdir`,
            `precomputed`, see `zoo.infomap.make_flow`; default by `directed`. If it is
            `undirected`, the directions of a directed graph are dropped.
        recorded: whether teleportation of a directed walk is described.
        to_nodes: whether teleportation lands on nodes, not along links.
        teleportation: probability of teleportation in a step.
        markov_time: steps between two descriptions; more than 1 makes larger modules.
        self_links: whether the walker uses links of a node to itself.
        weight: attribute or column that holds the weights of links, where there is one of this
            name or another that is sure to be meant; None for 1 each.
        relax_rate: of a file with layers (`*Intra`), the probability of a step to any layer.
        relax_down: how many layers down such a step may lead; default any.
        relax_up: the same for layers up.
        start: a partition to start from, in any form of `zoo.infomap.partitions.labels_on`, or a
            result; of several levels the lowest counts. Nodes that a mapping or sets leave out
            start as modules of their own.
        preferred_modules: number of top modules to prefer.
        progress: show what is being done, and for how long.

    Returns:
        The communities; arrays in the order of the nodes.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if something is wrong with the graph or an argument; of a file it names the
            line.

    Example:
        >>> communities = find_communities([(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5)])
        >>> communities.labels
        array([0, 0, 0, 1, 1, 1])
        >>> communities
        Communities(2 modules of 6 nodes, 2.3207 bits, one level 2.5567)
    """
    for name, number in (
        ("trials", trials),
        ("threads", threads),
        ("preferred_modules", preferred_modules),
    ):
        if number is not None:
            require_whole(name, number)
    require_whole("seed", seed, least=0)
    with stages(progress) as shown, announced(progress):
        walk = walk_on(
            graph,
            directed=directed,
            flow=flow,
            shown=shown,
            weight=weight,
            relax_rate=relax_rate,
            relax_down=relax_down,
            relax_up=relax_up,
            recorded=recorded,
            to_nodes=to_nodes,
            teleportation=teleportation,
            markov_time=markov_time,
            self_links=self_links,
        )
        warn_if_dense(walk.network, stacklevel=3)
        first = None
        if start is not None:
            first = map_equation.nested_levels(
                _labels_on(start, walk, partial=True), walk.flow.nodes
            )[-1]
        shown.begin("searching")
        tree = partition(
            walk.flow,
            two_level=two_level,
            trials=trials,
            seed=seed,
            threads=threads,
            start=first,
            preferred_modules=preferred_modules,
        )
    return Communities(tree, walk)


def codelength(graph: Any, labels: Any, **options: Any) -> float:
    """Return the codelength of a partition of a graph, in bits a step.

    Args:
        graph: see `find_communities`; or a `Flow`.
        labels: a partition in any form of `zoo.infomap.partitions.labels_on` (numbers, a dict,
            sets, an igraph clustering, a file, ...), or a result of `find_communities`.
        options: those of `find_communities` that say how to read the graph and to walk on it,
            from `directed` and `flow` to `relax_up`.

    Raises:
        ValueError: if something is wrong with the graph, the labels or an option.

    Example:
        >>> links = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5)]
        >>> round(codelength(links, [0, 0, 0, 1, 1, 1]), 4)
        2.3207
    """
    if isinstance(graph, Flow):
        return map_equation.codelength(graph, labels)
    walk = walk_on(graph, **options)
    return map_equation.codelength(walk.flow, _labels_on(labels, walk))


def _labels_on(labels: Any, walk: Walk, *, partial: bool = False) -> Labels:
    """Return labels from whatever holds them: a result on the same graph, or see `labels_on`."""
    if isinstance(labels, Communities):
        return labels.tree.levels
    return labels_on(labels, walk, partial=partial)


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

    def document(self, *, states: bool = False) -> Document:
        """Return what the files are written from."""
        network = self.walk.network
        called = self.nodes if network.physical is None else network.physical
        names = network.names or [str(node) for node in called]
        marks = Marks(self.walk.ids, names, network.physical, network.layers, network.first_feature)
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
