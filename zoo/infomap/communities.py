"""`find_communities`, and the codelength of any partition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo.errors import require_whole
from zoo.infomap import map_equation
from zoo.infomap.flow import TELEPORTATION, Flow, FlowModel
from zoo.infomap.graphs import warn_if_dense
from zoo.infomap.map_equation import Labels
from zoo.infomap.networks.multilayer import RELAX_RATE
from zoo.infomap.partitions import labels_of, labels_on
from zoo.infomap.result import Communities
from zoo.infomap.search.trials import partition
from zoo.infomap.walk import Walk, walk_on
from zoo.kernels.cache import announced
from zoo.progress import stages


def find_communities(
    graph: Any,
    *,
    directed: bool = False,
    two_level: bool = False,
    trials: int = 1,
    stop_after: int | None = None,
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
            - an AnnData: its `obsp["connectivities"]`, or that which `weight` names;
            - a DataFrame with columns source, target, weight, in capitals or not (also from and
              to, src and dst, u and v; value, count, w; else the first two or three), or one whose
              rows and columns have the same names: a matrix;
            - a `zoo.infomap.Network`;
            - a path of a file that `zoo.infomap.read_network` reads, `-` for standard input, or an
              open file.

            Numbers of nodes are places, 0, 1, 2, ...; if they are so large that nearly all of the
            nodes would have no link, they are names.
        directed: whether links have a direction.
        two_level: whether to look only for modules, not for modules within modules.
        trials: number of trials; the best is kept.
        stop_after: number of trials in a row without a better codelength after which no more are
            made; default all are.
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
            result; its codelength (with `two_level` that of its lowest level) is an upper bound of
            what is found, unless `preferred_modules` is given. Nodes that a mapping or sets leave
            out start as modules of their own.
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
        ("stop_after", stop_after),
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
            first = _labels_on(start, walk, partial=True)
        shown.begin("searching")
        tree = partition(
            walk.flow,
            two_level=two_level,
            trials=trials,
            stop_after=stop_after,
            seed=seed,
            threads=threads,
            start=first,
            preferred_modules=preferred_modules,
        )
    return Communities(tree, walk)


def codelength(graph: Any, labels: Any, **options: Any) -> float:
    """Return the codelength of a partition of a graph, in bits a step.

    Args:
        graph: see `find_communities`; or a `Flow`, whose nodes are 0, 1, 2, ...
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
        return map_equation.codelength(graph, _labels_of_flow(labels, graph, options))
    walk = walk_on(graph, **options)
    return map_equation.codelength(walk.flow, _labels_on(labels, walk))


def _labels_of_flow(labels: Any, flow: Flow, options: dict[str, Any]) -> Labels:
    """Return labels of the nodes of a flow, which are 0, 1, 2, ..."""
    if options:
        raise ValueError(
            f"{', '.join(options)}: the walk is made already; give a graph, not a Flow"
        )
    if isinstance(labels, (str, Path)):
        raise ValueError(f"labels are {str(labels)!r}: read a file with its graph, not a Flow")
    if isinstance(labels, Communities):
        return labels.tree.levels
    return labels_of(labels, range(flow.nodes))


def _labels_on(labels: Any, walk: Walk, *, partial: bool = False) -> Labels:
    """Return labels from whatever holds them: a result on the same graph, or see `labels_on`."""
    if isinstance(labels, Communities):
        return labels.tree.levels
    return labels_on(labels, walk, partial=partial)
