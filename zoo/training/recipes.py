"""The recipe that a command names, and the options among its words."""

import re
from pathlib import Path

from zoo import checkpoint, registry
from zoo.files import expand_home
from zoo.training import trust
from zoo.training.report import tell
from zoo.training.sections import SECTIONS
from zoo.training.start import source_folder
from zoo.training.trust import is_foreign


def expand(arguments: list[str]) -> list[str]:
    """Turn the recipe of `fit RECIPE`, or the model of `test MODEL`, into options."""
    command, *rest = arguments
    if rest and not rest[0].startswith("-"):
        subject, *rest = rest
        if command == "fit" or Path(subject).suffix in {".yaml", ".yml"}:
            rest = ["--config", str(recipe_file(subject)), *rest]
        else:
            recipe = source_folder(subject) / "recipe.yaml"
            embedded = embedded_data(subject, recipe, rest)
            rest = ["--config", str(recipe), "--from", subject, *embedded, *rest]
    return [command, *admit_recipes(rest)]


def admit_recipes(words: list[str]) -> list[str]:
    """Put in place of each recipe among the options what is taken from it; see `trust.admit`."""
    given = {word[2:].partition("=")[0].replace(".init_args", "") for word in words}
    given -= {"config", "trust"}
    admitted: list[str] = []
    for previous, word in zip(["", *words], words, strict=False):
        assigned = word.startswith("--") and "=" in word
        require_own(*(word.split("=", 1) if assigned else (previous, word)))
        named = re.match(r"(--config=|-c=?(?!$|-))", word)
        if not named and previous not in ("-c", "--config"):
            admitted.append(word)
            continue
        option = named[0] if named else ""
        value = word.removeprefix(option)
        if re.match(r"\w[\w+.-]*://", value):
            raise ValueError(
                f"the recipe is {value}, an address: download it, read it, then use it"
            )
        if (path := expand_home(value)).exists():  # shells leave the ~ of `--config=~/x` to us
            value = str(trust.admit(path, given, trust="--trust" in words, tell=tell))
        admitted.append(f"{option}{value}")
    return admitted


def embedded_data(model: str, recipe: Path, words: list[str]) -> list[str]:
    """Return the options that measure a model on the embedded sample if its data are not here.

    Args:
        model: what the user names; a folder's data are its owner's affair.
        recipe: of its checkpoint.
        words: the user's, which may say where the data are.

    Raises:
        FileNotFoundError: if there is no such sample; it says where the data are to be had.
    """
    said = any(re.match(r"--data\b|--config\b|-c", word) for word in words)
    if model not in registry.list_models() or said:
        return []
    options = (trust.read(recipe).get("data") or {}).get("init_args") or {}
    named = {key: options.get(key) for key in ("root", "path", "files")}
    places = {k: v[0] if isinstance(v, list) else v for k, v in named.items() if v}
    missing = [(key, place) for key, place in places.items() if not Path(place).exists()]
    if not missing:
        return []
    (key, place), data = missing[0], registry.describe(model).data[0]
    where = f"{data.content}: {data.source}" if data.source else data.content
    if not data.embedded:
        raise FileNotFoundError(
            f"no {place}: {model} is measured on {where}; --data.{key} names it"
        )
    tell(f"no {place} ({where}): what is measured is the embedded sample, not what the card says")
    return data.embedded.split()


def require_own(option: str, value: str) -> None:
    """Refuse a file of a checkpoint folder as a part of a recipe, such as `--model FILE`.

    jsonargparse reads a file that is given for a section, and any class that it names is called;
    what is taken from a stranger's recipe is known for a whole one alone.

    Raises:
        ValueError: if it is one.
    """
    section, _, key = option.removeprefix("--").partition(".")
    whole = section in SECTIONS and key in ("", "init_args", "dict_kwargs")
    path = expand_home(value)
    if (whole or section == "trainer") and path.is_file() and is_foreign(path):
        raise ValueError(
            f"{option} is {value}, a file of a checkpoint folder: give its recipe as a whole "
            "(--config recipe.yaml), or a copy that you have read from a folder of your own"
        )


def recipe_file(recipe: str) -> Path:
    """Return the YAML file of a recipe given as a file, a checkpoint folder or a model's name.

    Raises:
        FileNotFoundError: if a .yaml file is named that is not there.
        ValueError: if no model has that name, or a checkpoint folder is damaged.
    """
    path = Path(recipe)
    if (path / "recipe.yaml").exists():
        path = checkpoint.verify(path) / "recipe.yaml"
    elif path.suffix not in {".yaml", ".yml"}:
        path = registry.describe(recipe).recipe_path
    if not path.is_file():
        raise FileNotFoundError(f"no recipe {path}: give a YAML file or a name of `zoo list`")
    return path


def data_options(words: list[str]) -> tuple[list[str], list[str]]:
    """Return a command's options `--data.KEY VALUE` and `--data.KEY=VALUE`, and its other words.

    Example:
        >>> data_options(["x", "--data.root", "x", "--from", "y", "--data.unseen_only=true"])
        (['--data.root', 'x', '--data.unseen_only=true'], ['x', '--from', 'y'])
    """
    found: list[str] = []
    others: list[str] = []
    for previous, word in zip(["", *words], words, strict=False):
        is_value = previous.startswith("--data.") and "=" not in previous
        of_data = word.startswith("--data.") or (is_value and not word.startswith("--"))
        (found if of_data else others).append(word)
    return found, others
