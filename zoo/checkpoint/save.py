"""Checkpoint folders on disk: save, verify and load a network, never through a pickle.

A folder holds `config.json`, `model.safetensors`, `recipe.yaml`, `metrics.json`, `train_log.csv`,
the model card `README.md`, where there are any `preprocess.json`, `notes.md`, pictures and the
files of attachments, and `SHA256SUMS` over all of them.
"""

import csv
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from zoo import registry
from zoo.checkpoint import card
from zoo.checkpoint import weights as tensors
from zoo.checkpoint.attachments import (
    ZOO_CLASS,
    Attachment,
    address_of,
    open_attachments,
    write_attachments,
)
from zoo.checkpoint.folder import copy, replacing, require_replaceable, verify, write_sums
from zoo.version import __version__

__all__ = [
    "Preprocess",
    "annotate",
    "load",
    "load_matching",
    "record",
    "require_replaceable",
    "save",
    "save_start",
    "verify",
]

FORMAT = 1
WEIGHTS = "model.safetensors"
_PICTURE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*\.png")
_PNG = b"\x89PNG\r\n\x1a\n"
_AGAIN = "save the checkpoint again from the network it was trained with"


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
    if labels is not None:
        config["labels"] = labels
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
    return Path(folder).expanduser().resolve()


def save_start(folder: str | Path, name: str, net: Any) -> Path:
    """Write a network that nobody has trained here as a folder to start from, with no figures.

    Args:
        folder: as for `save`.
        name: of the registered model whose recipe trains it on.
        net: a network with `arguments` and `preprocess`.
    """
    return save(
        folder,
        name=name,
        model=net,
        arguments=net.arguments,
        preprocess=net.preprocess,
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


def load(folder: str | Path, *, trainable: bool = False) -> nn.Module:
    """Rebuild the network of a checkpoint folder after verifying every file of it.

    `config` (a dict), and where the folder has them `preprocess`, `labels` and the attachments,
    become attributes of the network.

    Args:
        folder: a checkpoint folder.
        trainable: return it in training mode with gradients; default in evaluation mode, frozen.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if a file is damaged or malformed, the format is newer than this version of
            kexue-zoo knows, or the tensors do not fit the network.
    """
    folder = verify(folder)
    config = require_fitting(folder)
    net = _build(config, folder)
    tensors.fill(net, folder / WEIGHTS, mend=_AGAIN)
    attached = {"config": config}
    if "labels" in config:
        attached["labels"] = config["labels"]
    if (preprocess := read_preprocess(folder)) is not None:
        attached["preprocess"] = preprocess
    _require_agreeing(config, preprocess, folder)
    attached |= open_attachments(folder, config)
    vars(net).update(attached)  # past nn.Module.__setattr__: they are no part of the state
    return net.train() if trainable else net.eval().requires_grad_(False)


def require_fitting(folder: Path) -> dict[str, Any]:
    """Compare the network that `config.json` describes with the weights; neither takes memory.

    Returns:
        The configuration.

    Raises:
        ValueError: if it is malformed, of a newer format, or describes another network.
    """
    config = read_config(folder)
    tensors.require_fitting(lambda: _build(config, folder), folder / WEIGHTS, mend=_AGAIN)
    return config


def load_matching(net: nn.Module, folder: str | Path, reset: Iterable[str] = ()) -> list[str]:
    """Start a network from a checkpoint's tensors, all but the layers that are to be new.

    Args:
        net: the network, changed in place.
        folder: a checkpoint folder of this network or one with, say, another head.
        reset: layers to leave as they are, by their full dotted names: `head` covers
            `head.weight` but not `header.weight`.

    Returns:
        The names of the network's tensors that were left as they are.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if a file is damaged, the format is too new, a tensor outside `reset` does not
            fit, or a name in `reset` matches nothing.
    """
    folder = verify(folder)
    read_config(folder)  # a newer format may mean something else by its tensors
    mend = "name the layers that are to start afresh (--reset LAYER)"
    return tensors.fill(net, folder / WEIGHTS, reset, mend=mend)


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check `config.json`.

    Raises:
        ValueError: if it is malformed, or of a format newer than this version knows.
    """
    path = folder / "config.json"
    config = _read_json(path)
    version = config.get("format")
    if type(version) is not int or version < 1:
        raise ValueError(f"{path}: format is {version!r}, expected a whole number from 1 on")
    if version > FORMAT:
        raise ValueError(
            f"{path}: format {version} is newer than {FORMAT}, the newest this version knows: "
            "upgrade it (pip install --upgrade kexue-zoo)"
        )
    for key, kind in (("model", str), ("arguments", dict)):
        if not isinstance(config.get(key), kind):
            raise ValueError(f"{path}: {key} is {config.get(key)!r}, expected a {kind.__name__}")
    labels = config.get("labels", [])
    if not isinstance(labels, list) or not all(map(_is_name, labels)):
        raise ValueError(f"{path}: labels is {labels!r}, expected a list of names")
    return config


def read_preprocess(folder: Path) -> Any:
    """Rebuild what `preprocess.json` describes; None if there is no such file.

    Raises:
        ValueError: if it is malformed, or names a class from outside the zoo.
    """
    path = folder / "preprocess.json"
    if not path.exists():
        return None
    state = _read_json(path)
    address = state.pop("class", None)
    if not isinstance(address, str) or not ZOO_CLASS.fullmatch(address):
        raise ValueError(
            f"{path}: class is {address!r}, expected one of zoo, as 'zoo.module:Class'"
        )
    try:
        kind = registry.import_object(address)
        if not (isinstance(kind, type) and kind.__module__.startswith("zoo.")):
            raise TypeError("it is no class of the zoo")
        return kind.from_dict(state)  # pyright: ignore[reportAttributeAccessIssue]
    except Exception as error:
        raise ValueError(f"{path} does not describe a {address}: {_line(error)}") from error


def _build(config: dict[str, Any], folder: Path) -> nn.Module:
    """Call the constructor that a configuration names."""
    model = config["model"]
    try:
        return registry.describe(model).builder()(**config["arguments"])
    except Exception as error:
        raise ValueError(
            f"{folder / 'config.json'}: {model} cannot be built: {_line(error)}"
        ) from error


def _require_agreeing(config: dict[str, Any], preprocess: Any, folder: Path) -> None:
    """Check that labels and preprocessing fit the network, which would fail when it is used."""
    network = inspect.signature(registry.describe(config["model"]).builder())
    sizes = network.bind(**config["arguments"])
    sizes.apply_defaults()
    for what, found, key in (
        ("labels", len(config["labels"]) if "labels" in config else None, "classes"),
        ("padding of the preprocessing", getattr(preprocess, "padding", None), "padding"),
    ):
        expected = sizes.arguments.get(key)
        if None not in (found, expected) and found != expected:
            raise ValueError(
                f"{folder}: {what} is {found}, {key} of the network {expected}; {_AGAIN}"
            )
    vocabulary = sizes.arguments.get("vocabulary")
    if vocabulary is None or not hasattr(preprocess, "__len__"):
        return
    fits = len(preprocess) <= vocabulary
    if fits and hasattr(preprocess, "decode"):
        fits = _decodes(preprocess, vocabulary - 1)  # a network may have spare ids at its end
    if not fits:
        raise ValueError(
            f"{folder}: the vocabulary has {len(preprocess)} tokens, the network {vocabulary}; "
            f"{_AGAIN}"
        )


def _decodes(preprocess: Any, token: int) -> bool:
    try:
        preprocess.decode([token])
    except (IndexError, KeyError):
        return False
    return True


def _is_name(label: Any) -> bool:
    """Say whether it can be printed: a control character would act on the terminal."""
    return isinstance(label, str) and label.isprintable()


def _rewrite(folder: Path, results: list[dict[str, Any]], notes: str | None) -> None:
    """Replace a folder by a copy with these results and notes, and the card they make."""
    if any(path.is_symlink() for path in folder.iterdir()):
        raise ValueError(f"{folder} is in the Hub's cache: copy it first (zoo pull --to FOLDER)")
    metrics = _read_json(folder / "metrics.json") | {"results": results}
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


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {_line(error)}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds {content!r:.80}, expected a JSON object")
    return content


def _write_json(path: Path, content: dict[str, Any]) -> None:
    try:
        text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: {_line(error)}; give plain, finite JSON types") from error
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


def _line(error: Exception) -> str:
    """Put an error on one line, without its class if it says anything itself."""
    return " ".join(str(error).split()) or type(error).__name__
