"""Networks from files of any form: `FORMATS` says who reads which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from zoo.infomap.files.blocks import BYTE_ORDER_MARK, opened
from zoo.infomap.files.matrix_market import read_matrix_market
from zoo.infomap.files.pajek import read_pajek
from zoo.infomap.networks.multilayer import RELAX_RATE
from zoo.infomap.networks.network import Network


class Format(NamedTuple):
    """A form of network files.

    Attributes:
        suffixes: how the names of such files end, in small letters; `.gz` may follow.
        begins: what other such files begin with; nothing means that any file may be one.
        read: makes the network of a path and the keyword arguments of `read_network`; takes those
            that it has a use for, and the others by `**others`.
    """

    suffixes: tuple[str, ...]
    begins: bytes
    read: Callable[..., Network]


FORMATS = [
    Format((".mtx",), b"%%MatrixMarket", read_matrix_market),
    Format((".net",), b"", read_pajek),  # last, for it takes what no other does
]


def read_network(
    path: str | Path,
    *,
    directed: bool = False,
    drop_directions: bool = False,
    relax_rate: float = RELAX_RATE,
    relax_down: int | None = None,
    relax_up: int | None = None,
    advance: Callable[[int], Any] = lambda _: None,
) -> Network:
    """Read a network from a file.

    Args:
        path: Pajek's `.net` with `*Vertices`, `*Edges`, `*Arcs`; Infomap's extensions `*Links`,
            `*Bipartite`, `*States`, `*Intra`, `*Inter` and `*Multilayer`; a list of links
            `source target weight`, the weight 1 if missing; a square Matrix Market file `.mtx`.
            Lines that begin with `#` or `%` are comments. `.gz` is unpacked.
        directed: whether links have a direction. As in Infomap, this argument decides, and not
            the heading above the links.
        drop_directions: take `*Arcs`, or a matrix that is not symmetric, as undirected.
        relax_rate: of a file with `*Intra` and without `*Inter`, see `from_layers`.
        relax_down: the same.
        relax_up: the same.
        advance: called with the bytes of text read since the last call.

    Returns:
        The network; nodes in the order of their numbers in the file, which are its `ids`. Nodes
        of a network of states are the states, in the order of their numbers, or of layer and
        node; their `names` are those of the physical nodes.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file, and the line of what is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    try:
        return format_of(path).read(
            path,
            directed=directed,
            drop_directions=drop_directions,
            relax_rate=relax_rate,
            relax_down=relax_down,
            relax_up=relax_up,
            advance=advance,
        )
    except ValueError as error:
        told = str(error).startswith(str(path))
        raise (error if told else ValueError(f"{path}: {error}")) from None


def format_of(path: Path) -> Format:
    """Return the first form that fits a file, by its name or by its first bytes."""
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    with opened(path) as file:
        begin = file.read(64).removeprefix(BYTE_ORDER_MARK)
    return next(f for f in FORMATS if suffix in f.suffixes or begin.startswith(f.begins))
