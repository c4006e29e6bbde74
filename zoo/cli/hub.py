"""Checkpoints from and to the Hub."""

from zoo import hub


def pull(repository: str, *, revision: str | None = None, to: str | None = None) -> None:
    """Download a checkpoint from the Hub, verify it and print its folder.

    Args:
        repository: org/repo.
        revision: a tag, a branch or a commit.
        to: a folder to copy it to; default: the Hub's cache.
    """
    print(hub.pull(repository, revision=revision, to=to))


def push(folder: str, repository: str, *, tag: str | None = None, private: bool = False) -> None:
    """Publish a checkpoint folder on the Hub, in one commit.

    Args:
        folder: a checkpoint folder.
        repository: org/repo; made if it is not there.
        tag: a tag for the commit.
        private: make a new repository private.
    """
    print(hub.push(folder, repository, tag=tag, private=private))
