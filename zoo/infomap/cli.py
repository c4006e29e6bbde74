"""Find the communities of a network: the partition whose codelength is least."""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from zoo.cli.options import OptionParser
from zoo.errors import printable
from zoo.files import replacing, require_place
from zoo.infomap.communities import find_communities
from zoo.infomap.files.read_network import SUFFIXES
from zoo.infomap.files.write import WRITTEN
from zoo.infomap.files.write_tree import savings
from zoo.infomap.result import Communities
from zoo.progress import console

SHOWN = 10  # communities in the table
NAMES = 6  # nodes of each
PICTURES = (".png", ".pdf", ".svg")
FILES = (*WRITTEN, *PICTURES)


def run(arguments: list[str]) -> None:
    """Find the communities that the arguments after `zoo infomap` ask for."""
    parser = OptionParser(prog="zoo infomap", description=__doc__)
    parser.add_argument(
        "network",
        help=f"{', '.join(SUFFIXES)} or a list of links, also as .gz; - is standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        nargs="+",
        action="extend",
        default=[],
        help=f"files to write: {', '.join(FILES)}",
    )
    parser.add_argument("--states", action="store_true", help="write state nodes one by one")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing")
    parser.add_argument("--start", type=str | None, help="a .clu or .tree to start from")
    parser.add_options(find_communities, skip=("start", "progress"))
    infomap(**parser.parse(arguments))


def infomap(
    network: str, output: list[str], states: bool, quiet: bool, **options: Any
) -> Communities:
    """Find the communities of a network, write files, print what was found.

    Args:
        network: a file.
        output: files to write; their suffixes tell the forms.
        states: whether to write state nodes one by one.
        quiet: print nothing.
        options: those of `find_communities`.
    """
    files = [Path(path) for path in output]
    for path in files:
        if path.suffix not in FILES:
            raise ValueError(f"{path}: expected a file to write that ends in {', '.join(FILES)}")
        require_place(path)
    begun = time.perf_counter()
    found = find_communities(network, **options, progress=sys.stderr.isatty() and not quiet)
    seconds = time.perf_counter() - begun
    for path in files:
        write(found, path, states)
    if not quiet:
        print_summary(found, seconds)
    return found


def write(found: Communities, path: Path, states: bool) -> None:
    """Write communities to a file of the form that its suffix tells."""
    if path.suffix in WRITTEN:
        found.write(path, states=states)
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 8), layout="constrained")
    found.plot(figure.subplots())
    with replacing(path) as partial:
        figure.savefig(partial, format=path.suffix[1:])


def print_summary(found: Communities, seconds: float) -> None:
    """Print what was found, and the largest communities."""
    from rich.table import Table

    network, tree = found.walk.network, found.tree
    each = network.directed | (network.sources <= network.targets)  # an undirected link once
    facts = {
        "network": f"{network.nodes:,} nodes, {int(each.sum()):,} links, flow {found.walk.model}",
        "modules": f"{found.modules:,} on top, {found.levels} levels with the nodes",
        "codelength": f"{found.codelength:.6f} bits, {savings(tree):.1%} less than "
        f"{found.one_level_codelength:.6f} on one level",
        "time": f"{seconds:.2f} s",
    }
    heads = Table(box=None, show_header=False)
    for name, fact in facts.items():
        heads.add_row(name, fact)
    table = Table("module", "nodes", "flow", "with the most flow", box=None)
    flow = np.bincount(found.labels, found.flow)
    for module, members in enumerate(itertools.islice(found, SHOWN)):
        names = ", ".join(map(str, members[:NAMES]))
        more = ", ..." if len(members) > NAMES else ""
        row = f"{len(members):,}", f"{flow[module]:.2%}", printable(names + more)
        table.add_row(str(module + 1), *row)
    if found.modules > SHOWN:
        table.add_row("...", *[""] * 3)
    console().print(heads, "", table)
