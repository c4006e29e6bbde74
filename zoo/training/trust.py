"""What is taken from a stranger's recipe and from a file to resume from, so that neither runs code.

LightningCLI imports and calls any class that a recipe names. The `recipe.yaml` of a checkpoint
folder is read here first, and only what describes the model, its data and its training in plain
values goes on. SECURITY.md says what that covers.
"""

import atexit
import pickle
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.cli import ReduceLROnPlateau
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from zoo import checkpoint, registry
from zoo.checkpoint.folder import REQUIRED, SUMS
from zoo.errors import one_line

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
USERS = ("ckpt_path", "weights_only")  # never a recipe's to say, whoever wrote it
LARGEST = 1 << 20  # bytes of a recipe

_WORD = re.compile(r"[a-z0-9_-]*")
_CLASS = re.compile(r"zoo(\.[a-z]\w*)+\.[A-Z]\w*")
_ELSEWHERE = re.compile(r"[/\\~]|.*(\.\.|://|^[A-Za-z]:\\)")


def is_foreign(recipe: Path) -> bool:
    """Say whether a recipe lies in a checkpoint folder, which may be a stranger's."""
    return any((recipe.parent / name).exists() for name in (SUMS, *REQUIRED))


def admit(
    recipe: Path, given: set[str], *, trust: bool, tell: Callable[[str], None] = print
) -> Path:
    """Return the file of a recipe that may be handed to LightningCLI.

    Args:
        recipe: a YAML file. One that is in no checkpoint folder is the user's own, and only
            `ckpt_path` and `weights_only` are refused in it.
        given: options that the user gives, such as `data.root`; the recipe's are left out.
        trust: take whatever the recipe names, and say so.
        tell: says it.

    Returns:
        The recipe; of one in a checkpoint folder, a copy of what was taken, in a folder that goes
        with the process.

    Raises:
        ValueError: if it is no recipe, or asks for something that is not taken.
    """
    content = read(recipe)
    if theirs := [key for key in USERS if content.get(key) is not None]:
        raise ValueError(
            f"{recipe} has {theirs[0]}: a recipe may not say which file to resume from; take it "
            f"out, and give --{theirs[0]} yourself"
        )
    if not is_foreign(recipe):
        return recipe
    taken, refused = split(content, given)
    if refused and trust:
        tell(f"--trust: {recipe} may run any code on this machine, as you: {'; '.join(refused)}")
        return recipe
    if refused:
        listed = "; ".join(refused[:5]) + ("; ..." if len(refused) > 5 else "")
        raise ValueError(
            f"{recipe} asks for more than a model, its data and its training in plain values: "
            f"{listed}. Give such options yourself, or read the file and add --trust: it may "
            "then run any code on this machine"
        )
    _require_shape(recipe, taken.get("model") or {}, given)
    folder = Path(tempfile.mkdtemp(prefix="zoo_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(taken, sort_keys=False), "utf-8")
    return folder / "recipe.yaml"


def _require_shape(recipe: Path, model: dict[str, Any], given: set[str]) -> None:
    """Refuse a recipe whose network is not that of the weights beside it, before it is built."""
    net = checkpoint.require_fitting(recipe.parent)["arguments"]
    for key, value in (model.get("init_args") or {}).items():
        if key in net and f"model.{key}" not in given and _number(value) != _number(net[key]):
            raise ValueError(
                f"{recipe}: model.{key} is {value!r:.80} and {net[key]!r:.80} in config.json: get "
                "the checkpoint again from where it came"
            )


def _number(value: Any) -> Any:
    """Read a number that YAML leaves a string, such as 1e-12."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def read(recipe: Path) -> dict[str, Any]:
    """Read a recipe as plain values.

    Raises:
        ValueError: if it is no YAML mapping of plain values, or is longer than `LARGEST`; or if
            one in a checkpoint folder has aliases, with which a few lines can fill the memory.
    """
    if not recipe.is_file() or recipe.stat().st_size > LARGEST:
        raise ValueError(f"{recipe} is no recipe: expected a YAML file of at most {LARGEST} bytes")
    try:
        text = recipe.read_text("utf-8")
        aliases = any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text))
        if aliases and is_foreign(recipe):
            raise ValueError("it repeats parts of itself by aliases (*name)")
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(
            f"Problems parsing config {recipe}: {one_line(error)}; write plain YAML"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{recipe} holds {content!r:.80}: expected keys such as name, model, data")
    return content


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
        options = [c for c in complaints if c[0].replace(".init_args", "") not in given]
        refused += [f"{place} is {found!r:.80}" for place, found in options]
        taken[key] = _without(value, {place for place, _ in complaints}, str(key))
    return taken, refused


Complaint = tuple[str, Any]  # the place in the recipe, and what stands there


def _unknown(place: str, value: Any) -> Iterator[Complaint]:
    yield place, value


def _name(place: str, value: Any) -> Iterator[Complaint]:
    registry.describe(str(value))  # raises with the nearest names
    yield from ()


def _plain(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of what is no plain value: a class to call, a place elsewhere on this machine."""
    if isinstance(value, dict):
        for key, part in value.items():
            whole = isinstance(key, str | int) and not str(key).startswith("_")
            if not whole or key in ("class_path", "init_args", "dict_kwargs"):
                yield place, value
                return
            yield from _plain(f"{place}.{key}", part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _plain(place, part)
    elif isinstance(value, str):
        if _ELSEWHERE.match(value) or not value.isprintable() or _is_configuration(value):
            yield place, value
    elif not _is_number(value):
        yield place, value


def _is_configuration(value: str) -> bool:
    """Say whether a string would be read as a mapping or a list, and so slip past `_plain`."""
    try:
        return isinstance(yaml.safe_load(value), dict | list)
    except (yaml.YAMLError, ValueError, RecursionError):
        return "{" in value or "[" in value


def _words(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of what is no number, single word or list of them: no dotted name, no path."""
    if isinstance(value, list):
        for part in value:
            yield from _words(place, part)
    elif not (_is_word(value) if isinstance(value, str) else _is_number(value)):
        yield place, value


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _is_word(value: str) -> bool:
    """Say whether a string is a word or a number, such as `bf16-mixed` or `1e-3`."""
    if _WORD.fullmatch(value):
        return True
    try:
        float(value)
    except ValueError:
        return False
    return True


def _options(allowed: set[str]) -> Callable[[str, Any], Iterator[Complaint]]:
    """Return a check of a section whose keys are listed and whose values are words."""

    def check(place: str, value: Any) -> Iterator[Complaint]:
        if not isinstance(value, dict):
            yield place, value
            return
        for key, part in value.items():
            if key in allowed:
                yield from _words(f"{place}.{key}", part)
            elif part not in (None, [], False) and (key, part) != ("logger", True):
                yield f"{place}.{key}", part

    return check


def _trainer(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of what is neither an option of `TRAINER` nor a callback that is known."""
    if not isinstance(value, dict):
        yield place, value
        return
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
        elif not isinstance(value.get("init_args") or {}, dict):
            yield f"{place}.init_args", value["init_args"]
        else:
            yield from _plain(f"{place}.init_args", value.get("init_args") or {})

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
    """Return a check of a section that names an optimiser or schedule of torch, and numbers."""
    module = registry.import_object(f"{package}:__dict__")

    def check(place: str, value: Any) -> Iterator[Complaint]:
        path = value.get("class_path") if isinstance(value, dict) else None
        name = path.removeprefix(f"{package}.") if isinstance(path, str) else ""
        found = ReduceLROnPlateau if path == _PLATEAU else module.get(name)
        ours = isinstance(found, type) and issubclass(found, kind)
        if not ours or value.keys() - {"class_path", "init_args"}:
            yield place, value
            return
        arguments = value.get("init_args") or {}
        for key, part in arguments.items() if isinstance(arguments, dict) else [("", arguments)]:
            yield from _words(f"{place}.init_args.{key}", part)

    return check


_PLATEAU = "lightning.pytorch.cli.ReduceLROnPlateau"
SECTIONS: dict[str, Callable[[str, Any], Iterator[Complaint]]] = {
    "name": _name,
    "seed_everything": _words,
    "precision": _words,
    "trainer": _trainer,
    "checkpoint": _options(CHECKPOINT),
    "model": _class_of(LightningModule),
    "data": _class_of(LightningDataModule),
    "optimizer": _torch_class("torch.optim", Optimizer),
    "lr_scheduler": _torch_class("torch.optim.lr_scheduler", LRScheduler),
}


def _without(value: Any, places: set[str], here: str) -> Any:
    """Return a part of a recipe without what stands at some places."""
    if not isinstance(value, dict):
        return value
    return {
        key: _without(part, places, f"{here}.{key}")
        for key, part in value.items()
        if f"{here}.{key}" not in places
    }


def require_resumable(source: str, model: str) -> None:
    """Refuse a file to resume from that is no local file, is cut short or names other classes.

    Args:
        source: what `--ckpt_path` names.
        model: class path of the module of the recipe at hand. A file names the class that it was
            saved from, and LightningCLI imports it (Lightning, issue 21822).

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is an address, a folder, cut short, or holds anything but tensors and
            plain values; or if it names another class.
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
            "give a file that a fit of the zoo wrote"
        ) from error
    except (RuntimeError, ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is cut short or no checkpoint: give another file of its folder"
        ) from error
    hyperparameters = saved.get("hyper_parameters", {}) if isinstance(saved, dict) else None
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
    for _, value in _plain("", values):
        if not isinstance(value, str) or _is_configuration(value):
            raise ValueError(
                f"{path} asks for {value!r:.80} to be made: give a file that a fit of the zoo wrote"
            )
