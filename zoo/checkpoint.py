"""Checkpoint folders on disk: save, verify and load a network, never through a pickle.

A folder holds `config.json`, `model.safetensors`, `recipe.yaml`, `metrics.json`, `train_log.csv`,
the model card `README.md`, where there is preprocessing `preprocess.json`, and `SHA256SUMS` over
all of them, which `sha256sum --check` reads too.
"""

import csv
import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import zoo
from zoo import card, registry

FORMAT = 1
SUMS = "SHA256SUMS"
REQUIRED = ("config.json", "model.safetensors")
OPTIONAL = ("preprocess.json", "recipe.yaml", "metrics.json", "train_log.csv", "README.md")
PICKLES = (".ckpt", ".bin", ".pt", ".pth", ".pkl", ".pickle")

_SUM_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9_][A-Za-z0-9_.-]*)")
_ZOO_CLASS = re.compile(r"zoo(\.[A-Za-z]\w*)+:[A-Za-z]\w*")


class Preprocess(Protocol):
    """What turns raw inputs into a network's tensors; it also has a `from_dict` class method."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that `from_dict` reads back."""
        ...


@dataclass(frozen=True)
class Defect:
    """A file of a checkpoint folder that is not what `SHA256SUMS` says.

    Attributes:
        name: the file.
        expected: what it should be.
        found: what it is.
    """

    name: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.name}: expected {self.expected}, found {self.found}"


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

    Returns:
        The folder, absolute.

    Raises:
        ValueError: if `folder` holds anything but a checkpoint, or what is given does not load.
    """
    config = {"format": FORMAT, "model": name, "zoo": zoo.__version__, "arguments": arguments}
    if labels is not None:
        config["labels"] = labels
    with replacing(folder) as partial:
        _write_json(partial / "config.json", config)
        _write_json(partial / "metrics.json", {"results": metrics})
        if preprocess is not None:
            _write_json(partial / "preprocess.json", _describe_preprocess(preprocess))
        (partial / "recipe.yaml").write_text(recipe, encoding="utf-8")
        _write_log(partial / "train_log.csv", log)
        _write_card(partial, config, metrics)
        _write_tensors(partial / "model.safetensors", model)
        write_sums(partial)
        load(partial)
    return Path(folder).expanduser().resolve()


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
    """
    folder = verify(folder)
    if any(path.is_symlink() for path in folder.iterdir()):
        raise ValueError(f"{folder} is in the Hub's cache: copy it first (zoo pull --to FOLDER)")
    config, metrics = read_config(folder), _read_json(folder / "metrics.json")
    rows = {_measurement(row): row for row in [*card.read_metrics(folder), *results]}
    with replacing(folder) as partial:
        shutil.copytree(folder, partial, dirs_exist_ok=True)
        _write_json(partial / "metrics.json", metrics | {"results": list(rows.values())})
        _write_card(partial, config, list(rows.values()))
        write_sums(partial)


