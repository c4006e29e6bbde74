"""What travels with a network besides weights: a knowledge base, vectors, counts."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from zoo import registry
from zoo.checkpoint.integrity import REQUIRED, can_run, require_short
from zoo.errors import one_line

ZOO_CLASS = re.compile(r"zoo(\.[A-Za-z]\w*)+:[A-Za-z]\w*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = ("config", "labels", "preprocess", "model", "metrics", "recipe")


class Attachment(Protocol):
    """An object of a class of `zoo` that writes itself into a checkpoint folder.

    Its class also has `open(folder, name)`, which reads back what `write` wrote, and never runs
    code that it finds there.
    """

    def write(self, folder: Path, name: str) -> list[str]:
        """Write files into a folder; return their names, which all begin with `name` and a dot."""
        ...


def address_of(thing: object) -> str:
    """Return where the class of an object is, as `zoo.module:Class`.

    Raises:
        ValueError: if it is not in `zoo`.
    """
    kind = type(thing)
    address = f"{kind.__module__}:{kind.__qualname__}"
    if not ZOO_CLASS.fullmatch(address):
        raise ValueError(f"{address} cannot travel with a checkpoint: its class must be in zoo")
    return address


def class_at(address: Any) -> Any:
    """Import the class of `zoo` that a checkpoint names.

    Raises:
        ValueError: if it names anything else, such as a module that one of the zoo's imports.
    """
    if isinstance(address, str) and ZOO_CLASS.fullmatch(address):
        found = registry.import_object(address)
        if isinstance(found, type) and found.__module__.startswith("zoo."):
            return found
    raise ValueError(f"class is {address!r:.80}, expected one of zoo, as 'zoo.module:Class'")


def write_attachments(folder: Path, attachments: Mapping[str, Attachment]) -> dict[str, Any]:
    """Write attachments into a folder; return how `config.json` lists them.

    Args:
        folder: of the checkpoint, not yet sealed.
        attachments: by the name of the attribute that a loaded network has them as.

    Raises:
        ValueError: if a name is taken or no identifier, a class is not in `zoo`, or a file has
            another name than it should.
    """
    listed = {}
    for name, thing in attachments.items():
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise ValueError(
                f"attachment {name!r}: expected a lower-case identifier other than "
                f"{', '.join(_TAKEN)}; choose another name"
            )
        listed[name] = {"class": address_of(thing), "files": sorted(thing.write(folder, name))}
        _require_files(folder, name, listed[name]["files"])
    return listed


def open_attachments(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Open the attachments of a verified checkpoint folder.

    Args:
        folder: the checkpoint.
        config: its `config.json`.

    Raises:
        ValueError: if the list is malformed, a file is missing, a class is not in `zoo`, or one
            cannot be opened.
    """
    listed = config.get("attachments", {})
    if not isinstance(listed, dict):
        raise ValueError(f"{folder / 'config.json'}: attachments is {listed!r}, expected an object")
    return {name: _open(folder, name, about) for name, about in listed.items()}


def _open(folder: Path, name: str, about: Any) -> Any:
    try:
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise ValueError("expected another name")
        _require_files(folder, name, list(about["files"]))
        return class_at(about["class"]).open(folder, name)
    except Exception as error:
        raise ValueError(
            f"{folder}: attachment {name} cannot be opened: {one_line(error)}; get the checkpoint "
            "again"
        ) from error


def _require_files(folder: Path, name: str, files: list[str]) -> None:
    for file in files:
        beside = not file.startswith(f"{name}.") or file in REQUIRED or "/" in file
        if beside or can_run(file):
            raise ValueError(
                f"attachment {name} has a file {file!r}: expected {name}.SOMETHING, and no pickle"
            )
        if not (folder / file).is_file():
            raise ValueError(f"attachment {name} lacks its file {file}")
        if file.endswith(".json"):
            require_short(folder / file)
