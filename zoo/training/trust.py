"""What is taken from a stranger's recipe, so that it runs no code.

LightningCLI imports and calls any class that a recipe names. The `recipe.yaml` of a checkpoint
folder is read here first, and only what describes the model, its data and its training in plain
values goes on (`zoo.training.sections`). SECURITY.md says what that covers.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from zoo import checkpoint, registry
from zoo.checkpoint.integrity import REQUIRED, SUMS
from zoo.errors import one_line
from zoo.training.sections import split

USERS = ("ckpt_path", "weights_only")  # never a recipe's to say, whoever wrote it
LARGEST = 1 << 16  # bytes of a recipe; YAML is slow to read


def is_foreign(recipe: Path) -> bool:
    """Say whether a recipe lies in a checkpoint folder, which may be a stranger's.

    Also if a link elsewhere leads to it, or it lies in a folder below.
    """
    marks = (SUMS, *REQUIRED)
    given, *above = recipe.parent, *recipe.resolve().parents
    beside = any((place / mark).exists() for place in (given, above[0]) for mark in marks)
    return beside or any(all((place / mark).exists() for mark in marks) for place in above)


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
    if model := taken.get("model"):
        _require_trained_by(recipe, model["class_path"], taken.get("name"))
        _require_shape(recipe, model, given)
    folder = Path(tempfile.mkdtemp(prefix="zoo_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(taken, sort_keys=False), "utf-8")
    return folder / "recipe.yaml"


def _require_trained_by(recipe: Path, module: str, name: str | None) -> None:
    """Refuse a module that is not that of the model: some of the zoo's take any class."""
    if name is None:
        raise ValueError(f"{recipe} has no name: expected that of a model of `zoo list`")
    own = read(registry.describe(name).recipe_path)["model"]["class_path"]
    if _import(module) is not _import(own):
        raise ValueError(f"{recipe}: model.class_path is {module}: expected {own}, as of {name}")


def _import(class_path: str) -> Any:
    return registry.import_object(":".join(class_path.rsplit(".", 1)))


def _require_shape(recipe: Path, model: dict[str, Any], given: set[str]) -> None:
    """Refuse a recipe whose network is not that of the weights beside it, before it is built."""
    net = checkpoint.fitting_arguments(recipe.parent)
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