def load(folder: str | Path, *, trainable: bool = False) -> nn.Module:
    """Rebuild the network of a checkpoint folder after verifying every file of it.

    `config` (a dict), and where the folder has them `preprocess` and `labels`, become attributes
    of the network.

    Args:
        folder: a checkpoint folder.
        trainable: return it in training mode with gradients; default in evaluation mode, frozen.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if a file is damaged or malformed, the format is newer than this version of
            kexue-zoo knows, or the tensors do not fit the network.
    """
    folder = verify(folder)
    config = read_config(folder)
    net = _build(config, folder)
    tensors = _read_tensors(folder)
    if differences := _differences(net, tensors):
        raise ValueError(
            f"{folder / 'model.safetensors'} does not fit config.json: {_enumerate(differences)}; "
            "save the checkpoint again from the network it was trained with"
        )
    net.load_state_dict(tensors, strict=False)  # strict would ask for both names of a tied tensor
    attached = {"config": config}
    if "labels" in config:
        attached["labels"] = config["labels"]
    if (preprocess := read_preprocess(folder)) is not None:
        attached["preprocess"] = preprocess
    vars(net).update(attached)  # past nn.Module.__setattr__: they are no part of the state
    return net.train() if trainable else net.eval().requires_grad_(False)


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
        ValueError: if a file is damaged, a tensor outside `reset` does not fit, or a name in
            `reset` matches nothing.
    """
    folder = verify(folder)
    tensors = _read_tensors(folder)
    own = net.state_dict()
    names = {*own, *tensors}
    fresh = {layer: {n for n in names if f"{n}.".startswith(f"{layer}.")} for layer in reset}
    for layer, covered in fresh.items():
        if not covered:
            layers = ", ".join(dict.fromkeys(n.split(".")[0] for n in own))
            raise ValueError(f"no layer {layer!r} to reset: the network has {layers}")
    skipped: set[str] = set().union(*fresh.values())
    wrong = {n: why for n, why in _differences(net, tensors).items() if n not in skipped}
    if wrong:
        raise ValueError(
            f"{folder / 'model.safetensors'} does not fit the network: {_enumerate(wrong)}; "
            "name the layers that are to start afresh (--reset LAYER)"
        )
    net.load_state_dict({n: t for n, t in tensors.items() if n not in skipped}, strict=False)
    return [n for n in own if n in skipped]


def verify(folder: str | Path) -> Path:
    """Check every file of a checkpoint folder against its `SHA256SUMS`.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: naming the first file that is wrong, what was expected and what was found; or
            if `folder` is a pickle.
    """
    folder = Path(folder).expanduser()
    refuse_pickle(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is no folder: give a checkpoint folder (config.json, model.safetensors, "
            f"{SUMS}, ...)"
        )
    if found := defects(folder):
        raise ValueError(f"{folder}/{found[0]}; get the checkpoint again from where it came")
    return folder


def refuse_pickle(path: Path) -> None:
    """Raise a ValueError for the name of a pickle, which could run any code when opened."""
    if path.suffix.lower() in PICKLES:
        raise ValueError(
            f"{path} is a pickle, which can run any code when opened: offer a checkpoint folder "
            "with model.safetensors, a model's name or a Hub repository instead"
        )


def defects(folder: Path) -> list[Defect]:
    """List what is wrong with the files of a folder; an empty list means that all are right."""
    try:
        sums = read_sums(folder)
    except (OSError, ValueError) as error:
        found = str(error) if isinstance(error, ValueError) else "no such file"
        return [Defect(SUMS, "a line 'sha256  name' for each file", found)]
    wrong = [Defect(n, f"SHA-256 {s}", f) for n, s in sums.items() if (f := _sum(folder / n)) != s]
    unlisted = {n for n in REQUIRED if n not in sums}
    unlisted |= {n for n in OPTIONAL if n not in sums and (folder / n).exists()}
    wrong += [Defect(n, f"a line in {SUMS}", "none") for n in sorted(unlisted)]
    pickles = [p for p in folder.rglob("*") if p.suffix.lower() in PICKLES]
    return wrong + [
        Defect(str(p.relative_to(folder)), "no pickle, which could run code", "one")
        for p in sorted(pickles)
    ]


def read_sums(folder: Path) -> dict[str, str]:
    """Read `SHA256SUMS`: the hexadecimal sum of each file by its name.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if a line is malformed, or names a path, a file twice or the list itself.
    """
    try:
        text = (folder / SUMS).read_bytes().decode()
    except UnicodeDecodeError:
        raise ValueError("bytes that are no text") from None
    if not text.endswith("\n"):
        raise ValueError(f"no end of line after {text[-80:]!r}")
    sums: dict[str, str] = {}
    for line in text[:-1].split("\n"):  # not splitlines, which also splits at damaged ends
        match = _SUM_LINE.fullmatch(line)
        if match is None or match[2] in sums or match[2] == SUMS:
            raise ValueError(f"{line[:80]!r}")
        sums[match[2]] = match[1]
    return sums


def write_sums(folder: Path) -> None:
    """Write `SHA256SUMS` over all files of a folder."""
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != SUMS)
    text = "".join(f"{_sum(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(text, encoding="utf-8")


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
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
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
    if not isinstance(address, str) or not _ZOO_CLASS.fullmatch(address):
        raise ValueError(
            f"{path}: class is {address!r}, expected one of zoo, as 'zoo.module:Class'"
        )
    try:
        return registry.import_object(address).from_dict(state)
    except Exception as error:
        raise ValueError(f"{path} does not describe a {address}: {_line(error)}") from error


def require_replaceable(folder: str | Path) -> Path:
    """Return the absolute path of a folder that a checkpoint may be written to.

    Raises:
        ValueError: if there is a file of that name, or a folder with anything but a checkpoint.
    """
    folder = Path(folder).expanduser().resolve()
    if not folder.exists():
        return folder
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: choose another name for the checkpoint folder")
    names = {path.name for path in folder.iterdir()}
    try:
        strangers = names - {SUMS, *read_sums(folder)} if names else set()
    except (OSError, ValueError):
        strangers = names
    if strangers:
        raise ValueError(
            f"{folder} is not only a checkpoint: it holds {min(strangers)}; choose another folder "
            "or move that away"
        )
    return folder


@contextmanager
def replacing(folder: str | Path) -> Iterator[Path]:
    """Give an empty temporary sibling that takes the folder's place if the block ends well.

    Raises:
        ValueError: if the folder holds anything but a checkpoint; see `require_replaceable`.
    """
    folder = require_replaceable(folder)
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    partial.mkdir(parents=True)
    try:
        yield partial
        _swap(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _swap(new: Path, folder: Path) -> None:
    """Put `new` where `folder` is; no system call swaps folders, so the old one steps aside."""
    old = new.with_name(f"{new.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _build(config: dict[str, Any], folder: Path) -> nn.Module:
    """Call the constructor that a configuration names."""
    builder = registry.describe(config["model"]).builder()
    try:
        return builder(**config["arguments"])
    except Exception as error:
        raise ValueError(
            f"{folder / 'config.json'}: {config['model']} cannot be built from its arguments: "
            f"{_line(error)}"
        ) from error


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / "model.safetensors"
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {_line(error)}") from error


def _write_tensors(path: Path, model: nn.Module) -> None:
    """Store a network's tensors, of tied ones the first; equal networks give equal bytes.

    safetensors.torch.save_model notes the ties in the header, in an order that changes.
    """
    kept: dict[Any, tuple[str, Tensor]] = {}
    for name, tensor in model.state_dict().items():
        kept.setdefault(_memory(tensor), (name, tensor.contiguous()))
    save_file(dict(kept.values()), path, metadata={"format": "pt"})


def _memory(tensor: Tensor) -> tuple[Any, ...]:
    """Return what tied tensors have in common."""
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride()


def _differences(net: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Say for each tensor that a network and a file do not share why not, by its name."""
    own = net.state_dict()
    filled = {_memory(tensor) for name, tensor in own.items() if name in tensors}
    differences = {name: "is not in the network" for name in tensors if name not in own}
    for name, tensor in own.items():
        if name not in tensors:
            if _memory(tensor) not in filled:
                differences[name] = "is not in the file"
        elif tensors[name].shape != tensor.shape:
            theirs, ours = tuple(tensors[name].shape), tuple(tensor.shape)
            differences[name] = f"is {theirs} in the file, {ours} in the network"
    return differences


def _enumerate(differences: dict[str, str], most: int = 12) -> str:
    """Put differences on one line, the first `most` in full."""
    listed = [f"{name} {why}" for name, why in sorted(differences.items())]
    rest = [f"and {len(listed) - most} more"] if len(listed) > most else []
    return ", ".join(listed[:most] + rest)


def _describe_preprocess(preprocess: Preprocess) -> dict[str, Any]:
    kind = type(preprocess)
    address = f"{kind.__module__}:{kind.__qualname__}"
    if not _ZOO_CLASS.fullmatch(address):
        raise ValueError(f"{address} cannot travel with a checkpoint: its class must be in zoo")
    return {"class": address, **preprocess.to_dict()}


def _sum(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal, or words that say why there is none."""
    if not path.is_file():
        return "no such file"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


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
    path.write_text(text + "\n", encoding="utf-8")


def _write_card(folder: Path, config: dict[str, Any], metrics: list[dict[str, Any]]) -> None:
    text = card.render(config, metrics, registry.describe(config["model"]))
    (folder / "README.md").write_text(text, encoding="utf-8")


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
