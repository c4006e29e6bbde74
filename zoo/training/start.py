"""What `--from` starts a run from: a checkpoint folder of the zoo, or one of others."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

from zoo import checkpoint, hub, registry
from zoo.files import expand_home


@functools.cache
def source_folder(source: str) -> Path:
    """Resolve what `--from` names, once a run: a branch on the Hub may move meanwhile."""
    return hub.resolve(source)


@functools.cache
def foreign_net(source: str, name: str) -> Any | None:
    """Read a checkpoint that is not the zoo's, such as a BERT of `transformers`; once a run.

    Args:
        source: what `--from` names.
        name: the model to train, whose entry says who reads such checkpoints.

    Returns:
        The network; None if the checkpoint is the zoo's.
    """
    read = registry.describe(name).start
    return registry.import_object(read)(source) if read else None


@functools.cache
def start_folder(source: str, name: str) -> Path:
    """Return the checkpoint folder that a model starts from.

    One that is not the zoo's is written down as one, in a folder that goes with the process.

    Args:
        source: what `--from` names.
        name: the model to train.
    """
    net = foreign_net(source, name)
    if net is None:
        return source_folder(source)
    folder = Path(tempfile.mkdtemp(prefix="zoo_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    config = vars(net).get("config")  # of the zoo's checkpoint, if its encoder was taken from one
    derived = origin(source, name) if config is None else config.get("derived")
    return checkpoint.save_start(folder / name, name, net, derived)


def preprocess_file(source: str | None, name: str) -> str | None:
    """Return the file of a checkpoint's preprocessing, for the data of a fine-tuning run."""
    if not source:
        return None
    folder = start_folder(source, name)
    require_kin(source, checkpoint.read_config(folder)["model"], name)
    path = folder / "preprocess.json"
    return str(path) if path.is_file() else None


def require_kin(source: str, other: str, name: str) -> None:
    """Refuse to start a model from one that reads something else.

    Args:
        source: what `--from` names.
        other: the model that it holds.
        name: the model to train.

    Raises:
        ValueError: if they are of different techniques and networks, or one reads pictures and the
            other texts.
    """
    ours, theirs = registry.describe(name), registry.describe(other)
    alike = ours.technique == theirs.technique and ("image" in ours.task) == (
        "image" in theirs.task
    )
    if not alike and ours.build != theirs.build:
        raise ValueError(
            f"{name} cannot start from {source}, which holds {other}, another network: give a "
            f"checkpoint of {ours.technique} (zoo list --technique {ours.technique})"
        )


def origin(source: str, name: str) -> str:
    """Return what a card calls the checkpoint that `--from` names: no folder of this machine.

    Args:
        source: what `--from` names.
        name: the model to train.
    """
    if not expand_home(source).exists() or source in registry.list_models():
        return source
    if foreign_net(source, name) is not None:
        return expand_home(source).resolve().name
    config = checkpoint.read_config(source_folder(source))
    return " on ".join([config["model"], *([config["data"]] if "data" in config else [])])


def require_labels(source: str, name: str, labels: list[str] | None) -> None:
    """Refuse to go on with a head that tells other labels apart.

    Args:
        source: what `--from` names.
        name: the model to train or to measure.
        labels: of the data, in the order of their numbers, if they have labels.

    Raises:
        ValueError: if the checkpoint has labels, and they are others.
    """
    known = checkpoint.read_config(start_folder(source, name)).get("labels")
    if labels and known and list(labels) != known:
        ours, theirs = (", ".join(part[:20]) for part in (labels, known))
        raise ValueError(
            f"the labels of the data are {ours}, those of {source} {theirs}: zoo fit can start "
            "the head afresh (--reset head)"
        )


def descent(source: str, name: str) -> str | None:
    """Return the model of others that the weights named by `--from` derive from, if there is one.

    Args:
        source: what `--from` names.
        name: the model to train.
    """
    return checkpoint.read_config(start_folder(source, name)).get("derived")


def forget() -> None:
    """Let the next run find its sources anew."""
    for once_a_run in (source_folder, foreign_net, start_folder):
        once_a_run.cache_clear()
