"""Checkpoint folders written: saved whole or not at all, and annotated later.

A folder holds `config.json`, `model.safetensors`, `recipe.yaml`, `metrics.json`, `train_log.csv`,
the model card `README.md`, where there are any `preprocess.json`, `notes.md`, pictures and the
files of attachments, and `SHA256SUMS` over all of them.
"""

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from zoo import registry
from zoo.checkpoint import card
from zoo.checkpoint import weights as tensors
from zoo.checkpoint.attachments import Attachment, address_of, write_attachments
from zoo.checkpoint.integrity import copy, replacing, require_replaceable, verify, write_sums
from zoo.checkpoint.load import FORMAT, WEIGHTS, load, read_config, read_json
from zoo.errors import one_line
from zoo.files import expand_home
from zoo.version import __version__

_PICTURE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*\.png")
_PNG = b"\x89PNG\r\n\x1a\n"


class Preprocess(Protocol):
    """What turns raw inputs into a network's tensors; it also has a `from_dict` class method."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that `from_dict` reads back."""
        ...


def save(
    folder: str | Path,
    *,
    name: str,
    model: nn.Module,
    arguments: dict[str, Any],
    preprocess: Preprocess | None,
    recipe: str,
    metrics: list[dict[str, Any]],
    log: list[dict[str, Any]],
    labels: list[str] | None = None,
    data: str | None = None,
    origin: str | None = None,
    derived: str | None = None,
    notes: str | None = None,
    attachments: Mapping[str, Attachment] | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a complete checkpoint folder, or nothing.

    The files are written to a temporary sibling, loaded back from there, and only then moved into
    place, so that a crash leaves an older checkpoint of the same name whole.

    Args:
        folder: where to; a checkpoint that is there already is replaced.
        name: the model's name in the registry.
        model: the network; its tensors are stored as they are.
        arguments: what its constructor was called with, as JSON types.
        preprocess: an object of a class of `zoo`, or None.
        recipe: the fully resolved recipe, YAML text.
        metrics: measured results, each with `metric`, `value`, `split`, `data`, `seed`, `command`
            and `commit`.
        log: one row for each time something was logged in training.
        labels: names of the classes; default none.
        data: what it was trained on in place of the recipe's corpus; default that corpus.
        origin: the checkpoint that it was fine-tuned from; default none.
        derived: the model of others that its weights derive from; default none.
        notes: Markdown that the card shows as it is; default none.
        attachments: what a loaded network has as attributes of these names; default none.
        pictures: PNG files that the card shows, by file name; default none.

    Returns:
        The folder, absolute.

    Raises:
        OSError: if the folder cannot be written, such as on a full disk.
        ValueError: if `folder` holds anything but a checkpoint, or what is given does not load.
    """
    config = {"format": FORMAT, "model": name, "zoo": __version__, "arguments": arguments}
    told = {"labels": labels, "data": data, "from": origin, "derived": derived}
    config |= {key: value for key, value in told.items() if value is not None}
    with replacing(folder) as partial:
        if attachments:
            config["attachments"] = write_attachments(partial, attachments)
        _write_json(partial / "config.json", config)
        for file, content in (pictures or {}).items():
            _write_picture(partial, file, content)
        if preprocess is not None:
            _write_json(partial / "preprocess.json", _describe_preprocess(preprocess))
        _write_text(partial / "recipe.yaml", recipe)
        _write_log(partial / "train_log.csv", log)
        _write_measured(partial, {"results": metrics}, notes)
        tensors.write(partial / WEIGHTS, model)
        write_sums(partial)
        load(partial)
    return expand_home(folder).resolve()


def save_start(folder: str | Path, name: str, net: Any, derived: str | None = None) -> Path:
    """Write a network that nobody has trained here as a folder to start from, with no figures.

    Args:
        folder: as for `save`.
        name: of the registered model whose recipe trains it on.
        net: a network with `arguments` and `preprocess`.
        derived: as for `save`.
    """
    return save(
        folder,
        name=name,
        model=net,
        arguments=net.arguments,
        preprocess=net.preprocess,
        derived=derived,
        recipe=registry.describe(name).recipe_path.read_text("utf-8"),
        metrics=[],
        log=[],
    )


def record(folder: str | Path, results: list[dict[str, Any]]) -> None:
    """Add measured results to a checkpoint folder: to its metrics, its card and its sums, at once.

    A result replaces the one of the same metric, split, data and seed.

    Args:
        folder: a checkpoint folder; its card is written anew.
        results: as the `metrics` of `save`.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if a file is damaged, a result has no name or number, or the folder is in the
            cache of the Hub.
        OSError: if the folder cannot be written; it stays as it was.
    """
    folder = verify(folder)
    rows = {_measurement(row): row for row in [*card.read_metrics(folder), *results]}
    _rewrite(folder, list(rows.values()), card.read_notes(folder))


def annotate(folder: str | Path, notes: str) -> None:
    """Set the notes of a checkpoint folder: `notes.md`, its card and its sums, at once.

    Args:
        folder: a checkpoint folder; its card is written anew.
        notes: Markdown, put into the card as it is; nothing takes the notes away.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if a file is damaged, or the folder is in the cache of the Hub.
        OSError: if the folder cannot be written; it stays as it was.
    """
    folder = verify(folder)
    _rewrite(folder, card.read_metrics(folder), notes)


def require_recordable(folder: Path) -> Path:
    """Return a verified checkpoint folder that results and notes can be written into.

    Raises:
        PermissionError: if it cannot be replaced, such as on a read-only file system.
        ValueError: if it is in the cache of the Hub.
    """
    if any(path.is_symlink() for path in folder.iterdir()):
        raise ValueError(f"{folder} is in the Hub's cache: copy it first (zoo pull --to FOLDER)")
    return require_replaceable(folder)


def _rewrite(folder: Path, results: list[dict[str, Any]], notes: str | None) -> None:
    """Replace a folder by a copy with these results and notes, and the card they make."""
    folder = require_recordable(folder)
    metrics = read_json(folder / "metrics.json") | {"results": results}
    with replacing(folder) as partial:
        copy(folder, partial)
        _write_measured(partial, metrics, notes)
        write_sums(partial)


def _write_measured(folder: Path, metrics: dict[str, Any], notes: str | None) -> None:
    """Write the results, the notes, and the card that shows both."""
    config = read_config(folder)
    entry = registry.describe(config["model"])
    _write_json(folder / "metrics.json", metrics)
    text = card.render(config, metrics["results"], entry, notes, card.find_pictures(folder))
    _write_text(folder / "README.md", text)
    if notes:
        _write_text(folder / "notes.md", notes)
    else:
        (folder / "notes.md").unlink(missing_ok=True)


def _describe_preprocess(preprocess: Preprocess) -> dict[str, Any]:
    return {"class": address_of(preprocess), **preprocess.to_dict()}


def _write_picture(folder: Path, name: str, content: bytes) -> None:
    if not _PICTURE.fullmatch(name) or not content.startswith(_PNG):
        raise ValueError(f"picture {name}: expected the bytes of a PNG file under a name.png")
    (folder / name).write_bytes(content)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    try:
        text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path.name}: {one_line(error)}; give plain, finite JSON types"
        ) from error
    _write_text(path, text + "\n")


def _write_text(path: Path, text: str) -> None:
    """Write UTF-8 with the ends of line as they are, so that the sums are the same everywhere."""
    path.write_text(text, encoding="utf-8", newline="")


def _measurement(result: dict[str, Any]) -> tuple[str, ...]:
    """Return what was measured, without what came out."""
    return tuple(repr(result.get(key)) for key in ("metric", "split", "data", "seed"))


def _write_log(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as CSV; a column for each key, in the order of their first use."""
    columns = dict.fromkeys(key for row in rows for key in row)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
