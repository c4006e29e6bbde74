"""The command `zoo infomap`: a network in, its communities out."""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

import numpy as np
from jsonargparse import ArgumentParser

from zoo.infomap.communities import Communities, find_communities
from zoo.infomap.files.write_tree import savings
from zoo.infomap.flow import FlowModel

SHOWN = 10  # communities in the table
NAMES = 6  # nodes of each
PICTURES = (".png", ".pdf", ".svg")
FILES = (".tree", ".clu", ".ftree", *PICTURES)
SWITCHES = {
    "directed": "follow the links' directions",
    "two_level": "no modules within modules",
    "recorded": "describe the steps of teleportation",
    "to_nodes": "teleport to nodes, not along links",
    "no_self_links": "leave out links of a node to itself",
}
OPTIONS = {
    "trials": (int, 1, "searches; the best is kept"),
    "seed": (int, 0, "seed of the first search"),
    "threads": (int | None, None, "searches at a time; default the number of processors"),
    "flow": (FlowModel | None, None, "how the walker moves; default by --directed"),
    "teleportation": (float, 0.15, "probability of teleportation in a step"),
    "markov_time": (float, 1.0, "steps between two descriptions; more makes larger modules"),
    "relax_rate": (float, 0.15, "of layers, probability of a step to any layer"),
    "relax_down": (int | None, None, "how many layers down such a step may lead; default any"),
    "relax_up": (int | None, None, "the same for layers up"),
    "preferred_modules": (int | None, None, "number of top modules to prefer"),
    "start": (str | None, None, "a .clu or .tree with modules to start from"),
}


def run(arguments: list[str]) -> None:
    """Find the communities that the arguments after `zoo infomap` ask for."""
    options = vars(_parser().parse_args(arguments))
    files = [Path(path) for path in options.pop("output")]
    wrong = [path for path in files if path.suffix not in FILES]
    if wrong:
        raise ValueError(f"{wrong[0]}: expected a file to write that ends in {', '.join(FILES)}")
    states, quiet = options.pop("states"), options.pop("quiet")
    options["self_links"] = not options.pop("no_self_links")
    begun = time.perf_counter()
    found = find_communities(
        options.pop("network"), **options, progress=sys.stderr.isatty() and not quiet
    )
    seconds = time.perf_counter() - begun
    for path in files:
        write(found, path, states)
    if not quiet:
        print_summary(found, seconds)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="zoo infomap",
        description="Find the communities of a network: minimise the map equation.",
        exit_on_error=False,
    )
    parser.add_argument("network", help="a .net, a .mtx or a list of links, also as .gz")
    parser.add_argument(
        "-o", "--output", nargs="+", default=[], help=f"files to write: {', '.join(FILES)}"
    )
    for name, summary in SWITCHES.items():
        parser.add_argument(_spelling(name), action="store_true", help=summary)
    for name, (kind, default, summary) in OPTIONS.items():
        parser.add_argument(_spelling(name), type=kind, default=default, help=summary)
    parser.add_argument("--states", action="store_true", help="write state nodes one by one")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing")
    return parser


def _spelling(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def write(found: Communities, path: Path, states: bool) -> None:
    """Write communities to a file of the form that its suffix tells."""
    if path.suffix in PICTURES:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 8), layout="constrained")
        found.plot(figure.subplots())
        figure.savefig(path)
    else:
        getattr(found, f"write_{path.suffix[1:]}")(path, states=states)


def print_summary(found: Communities, seconds: float) -> None:
    """Print what was found, and the largest communities."""
    from rich.console import Console
    from rich.table import Table

    network, tree = found.walk.network, found.tree
    sources = np.repeat(np.arange(network.nodes), np.diff(network.starts))
    links = int((sources <= network.targets).sum()) if not network.directed else len(sources)
    facts = {
        "network": f"{network.nodes:,} nodes, {links:,} links, flow {found.walk.model}",
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
        table.add_row(str(module + 1), f"{len(members):,}", f"{flow[module]:.2%}", names + more)
    if found.modules > SHOWN:
        table.add_row("...", *[""] * 3)
    console = Console(highlight=False)
    console.print(heads, "", table)
