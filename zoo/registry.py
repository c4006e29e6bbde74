"""How models are registered: hubconf, the command line, the README and the tests read it."""

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.models import CORPORA, TABLE

PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Corpus:
    """What the zoo knows of a set of data.

    Attributes:
        name: a word.
        content: what it is and how much of it, in a phrase.
        terms: under which it may be used, as far as they are known.
        source: where to get it; empty if enough of it to fit and to test is embedded.
        languages: codes of ISO 639-1, separated by blanks; empty for pictures.
        embedded: options with which a recipe reads the sample of it that comes with the zoo; empty
            if there is none, or recipes read it as they are.
        notice: the file of `zoo/data/samples` with the licence that goes with its texts, where a
            checkpoint holds some; empty if none does.
    """

    name: str
    content: str
    terms: str
    source: str
    languages: str
    embedded: str = ""
    notice: str = ""


_corpora = {row["name"]: Corpus(**row) for row in CORPORA}


@dataclass(frozen=True)
class Entry:
    """What the zoo knows of one model.

    Attributes:
        name: `<technique>_<variant>_<data>`.
        technique: the folder of `zoo` that holds it.
        summary: one sentence.
        task: what it does, in the Hub's words, such as `text-classification`.
        build: where the constructor of the network is, as `package.module:Callable`.
        recipe: its file below `recipes/`.
        paper: the paper's title and address.
        post: address of the post in Scientific Spaces; empty if the model has none.
        corpora: the data that its weights are trained on, names of `zoo.models.CORPORA` separated
            by blanks: that of the recipe, then those of what it starts from, if that is the zoo's.
        licence: SPDX name of the weights' licence.
        derived: the model of others that the weights started from: its name, which stands in
            `config.json` of the checkpoint, a blank, and who made it under which licence; default
            none.
        repo: the Hub repository of the weights, if they do not come with the package.
        start: the function that reads a checkpoint of others for `zoo fit --from`, as
            `package.module:function`. From a name it makes a network with `arguments`, `preprocess`
            and `SHAPE`, the names of the arguments that follow from the weights; or None if the
            checkpoint is the zoo's. Default: there are none that the model can start from.
    """

    name: str
    technique: str
    summary: str
    task: str
    build: str
    recipe: str
    paper: str
    post: str
    corpora: str = ""
    licence: str = "Apache-2.0"
    derived: str = ""
    repo: str = ""
    start: str = ""

    @property
    def data(self) -> tuple[Corpus, ...]:
        """What its weights are trained on, the recipe's first; empty if nobody has said."""
        return tuple(_corpora[name] for name in self.corpora.split())

    def builder(self) -> Callable[..., Any]:
        """Import and return the constructor of the network."""
        return import_object(self.build)

    @property
    def checkpoint(self) -> Path:
        """The folder of the bundled checkpoint, there or not."""
        return PACKAGE / "checkpoints" / self.name

    @property
    def recipe_path(self) -> Path:
        """The recipe's file: inside an installed package, beside the package in a checkout."""
        installed = PACKAGE / "recipes" / self.recipe
        return installed if installed.is_file() else PACKAGE.parent / "recipes" / self.recipe


_entries: dict[str, Entry] = {}


def import_object(address: str) -> Any:
    """Import what `package.module:name` names."""
    module, name = address.split(":")
    return getattr(importlib.import_module(module), name)


def register(entry: Entry) -> Entry:
    """Add a model to the table.

    Raises:
        ValueError: if the name is taken, or does not begin with the technique's.
    """
    if entry.name in _entries:
        raise ValueError(f"{entry.name!r} is registered already: choose another name")
    if not entry.name.startswith(f"{entry.technique}_"):
        raise ValueError(f"{entry.name!r} must begin with its technique, {entry.technique}_")
    _entries[entry.name] = entry
    return entry


def list_models(technique: str | None = None) -> list[str]:
    """Return the names of the registered models, sorted.

    Args:
        technique: keep only this technique's, such as `pictures`; default all.

    Example:
        >>> list_models("pictures")
        ['pictures_colour', 'pictures_digits', 'pictures_fashion']
    """
    return sorted(n for n, entry in _entries.items() if technique in (None, entry.technique))


def describe(name: str) -> Entry:
    """Return what the zoo knows of a model.

    Raises:
        ValueError: if there is no such model; the message has the nearest names.
    """
    if name not in _entries:
        near = difflib.get_close_matches(name, _entries, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`zoo list` names them all"
        raise ValueError(f"no model {name!r}: {hint}")
    return _entries[name]


for _row in TABLE:
    register(Entry(**_row))
