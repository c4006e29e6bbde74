"""Networks from files of any form: `FORMATS` says who reads which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from zoo.infomap.files.blocks import BYTE_ORDER_MARK, Text
from zoo.infomap.files.link_table import DELIMITERS, read_link_table
from zoo.infomap.files.matrix_market import read_matrix_market
from zoo.infomap.files.pajek import read_pajek
from zoo.infomap.networks.multilayer import RELAX_RATE
from zoo.infomap.networks.network import Network
from zoo.infomap.networks.tables import DEFAULT


class Format(NamedTuple):
    """A form of network files.

    Attributes:
        suffixes: how the names of such files end, in small letters; `.gz` may follow.
        begins: what other such files begin with, None if only the name tells; nothing means that
            any file may be one.
        read: makes the network of a `Text` and the keyword arguments of `read_network`; takes those
            that it has a use for, and the others by `**others`.
        columns: whether its columns have names.
    """

    suffixes: tuple[str, ...]
    begins: bytes | None
    read: Callable[..., Network]
    columns: bool = False


FORMATS = [
    Format((".mtx",), b"%%MatrixMarket", read_matrix_market),
    Format(tuple(DELIMITERS), None, read_link_table, columns=True),
    Format((".net",), b"", read_pajek),  # last, for it takes what no other does
]

SUFFIXES = [suffix for form in reversed(FORMATS) for suffix in form.suffixes]


def read_network(
    path: str | Path | IO[Any],
    *,
    directed: bool = False,
    layers_directed: bool | None = None,
    drop_directions: bool = False,
    weight: str | None = DEFAULT,
    relax_rate: float = RELAX_RATE,
    relax_down: int | None = None,
    relax_up: int | None = None,
    advance: Callable[[int], Any] = lambda _: None,
) -> Network:
    """Read a network from a file.

    Args:
        path: Pajek's `.net` with `*Vertices`, `*Edges`, `*Arcs`; Infomap's extensions `*Links`,
            `*Bipartite`, `*States`, `*Intra`, `*Inter` and `*Multilayer`; a list of links
            `source target weight`, the weight 1 if missing; a table of links `.csv` or `.tsv`, see
            `read_link_table`; a square Matrix Market file `.mtx`.
            Lines that begin with `#` or `%` are comments. `.gz` is unpacked.
            A pipe, `-` for standard input and an open file, which stays open, are read to their
            ends.
        directed: whether links have a direction. As in Infomap, this argument decides, and not
            the heading above the links.
        layers_directed: whether links of `*Intra` and `*Inter` have one; None for the same.
        drop_directions: take `*Arcs`, or a matrix that is not symmetric, as undirected.
        weight: of a table the column of weights, see `networks.tables.from_table`; None for 1
            each. Other files leave no choice.
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
    text = Text.of(path)
    form = format_of(text)
    if weight != DEFAULT and not form.columns:
        raise ValueError(
            f"weight is {weight!r}: only the columns of {', '.join(DELIMITERS)} have names, and "
            f"{text} is none; leave this out"
        )
    try:
        return form.read(
            text,
            directed=directed,
            layers_directed=directed if layers_directed is None else layers_directed,
            drop_directions=drop_directions,
            **({"weight": weight} if form.columns else {}),
            relax_rate=relax_rate,
            relax_down=relax_down,
            relax_up=relax_up,
            advance=advance,
        )
    except ValueError as error:
        told = str(error).startswith(str(text))
        raise (error if told else ValueError(f"{text}: {error}")) from None


def format_of(text: Text) -> Format:
    """Return the first form that fits a file, by its name or by its first bytes."""
    with text.opened() as file:
        begin = file.read(64).removeprefix(BYTE_ORDER_MARK)
    return next(
        form
        for form in FORMATS
        if text.suffix in form.suffixes
        or (form.begins is not None and begin.startswith(form.begins))
    )
