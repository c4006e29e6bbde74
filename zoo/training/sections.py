"""What each section of a stranger's recipe may hold: models, data and training in plain values."""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.cli import ReduceLROnPlateau
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from zoo import registry
from zoo.training.plain import Complaint, is_key, plain, words

# Callback classes of Lightning that a recipe may name, and their arguments; the zoo's own may be
# named with any plain arguments.
CALLBACKS = {
    "EarlyStopping": {"monitor", "min_delta", "patience", "mode", "strict", "check_finite"},
    "LearningRateMonitor": {"logging_interval"},
    "EMAWeightAveraging": {"decay", "use_buffers", "update_every_n_steps"},
}
TRAINER = {
    *("accelerator", "strategy", "devices", "num_nodes", "precision", "sync_batchnorm"),
    *("max_epochs", "min_epochs", "max_steps", "min_steps", "fast_dev_run", "overfit_batches"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches"),
    *("val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps"),
    *("log_every_n_steps", "accumulate_grad_batches", "gradient_clip_val"),
    *("gradient_clip_algorithm", "deterministic", "benchmark", "inference_mode"),
    *("use_distributed_sampler", "detect_anomaly", "barebones", "enable_autolog_hparams"),
    *("reload_dataloaders_every_n_epochs", "enable_progress_bar", "enable_model_summary"),
    "enable_checkpointing",
}
CHECKPOINT = {
    *("monitor", "mode", "verbose", "save_last", "save_top_k", "save_weights_only"),
    *("save_on_exception", "every_n_train_steps", "every_n_epochs", "save_on_train_epoch_end"),
    *("auto_insert_metric_name", "enable_version_counter"),
}

KEPT = 16  # checkpoints of a run
PROCESSES = {"devices", "num_nodes", "workers"}

_CLASS = re.compile(r"zoo(\.[a-z]\w*)+\.[A-Z]\w*")


def split(content: dict[str, Any], given: set[str]) -> tuple[dict[str, Any], list[str]]:
    """Part a recipe into what is taken and a line on each thing that is not.

    Args:
        content: the recipe.
        given: options that the user gives, which the recipe's need not be fit for.
    """
    refused: list[str] = []
    taken: dict[str, Any] = {}
    for key, value in content.items():
        keep = SECTIONS.get(key, _unknown)
        complaints = [] if value is None else list(keep(str(key), value))
        taken[key] = _without(value, {place for place, _ in complaints}, str(key))
        # what the user gives takes the place of it, if it could be left out
        left = [] if taken[key] is None else list(keep(str(key), taken[key]))
        left += [c for c in complaints if c[0].replace(".init_args", "") not in given]
        refused += dict.fromkeys(f"{place} is {found!r:.80}" for place, found in left)
    return taken, refused


def _without(value: Any, places: set[str], here: str) -> Any:
    """Return a part of a recipe without what stands at some places; None if it stands there."""
    if here in places:
        return None
    if not isinstance(value, dict):
        return value
    return {
        key: _without(part, places, f"{here}.{key}")
        for key, part in value.items()
        if f"{here}.{key}" not in places
    }


def _crowd(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of other machines, and of more processes than this one has cores."""
    for key in PROCESSES & value.keys():
        asked = value[key]
        count = len(asked) if isinstance(asked, list) else int(asked) if _is_count(asked) else 0
        if count > (1 if key == "num_nodes" else os.cpu_count() or 1):
            yield f"{place}.{key}", asked


def _is_count(value: Any) -> bool:
    return isinstance(value, int | str) and str(value).isdecimal()


def _unknown(place: str, value: Any) -> Iterator[Complaint]:
    yield place, value


def _name(place: str, value: Any) -> Iterator[Complaint]:
    registry.describe(str(value))  # raises with the nearest names
    yield from ()


def _start(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of a start that is no model of `zoo list`."""
    if value not in registry.list_models():
        yield place, value


def _options(allowed: set[str]) -> Callable[[str, Any], Iterator[Complaint]]:
    """Return a check of a section whose keys are listed and whose values are words."""

    def check(place: str, value: Any) -> Iterator[Complaint]:
        if not isinstance(value, dict):
            yield place, value
            return
        for key, part in value.items():
            if key in allowed:
                yield from words(f"{place}.{key}", part)
            elif part not in (None, [], False) and (key, part) != ("logger", True):
                yield f"{place}.{key}", part

    return check


def _checkpoints(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of what is no option of `CHECKPOINT`, and of so many files that the disk is full."""
    yield from _options(CHECKPOINT)(place, value)
    kept = value.get("save_top_k") if isinstance(value, dict) else None
    if kept is not None and str(kept) not in map(str, range(KEPT + 1)):
        yield f"{place}.save_top_k", kept


def _trainer(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of what is neither an option of `TRAINER` nor a callback that is known."""
    if not isinstance(value, dict):
        yield place, value
        return
    yield from _crowd(place, value)
    callbacks = value.get("callbacks") or []
    yield from _options(TRAINER)(place, {k: v for k, v in value.items() if k != "callbacks"})
    if not isinstance(callbacks, list):
        yield f"{place}.callbacks", callbacks
        return
    for i, callback in enumerate(callbacks):
        yield from _callback(f"{place}.callbacks.{i}", callback)


def _callback(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of a callback that is neither the zoo's own nor listed."""
    path = value.get("class_path") if isinstance(value, dict) else None
    package, _, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    if package != "lightning.pytorch.callbacks" or name not in CALLBACKS:
        yield from _class_of(Callback)(place, value)
    elif value.keys() - {"class_path", "init_args"}:
        yield place, value
    else:
        yield from _options(CALLBACKS[name])(f"{place}.init_args", value.get("init_args") or {})


def _class_of(kind: type) -> Callable[[str, Any], Iterator[Complaint]]:
    """Return a check of a section that names a class of the zoo and its plain arguments."""

    def check(place: str, value: Any) -> Iterator[Complaint]:
        keys = {"class_path", "init_args"}
        if not isinstance(value, dict) or value.keys() - keys or not _is_ours(value, kind):
            yield place, value
            return
        place, arguments = f"{place}.init_args", value.get("init_args") or {}
        if not isinstance(arguments, dict):
            yield place, arguments
            return
        yield from plain(place, arguments)
        yield from _crowd(place, arguments)
        features = arguments.get("features")  # a checkpoint by its name, never by an address
        if features is not None and features not in registry.list_models():
            yield f"{place}.features", features

    return check


def _is_ours(value: dict[str, Any], kind: type) -> bool:
    """Say whether a class path names a class of the zoo of some kind; only the zoo is imported."""
    path = value.get("class_path")
    if not isinstance(path, str) or not _CLASS.fullmatch(path):
        return False
    try:
        found = registry.import_object(":".join(path.rsplit(".", 1)))
    except (ImportError, AttributeError):
        raise ValueError(f"class_path is {path}: the zoo has no attribute {path!r}") from None
    return isinstance(found, type) and issubclass(found, kind) and found.__module__[:4] == "zoo."


def _torch_class(package: str, kind: type) -> Callable[[str, Any], Iterator[Complaint]]:
    """Return a check of a section that names an optimiser or schedule of torch or of the zoo."""
    module = registry.import_object(f"{package}:__dict__")

    def check(place: str, value: Any) -> Iterator[Complaint]:
        path = value.get("class_path") if isinstance(value, dict) else None
        name = path.removeprefix(f"{package}.") if isinstance(path, str) else ""
        found = ReduceLROnPlateau if path == _PLATEAU else module.get(name)
        if not (isinstance(found, type) and issubclass(found, kind)):
            yield from _class_of(kind)(place, value)
            return
        if value.keys() - {"class_path", "init_args"}:
            yield place, value
            return
        arguments = value.get("init_args") or {}
        for key, part in arguments.items() if isinstance(arguments, dict) else [("", arguments)]:
            if is_key(key):
                yield from words(f"{place}.init_args.{key}", part)
            else:
                yield f"{place}.init_args", arguments

    return check


_PLATEAU = "lightning.pytorch.cli.ReduceLROnPlateau"
SECTIONS: dict[str, Callable[[str, Any], Iterator[Complaint]]] = {
    "name": _name,
    "from": _start,
    "seed_everything": words,
    "precision": words,
    "trainer": _trainer,
    "checkpoint": _checkpoints,
    "model": _class_of(LightningModule),
    "data": _class_of(LightningDataModule),
    "optimizer": _torch_class("torch.optim", Optimizer),
    "lr_scheduler": _torch_class("torch.optim.lr_scheduler", LRScheduler),
}
