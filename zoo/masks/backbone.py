"""What `zoo fit --from` starts a network of masks from, beside checkpoints of its own."""

from pathlib import Path
from typing import cast

from zoo import checkpoint, hub, registry
from zoo.checkpoint.integrity import SUMS
from zoo.files import expand_home
from zoo.hub.errors import REPO
from zoo.masks.bert import from_bert, repository
from zoo.masks.classifiers import TextClassifier, text_classifier
from zoo.masks.net import Transformer


def from_foreign(source: str) -> Transformer | None:
    """Load the BERT of `transformers` that `zoo fit --from` names, with the tokens of Chinese.

    Args:
        source: as for `from_bert`.

    Returns:
        The network; None if it is a checkpoint of the zoo.

    Raises:
        FileNotFoundError: if there is no such folder or repository.
        ValueError: if it is a model of `transformers`, but no BERT.
    """
    return from_bert(source, keep_tokens="zh") if is_foreign(source) else None


def is_foreign(name_or_folder: str | Path) -> bool:
    """Say whether a folder or Hub repository holds a model of `transformers`, and not of the zoo.

    Args:
        name_or_folder: as for `from_bert`.

    Raises:
        FileNotFoundError: if it is neither a folder nor a repository that can be reached.
    """
    folder = expand_home(name_or_folder)
    if not folder.exists():
        repo = repository(name_or_folder)
        if not REPO.fullmatch(repo):
            return False
        folder = hub.fetch(repo, ("config.json", SUMS))
    if (folder / SUMS).exists() or not (folder / "config.json").is_file():
        return False
    return "model_type" in (folder / "config.json").read_text("utf-8")


def classifier(source: str) -> TextClassifier | None:
    """Read the network that `zoo fit --from` names as the encoder of a classifier.

    Args:
        source: a BERT of `transformers`, as for `from_bert`; a registered model of `zoo.masks`, a
            folder, or a repository on the Hub.

    Returns:
        A classifier whose head has not been trained; None if the checkpoint is one of a classifier.

    Raises:
        FileNotFoundError: if there is no such model, folder or repository.
        ValueError: if it is a model of `transformers`, but no BERT, or is damaged.
    """
    net = from_foreign(source)
    if net is not None:
        return text_classifier(net, classes=2)
    folder = hub.resolve(source)
    entry = registry.describe(checkpoint.read_config(folder)["model"])
    if entry.builder() is not Transformer:
        return None
    net = cast(Transformer, checkpoint.load(folder))
    made = text_classifier(net, classes=2)
    vars(made)["config"] = vars(net)["config"]  # says what the encoder derives from
    return made
