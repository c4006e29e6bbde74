"""Checkpoint folders to the Hub: one commit, on top of what was there."""

from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, errors

from zoo import checkpoint
from zoo.checkpoint import card, integrity
from zoo.files import expand_home
from zoo.hub.errors import check_names, endpoint, plain_errors
from zoo.hub.remote import commit_of, has_content, list_files


def push(
    folder: str | Path,
    repo: str,
    *,
    private: bool = False,
    tag: str | None = None,
    message: str = "Upload a checkpoint",
) -> str:
    """Publish a checkpoint folder on the Hub, as one commit.

    The commit names its parent, so it fails if someone else was faster. Files that are the same
    there are not sent, files that are not in the folder are removed; if nothing differs there is
    no commit.

    Args:
        folder: a checkpoint folder, which is verified and loaded first, and its card checked.
        repo: a Hub repository, as `owner/name`; made if there is none.
        private: make it private; default public.
        tag: name this state, such as `v1`; default no tag. A tag never moves.
        message: first line of the commit message.

    Returns:
        The full hash of the commit that holds this content.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if the folder does not load, its card disagrees with its metrics, the repository
            holds something other than a checkpoint, it changed meanwhile, or the tag is taken.
    """
    main = constants.DEFAULT_REVISION
    check_names(repo, tag or main)
    folder = expand_home(folder)
    checkpoint.load(folder)  # nothing is published that nobody could load
    card.check(folder)
    if constants.HF_HUB_OFFLINE:
        raise ValueError(f"HF_HUB_OFFLINE is set: unset it to push to {repo}")
    api = HfApi(endpoint=endpoint())
    with plain_errors(repo, main):
        api.create_repo(repo, private=private, exist_ok=True)
        info = api.model_info(repo)
        if private and not info.private:
            raise ValueError(f"{repo} is public there already: push to another repository")
        parent = head = commit_of(info)
        changes = _changes(api, folder, repo, parent)
        tags = {known.name: known.target_commit for known in api.list_repo_refs(repo).tags}
        tagged = tags.get(tag) if tag else None
        if tagged and (changes or tagged != head):
            raise ValueError(f"tag {tag} of {repo} is at {tagged[:7]} and stays: choose another")
        if changes:
            head = _commit(api, repo, changes, message, parent)
        if tag and not tagged:
            api.create_tag(repo, tag=tag, revision=head)
    return head


def _changes(
    api: HfApi, folder: Path, repo: str, head: str
) -> list[CommitOperationAdd | CommitOperationDelete]:
    """List what turns the repository's files into the folder's."""
    remote = list_files(api, repo, head)
    remote.pop(".gitattributes", None)  # the Hub's own
    if integrity.SUMS not in remote and (strangers := remote.keys() - {"README.md"}):
        raise ValueError(
            f"{repo} holds {min(strangers)} and no checkpoint: push to another repository"
        )
    sums = integrity.read_sums(folder)
    local = {name: folder / name for name in (integrity.SUMS, *sums)}
    gone = sorted(remote.keys() - local.keys())
    return [
        *(
            CommitOperationAdd(name, path)
            for name, path in local.items()
            if name not in remote or not has_content(remote[name], path, sums.get(name))
        ),
        *(CommitOperationDelete(name) for name in gone),
    ]


def _commit(
    api: HfApi,
    repo: str,
    changes: list[CommitOperationAdd | CommitOperationDelete],
    message: str,
    parent: str,
) -> str:
    """Make one commit on top of `parent`, or none."""
    try:
        done = api.create_commit(repo, changes, commit_message=message, parent_commit=parent)
    except errors.HfHubHTTPError as error:
        if error.response.status_code != 412:
            raise
        raise ValueError(
            f"{repo} moved on from {parent[:7]} during the push, nothing was changed: "
            f"look at what is there now (zoo pull {repo}), then push again"
        ) from error
    return done.oid
