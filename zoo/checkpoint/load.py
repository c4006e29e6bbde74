"""Checkpoint folders read: a network rebuilt from plain values and tensors, never a pickle.

What a folder holds is said in `zoo.checkpoint.save`.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from zoo import registry
from zoo.checkpoint import weights as tensors
from zoo.checkpoint.attachments import class_at, open_attachments
from zoo.checkpoint.integrity import read_whole, verify
from zoo.errors import one_line
from zoo.files import json_object
from zoo.layers.sizes import require_sizes

FORMAT = 1
WEIGHTS = "model.safetensors"

_AGAIN = "save the checkpoint again from the network it was trained with"


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
    return rebuild(verify(folder), trainable=trainable)


def rebuild(folder: Path, *, trainable: bool = False, classes: int | None = None) -> nn.Module:
    """Rebuild the network of a checkpoint folder that is verified already; see `load`.

    Args:
        folder: the folder.
        trainable: as for `load`.
        classes: as for `zoo.hub.load`.
    """
    config = require_fitting(folder)
    if classes is not None:
        config = _with_classes(config, classes)
    net = _builder(config, folder)()
    # all of it fits, but for what follows from the number of classes
    fresh = [] if classes is None else tensors.differing(net, folder / WEIGHTS)
    tensors.fill(net, folder / WEIGHTS, fresh, mend=_AGAIN)
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
    return _read_fitting(folder)[0]


def fitting_arguments(folder: Path) -> dict[str, Any]:
    """Return the arguments of a checkpoint's network, defaults included; see `require_fitting`."""
    return _read_fitting(folder)[1]


def _read_fitting(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration, and all arguments of the network that it describes."""
    config = read_config(folder)
    net = tensors.require_fitting(_builder(config, folder), folder / WEIGHTS, mend=_AGAIN)
    return config, config["arguments"] | getattr(net, "arguments", {})


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
    return start_from(net, verify(folder), reset)


def start_from(net: nn.Module, folder: Path, reset: Iterable[str] = ()) -> list[str]:
    """Start a network from a checkpoint folder that is verified already; see `load_matching`."""
    read_config(folder)  # a newer format may mean something else by its tensors
    mend = "name the layers that are to start afresh (--reset LAYER)"
    return tensors.fill(net, folder / WEIGHTS, reset, mend=mend)


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check `config.json`.

    Raises:
        ValueError: if it is malformed, or of a format newer than this version knows.
    """
    path = folder / "config.json"
    config = read_json(path)
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
    for key in ("data", "from", "derived"):
        if not _is_name(config.get(key, "")):
            raise ValueError(f"{path}: {key} is {config[key]!r:.80}, expected a name")
    return config


def read_preprocess(folder: Path) -> Any:
    """Rebuild what `preprocess.json` describes; None if there is no such file.

    Raises:
        ValueError: if it is malformed, or names a class from outside the zoo.
    """
    path = folder / "preprocess.json"
    if not path.exists():
        return None
    state = read_json(path)
    address = state.pop("class", None)
    try:
        return class_at(address).from_dict(state)
    except Exception as error:
        raise ValueError(f"{path} describes no preprocessing: {one_line(error)}") from error


def _with_classes(config: dict[str, Any], classes: int) -> dict[str, Any]:
    """Return the configuration of a network with so many classes, which are numbered."""
    model = config["model"]
    if "classification" not in registry.describe(model).task:
        raise ValueError(f"classes is {classes}: {model} is no classifier, leave it out")
    require_sizes(classes=classes)
    if classes == config["arguments"].get("classes"):
        return config
    arguments = config["arguments"] | {"classes": classes}
    return config | {"arguments": arguments, "labels": list(map(str, range(classes)))}


def _builder(config: dict[str, Any], folder: Path) -> Callable[[], nn.Module]:
    """Import the constructor that a configuration names; return what calls it.

    A module that is imported while tensors are made on the meta device would keep such ones, so
    what is returned has nothing left to import.
    """
    with _buildable(config["model"], folder):
        constructor = registry.describe(config["model"]).builder()

    def build() -> nn.Module:
        with _buildable(config["model"], folder):
            return constructor(**config["arguments"])

    return build


@contextmanager
def _buildable(model: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"{folder / 'config.json'}: {model} cannot be built: {one_line(error)}"
        ) from error


def _require_agreeing(config: dict[str, Any], preprocess: Any, folder: Path) -> None:
    """Check that labels and preprocessing fit the network, which would fail when it is used."""
    network = inspect.signature(registry.describe(config["model"]).builder())
    bound = network.bind(**config["arguments"])
    bound.apply_defaults()
    sizes = {**bound.arguments, **config["arguments"]}  # those that are passed on, by name
    shape = getattr(preprocess, "shape", None)
    for what, found, key in (
        ("shape of the preprocessing", None if shape is None else list(shape), "shape"),
        ("labels", len(config["labels"]) if "labels" in config else None, "classes"),
        ("padding of the preprocessing", getattr(preprocess, "padding", None), "padding"),
    ):
        expected = sizes.get(key)
        if None not in (found, expected) and found != expected:
            raise ValueError(
                f"{folder}: {what} is {found}, {key} of the network {expected}; {_AGAIN}"
            )
    vocabulary = sizes.get("vocabulary")
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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: if it is none.
    """
    return json_object(read_whole(path), str(path))
