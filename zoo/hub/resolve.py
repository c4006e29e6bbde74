"""Checkpoints by name: from a folder, from the zoo itself, or from the Hub."""

from pathlib import Path

from torch import nn

from zoo import checkpoint, registry
from zoo.checkpoint import integrity
from zoo.files import expand_home
from zoo.hub.download import pull
from zoo.hub.errors import REPO


def load(
    name_or_folder_or_repo: str | Path,
    *,
    revision: str | None = None,
    trainable: bool = False,
    classes: int | None = None,
) -> nn.Module:
    """Load a trained network with its preprocessing, after verifying the SHA-256 of every file.

    Args:
        name_or_folder_or_repo: a checkpoint folder; the name of a model whose checkpoint comes
            with the zoo; or a Hub repository, as `owner/name`. They are tried in this order.
        revision: of a repository, a tag, a branch or a full commit hash; default its main branch.
            What is cached already under a full hash is loaded without any request.
        trainable: return it in training mode with gradients; default in evaluation mode, frozen.
        classes: of a classifier, give it a head for so many classes, untrained, unless it has as
            many; default the head it was trained with.

    Returns:
        The network, with `config` and, where it has them, `preprocess` and `labels` attached.

    Raises:
        FileNotFoundError: if there is no such folder, repository, or bundled checkpoint.
        ValueError: if the name is unknown, or the checkpoint is damaged or does not fit, or
            is given `classes` and is no classifier.

    Example:
        >>> import zoo
        >>> model = zoo.load("adversarial_fgm_poems")
        >>> model.predict(["床前明月光，疑是地上霜。举头望明月，低头思故乡。"])[0].label
        'Tang'
    """
    folder = resolve(name_or_folder_or_repo, revision=revision)
    return checkpoint.rebuild(folder, trainable=trainable, classes=classes)


def resolve(name_or_folder_or_repo: str | Path, *, revision: str | None = None) -> Path:
    """Return the verified local folder of a checkpoint, downloading it if need be.

    Args:
        name_or_folder_or_repo: as for `load`.
        revision: as for `load`.

    Raises:
        FileNotFoundError: if there is no such folder, repository, or bundled checkpoint.
        ValueError: if the name is unknown, or the checkpoint is damaged.
    """
    source = str(name_or_folder_or_repo)
    folder = expand_home(source)
    integrity.refuse_pickle(folder)
    if isinstance(name_or_folder_or_repo, str) and REPO.fullmatch(source) and not folder.exists():
        return pull(source, revision=revision)
    if revision is not None:
        raise ValueError(f"{source} is no Hub repository, so it has no revision {revision!r}")
    known = source in registry.list_models()  # a folder of runs may have the name of its model
    if (folder / integrity.SUMS).exists() or (
        not known and (folder.exists() or source != folder.name)
    ):
        return integrity.verify(folder)
    entry = registry.describe(source)
    if entry.checkpoint.is_dir():
        return integrity.verify(entry.checkpoint)
    if not entry.repo:
        raise FileNotFoundError(
            f"the checkpoint of {source} does not come with the zoo: train it (zoo fit {source}), "
            "or give a checkpoint folder, such as one of a checkout, or a Hub repository"
        )
    return pull(entry.repo)
