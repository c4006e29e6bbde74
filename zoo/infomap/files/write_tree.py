"""Communities as files of Infomap's forms: `.tree`, `.clu` and `.ftree`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from zoo.files import replacing
from zoo.infomap.files.tree_paths import Leaves, leaves_of, module_flows, part_flows
from zoo.infomap.flow import Flow
from zoo.infomap.tree import Tree
from zoo.version import __version__


@dataclass(frozen=True)
class Marks:
    """What files call the nodes.

    Attributes:
        ids: int (nodes,), their numbers.
        names: their names; those of state nodes are of their physical nodes.
        physical: int (nodes,), numbers of the physical nodes of state nodes, or None.
        layers: int (nodes,), layers of state nodes, or None.
        first_feature: number of the first feature of a bipartite network, or None.
    """

    ids: np.ndarray
    names: list[str]
    physical: np.ndarray | None = None
    layers: np.ndarray | None = None
    first_feature: int | None = None


@dataclass(frozen=True)
class Document:
    """A tree to be written.

    Attributes:
        tree: the modules.
        walk: the flow.
        model: the flow model's name.
        marks: what to call the nodes.
        states: whether to write state nodes one by one; if not, those of one physical node that
            share a module are written as that node.
    """

    tree: Tree
    walk: Flow
    model: str
    marks: Marks
    states: bool = False

    @cached_property
    def leaves(self) -> Leaves:
        """The tree's leaves."""
        units = None if self.states else self.walk.physical
        return leaves_of(self.tree, self.walk.node, units)

    def write_tree(self, path: str | Path) -> None:
        """Write a line for each leaf: path, flow, name, number."""
        _write(path, [*self.header(), *self.tree_lines()])

    def write_ftree(self, path: str | Path) -> None:
        """Write the tree, then the flow between the parts of each module."""
        _write(path, [*self.header(), *self.tree_lines(), *self.link_lines()])

    def write_clu(self, path: str | Path, depth: int = 1) -> None:
        """Write a line for each leaf: number, module, flow.

        Args:
            path: file to write.
            depth: level of the modules, 1 at the top, -1 the lowest; they are numbered in the
                order of the tree.
        """
        level = self.tree.level(depth)
        above = [ranks[:-1][:level] for ranks in self.leaves.paths()]
        number = {module: n for n, module in enumerate(sorted(set(above)), 1)}
        (known_by, ids), *others = self.numbers().items()
        rows = zip(
            ids.tolist(),
            (number[module] for module in above),
            (f"{flow:.6g}" for flow in self.leaves.flow.tolist()),
            *(column.tolist() for _, column in others),
            strict=True,
        )
        columns = " ".join([known_by, "module flow", *(name for name, _ in others)])
        lines = [
            f"# module level {level}",
            f"# {columns}",
            *(" ".join(map(str, row)) for row in rows),
        ]
        _write(path, [*self.header(), *lines])

    def header(self) -> Iterator[str]:
        """Give the comments that begin a file."""
        yield f"# kexue-zoo {__version__}"
        yield f"# partitioned into {self.leaves.depth} levels with {self.tree.modules} top modules"
        yield f"# codelength {self.tree.codelength:.6g} bits"
        yield f"# relative codelength savings {100 * savings(self.tree):.6g}%"
        yield f"# flow model {self.model}"
        if self.marks.first_feature is not None:
            yield f"# bipartite start id {self.marks.first_feature}"
        if self.marks.physical is not None:
            yield "# higher order"
            yield f"# {'state' if self.states else 'physical'} level"

    def numbers(self) -> dict[str, np.ndarray]:
        """Return the columns of numbers by which the leaves are known."""
        marks, first = self.marks, self.leaves.first
        if marks.physical is None:
            return {"node_id": marks.ids[first]}
        if not self.states:
            return {"node_id": marks.physical[first]}
        columns = {"state_id": marks.ids[first], "node_id": marks.physical[first]}
        return columns if marks.layers is None else {**columns, "layer_id": marks.layers[first]}

    def tree_lines(self) -> Iterator[str]:
        """Give the lines of the tree."""
        leaves, numbers = self.leaves, self.numbers()
        yield " ".join(["# path flow name", *numbers])
        columns = (column.tolist() for column in numbers.values())
        rows = zip(
            leaves.paths(), leaves.flow.tolist(), leaves.first.tolist(), *columns, strict=True
        )
        for ranks, flow, node, *known_by in rows:
            place, ids = ":".join(map(str, ranks)), " ".join(map(str, known_by))
            name = " ".join(self.marks.names[node].splitlines())  # a name is part of a line
            yield f'{place} {flow:.6g} "{name}" {ids}'

    def link_lines(self) -> Iterator[str]:
        """Give the lines on the flow between the parts of modules, outer modules first."""
        directed = self.walk.directed
        yield f"*Links {'directed' if directed else 'undirected'}"
        if not directed:
            yield "# link flow is both directions combined, one row per module pair"
        yield "#*Links path enterFlow exitFlow numEdges numChildren"
        within = part_flows(self.leaves, self.tree, self.walk)
        crossing = module_flows(self.leaves, self.tree, self.walk)
        children = Counter(ranks[:-1] for ranks in [*crossing, *self.leaves.paths()] if ranks)
        for ranks, (entered, left) in sorted(crossing.items()):
            links = within.get(ranks, [])
            place = ":".join(map(str, ranks)) or "root"
            yield f"*Links {place} {entered:.6g} {left:.6g} {len(links)} {children[ranks]}"
            yield from (f"{source} {target} {flow:.6g}" for source, target, flow in links)


def savings(tree: Tree) -> float:
    """Return the share of the one-level codelength that the modules save."""
    return 1 - tree.codelength / tree.one_level if tree.one_level else 0.0


def _write(path: str | Path, lines: Iterable[str]) -> None:
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
