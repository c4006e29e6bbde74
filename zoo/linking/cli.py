"""The commands `zoo link` and `zoo knowledge`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from zoo.cli.options import OptionParser
from zoo.errors import printable
from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.knowledge.entities import read_entities

BATCH = 256  # texts linked at once


def run_link(arguments: list[str]) -> None:
    """Parse the arguments that follow `zoo link`, and link."""
    parser = OptionParser(
        prog="zoo link",
        description="Link the mentions of texts to a knowledge base; a JSON line a text.",
    )
    parser.add_function(link)
    with _indexing():
        link(**parser.parse(arguments))


def link(
    model: str, texts: list[str], *, knowledge: str | None = None, keep: int | None = 5
) -> None:
    """Link texts; print a JSON object a text: the text and its mentions.

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        texts: the texts; if none, the lines of standard input.
        knowledge: the folder of a knowledge base to lay under the model; default its own.
        keep: candidates to print of each mention.
    """
    import zoo

    net: Any = zoo.load(model)
    if not hasattr(net, "link"):
        raise ValueError(f"{model} links no texts: `zoo list --technique linking` has some")
    if knowledge is not None:
        net = net.with_knowledge(KnowledgeBase.open(knowledge))
    lines = iter(texts) if texts else (line.rstrip("\n") for line in sys.stdin)
    for batch in _batches(lines):
        for text, mentions in zip(batch, net.link(batch, keep=keep), strict=True):
            found = [asdict(mention) for mention in mentions]
            line = json.dumps({"text": text, "mentions": found}, ensure_ascii=False)
            print(printable(line))


def run_knowledge(arguments: list[str]) -> None:
    """Parse the arguments that follow `zoo knowledge`, and do what they say."""
    parser = ArgumentParser(
        prog="zoo knowledge",
        description="Build, change and show knowledge bases.",
        exit_on_error=False,
    )
    commands = parser.add_subcommands(dest="command")
    for name, function in COMMANDS.items():
        command = ArgumentParser(exit_on_error=False)
        command.add_function_arguments(function, as_positional=True)
        summary = (function.__doc__ or "").partition("\n")[0]
        commands.add_subcommand(name, command, help=summary)
    options = parser.parse_args(arguments or ["--help"])
    with _indexing():
        COMMANDS[options.command](**options[options.command])


@contextmanager
def _indexing() -> Iterator[None]:
    """Say that a base is damaged where its arrays, which are read as needed, lead beyond others."""
    try:
        yield
    except IndexError as error:
        raise ValueError(f"the knowledge base is damaged ({error}): build it again") from error


def build(file: str, folder: str) -> None:
    """Build a knowledge base from a file of JSON lines.

    Args:
        file: entities, a line each: {"id", "names", "description"}, or CCKS 2019's kb_data.
        folder: where to.
    """
    print(_counts(KnowledgeBase.build(file, folder)))


def add(file: str, folder: str) -> None:
    """Add the entities of a file of JSON lines to a knowledge base.

    Args:
        file: as for build.
        folder: of the knowledge base.
    """
    knowledge = KnowledgeBase.open(folder)
    knowledge.add(read_entities(file))
    print(_counts(knowledge))


def remove(ids: str, folder: str) -> None:
    """Take entities out of a knowledge base.

    Args:
        ids: their ids, with commas between.
        folder: of the knowledge base.
    """
    knowledge = KnowledgeBase.open(folder)
    knowledge.remove(ids.split(","))
    print(_counts(knowledge))


def show(folder: str, name: str | None = None) -> None:
    """Show what a knowledge base has: counts, or the candidates of a name.

    Args:
        folder: of the knowledge base.
        name: show the entities that this may mean, a JSON line each.
    """
    knowledge = KnowledgeBase.open(folder)
    if name is None:
        print(_counts(knowledge))
        return
    for id_ in knowledge.candidates(name):
        print(printable(knowledge[id_].to_line()), end="")


COMMANDS = {"build": build, "add": add, "remove": remove, "show": show}


def _counts(knowledge: KnowledgeBase) -> str:
    folder = Path(knowledge.folder)
    return f"{len(knowledge):,} entities, {knowledge.names:,} names in {folder}"


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    lines = iter(lines)
    while batch := list(islice(lines, BATCH)):
        yield batch
