"""The file that a run resumes from: which one, and whether it is one that a fit wrote."""

import os
import pickle
import re
from pathlib import Path
from typing import Any

import torch

from zoo.training.plain import is_configuration, plain

# what Lightning's ModelCheckpoint deletes when it saves a newer one
REPLACED = ("last_model_path", "kth_best_model_path", "best_k_models")
_FOREIGN = "give a file that a fit of the zoo wrote"


def last_checkpoint(run: Path) -> Path:
    """Return the newest `last.ckpt` of a model's runs.

    Raises:
        FileNotFoundError: if there is none.
    """
    found = sorted(run.glob("version_*/checkpoints/last.ckpt"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise FileNotFoundError(f"no last.ckpt below {run}: leave out --ckpt_path to start afresh")
    return found[-1]


def require_resumable(source: str, model: str) -> None:
    """Refuse a file to resume from that is no local file, is cut short, or acts when it is used.

    Args:
        source: what `--ckpt_path` names.
        model: class path of the module of the recipe at hand. A file names the class that it was
            saved from, and LightningCLI imports it (Lightning, issue 21822).

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is an address, a folder, cut short, or holds anything but tensors and
            plain values; or if it names another class, or files of others to be deleted.
    """
    path = Path(source)
    if re.match(r"\w[\w+.-]*:", source):
        raise ValueError(f"ckpt_path is {source}, an address: download the file, and give its path")
    if not path.exists():
        raise FileNotFoundError(f"no checkpoint {path}: `--ckpt_path last` finds the newest")
    if not path.is_file():
        raise ValueError(f"{path} is no file: give one that a fit wrote, such as last.ckpt")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors and plain values, and could run code when opened: "
            f"{_FOREIGN}"
        ) from error
    except (RuntimeError, ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is cut short or no checkpoint: give another file of its folder"
        ) from error
    if not isinstance(saved, dict):
        raise ValueError(f"{path} is no file to resume from: give one that a fit wrote")
    _require_class(path, saved.get("hyper_parameters", {}), model)
    _require_own_files(path, saved.get("callbacks", {}))


def _require_class(path: Path, hyperparameters: Any, model: str) -> None:
    """Refuse a file that was saved from another class, or whose arguments are to be made."""
    if not isinstance(hyperparameters, dict):
        raise ValueError(f"{path} is no file to resume from: give one that a fit wrote")
    named = hyperparameters.get("_class_path", model)
    if named != model:
        raise ValueError(
            f"{path} was saved from {named!r:.80} and this recipe trains {model}: give a file of "
            "a run of this recipe"
        )
    own = ("_class_path", "_instantiator")
    values = {key: value for key, value in hyperparameters.items() if key not in own}
    for _, value in plain("", values):
        if not isinstance(value, str) or is_configuration(value):
            raise ValueError(f"{path} asks for {value!r:.80} to be made: {_FOREIGN}")


def _require_own_files(path: Path, callbacks: Any) -> None:
    """Refuse a file with which a run would delete anything but its own checkpoints.

    ModelCheckpoint takes the names of what it saved last from the file, if the folder there is its
    own or none is named, and deletes them as newer ones come, folders too. It takes `..` and
    addresses for names within the folder.
    """
    states = callbacks.values() if isinstance(callbacks, dict) else [callbacks]
    for state in states:
        if not isinstance(state, dict):
            raise ValueError(f"{path} is no file to resume from: give one that a fit wrote")
        folder = state.get("dirpath")
        for file in (name for key in REPLACED for name in _names(state.get(key))):
            if not isinstance(folder, str) or not _is_inside(file, folder):
                raise ValueError(f"{path} asks for {file!r:.80} to be deleted: {_FOREIGN}")


def _names(value: Any) -> list[Any]:
    """Return the names of files in a part of ModelCheckpoint's state, which may be empty."""
    return list(value) if isinstance(value, dict | list) else [value] if value else []


def _is_inside(file: Any, folder: str) -> bool:
    """Say whether a path leads to something in a folder, and is no address."""
    local = isinstance(file, str) and "://" not in file and "::" not in file
    return local and os.path.normpath(folder) == os.path.dirname(os.path.normpath(file))  # noqa: PTH120
