"""Checkpoints by name: from a folder, from the zoo itself, or from and to the Hugging Face Hub.

The Hub's client checks the length of what it downloads, not its content; so every file is verified
here against the checkpoint's own `SHA256SUMS`, and fetched again if it is wrong.
"""

import hashlib
import logging
import re
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import huggingface_hub
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, errors
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.hf_api import RepoFile
from torch import nn

from zoo import checkpoint, registry
from zoo.checkpoint import card
from zoo.checkpoint import folder as sealed
from zoo.checkpoint.folder import Defect
from zoo.hub.errors import (
    FINAL,
    REPO,
    TRANSPORT,
    check_names,
    endpoint,
    is_local,
    line,
    plain_errors,
)

PAUSES = (0.0, 0.5, 1.0)  # seconds before each try

_COMMIT = re.compile(r"[0-9a-f]{40}")
_log = logging.getLogger(__name__)


def load(
    name_or_folder_or_repo: str | Path, *, revision: str | None = None, trainable: bool = False
) -> nn.Module:
    """Load a trained network with its preprocessing, after verifying the SHA-256 of every file.

    Args:
        name_or_folder_or_repo: a checkpoint folder; the name of a model whose checkpoint comes
            with the zoo; or a Hub repository, as `owner/name`. They are tried in this order.
        revision: of a repository, a tag, a branch or a full commit hash; default its main branch.
            What is cached already under a full hash is loaded without any request.
        trainable: return it in training mode with gradients; default in evaluation mode, frozen.

    Returns:
        The network, with `config` and, where it has them, `preprocess` and `labels` attached.

    Raises:
        FileNotFoundError: if there is no such folder, repository, or bundled checkpoint.
        ValueError: if the name is unknown, or the checkpoint is damaged or does not fit.

    Example:
        >>> import zoo
        >>> model = zoo.load("adversarial_fgm_poems")
        >>> model.predict(["床前明月光，疑是地上霜。举头望明月，低头思故乡。"])[0].label
        'Tang'
    """
    return checkpoint.load(resolve(name_or_folder_or_repo, revision=revision), trainable=trainable)


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
    folder = Path(source).expanduser()
    sealed.refuse_pickle(folder)
    if isinstance(name_or_folder_or_repo, str) and REPO.fullmatch(source) and not folder.exists():
        return pull(source, revision=revision)
    if revision is not None:
        raise ValueError(f"{source} is no Hub repository, so it has no revision {revision!r}")
    known = source in registry.list_models()  # a folder of runs may have the name of its model
    if (folder / sealed.SUMS).exists() or (
        not known and (folder.exists() or source != folder.name)
    ):
        return sealed.verify(folder)
    bundled = registry.describe(source).checkpoint
    if not bundled.is_dir():
        raise FileNotFoundError(
            f"the checkpoint of {source} does not come with the zoo: train it (zoo fit {source}), "
            "or give a checkpoint folder or a Hub repository"
        )
    return sealed.verify(bundled)


def pull(repo: str, *, revision: str | None = None, to: str | Path | None = None) -> Path:
    """Download a checkpoint from the Hub into its cache and verify it.

    Only the files that `SHA256SUMS` lists are fetched. A file that is damaged, cut short or missing
    is fetched again, twice; if that does not help, the cache is left without this commit.

    Args:
        repo: a Hub repository, as `owner/name`.
        revision: a tag, a branch or a full commit hash; default the main branch. If the Hub cannot
            be reached, the commit that was cached last under this name.
        to: copy the checkpoint to this folder; default leave it in the cache.

    Returns:
        The folder: `to`, or the one in the cache.

    Raises:
        FileNotFoundError: if there is no such repository, or it is neither reachable nor cached.
        ValueError: if there is no such revision, no right to read it, or what comes is damaged; or
            if `to` holds anything but a checkpoint.
    """
    revision = revision or constants.DEFAULT_REVISION
    check_names(repo, revision)
    if to is not None:
        sealed.require_replaceable(to)
    cache = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")
    with plain_errors(repo, revision):
        commit = _find_commit(repo, revision, cache)
        snapshot = _download(repo, commit, cache)
    if commit not in (revision, _cached_commit(cache, revision)):
        _name_commit(cache, revision, commit)  # only now, so that it is the name of what is whole
    if to is None:
        return snapshot
    with sealed.replacing(to) as partial:
        sealed.copy(snapshot, partial)
    return Path(to).expanduser().resolve()


def fetch(repo: str, names: Iterable[str], *, revision: str | None = None) -> Path:
    """Download some files of any repository, such as one of `transformers`, into the cache.

    Each is verified against the hash that the Hub has of it.

    Args:
        repo: a Hub repository, as `owner/name`.
        names: files; those that are not in the repository are left out.
        revision: a tag, a branch or a full commit hash; default the main branch. If the Hub cannot
            be reached, what is cached of the commit that was cached last under this name.

    Returns:
        The folder in the cache.

    Raises:
        FileNotFoundError: if there is no such repository, or it is neither reachable nor cached.
        ValueError: if there is no such revision, no right to read it, or what comes is damaged.
    """
    revision = revision or constants.DEFAULT_REVISION
    check_names(repo, revision)
    cache = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")
    with plain_errors(repo, revision):
        commit = _find_commit(repo, revision, cache)
        snapshot = cache / "snapshots" / commit
        try:
            files = _list_files(HfApi(endpoint=endpoint()), repo, commit)
        except TRANSPORT as error:
            if isinstance(error, FINAL) or not snapshot.is_dir():
                raise
            return snapshot
        for name in files.keys() & set(names):
            _fetch_verified(repo, commit, files[name], snapshot / name)
    if commit not in (revision, _cached_commit(cache, revision)):
        _name_commit(cache, revision, commit)
    return snapshot


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
    folder = Path(folder).expanduser()
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
        parent = head = _sha(info)
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


def _find_commit(repo: str, revision: str, cache: Path) -> str:
    """Return the full hash that a revision stands for, the cached one if the Hub is away."""
    if _COMMIT.fullmatch(revision):
        return revision
    api, wait = HfApi(endpoint=endpoint()), constants.HF_HUB_ETAG_TIMEOUT  # else it waits for ever
    cached = _cached_commit(cache, revision)
    for pause in PAUSES:
        time.sleep(pause)
        try:
            return _sha(api.model_info(repo, revision=revision, timeout=wait))
        except FINAL:
            raise
        except TRANSPORT as error:
            if constants.HF_HUB_OFFLINE or pause == PAUSES[-1]:
                if not cached:
                    raise
                level = logging.INFO if constants.HF_HUB_OFFLINE else logging.WARNING
                _log.log(level, "%s: taking %s %s from the cache", line(error), repo, cached[:7])
                break
    return cached


def _cached_commit(cache: Path, revision: str) -> str:
    """Return the commit that was last cached under a name; nothing if its note is cut short."""
    with suppress(OSError, ValueError):
        commit = (cache / "refs" / revision).read_text(encoding="utf-8").strip()
        if _COMMIT.fullmatch(commit):
            return commit
    return ""


def _name_commit(cache: Path, revision: str, commit: str) -> None:
    """Note for later, when the Hub is away, which commit a name stands for."""
    ref = cache / "refs" / revision
    with suppress(OSError):  # a cache that is only readable serves as well
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit, encoding="utf-8")


def _download(repo: str, commit: str, cache: Path) -> Path:
    """Bring every file of a commit into the cache, verified; or leave nothing of it there."""
    snapshot = cache / "snapshots" / commit
    wrong = sealed.defects(snapshot)
    if not wrong:
        return snapshot
    try:
        for pause in PAUSES:
            time.sleep(pause)
            for name in {sealed.SUMS, *(defect.name for defect in wrong)}:
                _forget(snapshot / name)
            wrong = _try_download(repo, commit, snapshot)
            if not wrong:
                return snapshot
        raise ValueError(
            f"{repo} at {commit[:7]}, {wrong[0]}: tried {len(PAUSES)} times and kept nothing; "
            "try again later, or tell its owner"
        )
    finally:
        if wrong and sealed.defects(snapshot):  # another process may have brought the rest
            for kind in ("snapshots", ".no_exist"):
                shutil.rmtree(cache / kind / commit, ignore_errors=True)


def _try_download(repo: str, commit: str, snapshot: Path) -> list[Defect]:
    """Fetch the files that are not in the cache; return what is wrong then."""
    if defect := _fetch(repo, commit, sealed.SUMS, "the sums of a checkpoint's files"):
        return [defect]
    try:
        sums = sealed.read_sums(snapshot)
    except ValueError:
        return sealed.defects(snapshot)
    for name, expected in sums.items():
        if defect := _fetch(repo, commit, name, f"SHA-256 {expected}"):
            return [defect]
    return sealed.defects(snapshot)


def _fetch(repo: str, commit: str, name: str, expected: str) -> Defect | None:
    """Bring one file into the cache, unless it is there already."""
    try:
        huggingface_hub.hf_hub_download(repo, name, revision=commit, endpoint=endpoint())
    except errors.RemoteEntryNotFoundError:
        return Defect(name, expected, "no such file in the repository")
    except TRANSPORT as error:
        if isinstance(error, FINAL) or is_local(error):
            raise
        return Defect(name, expected, line(error))
    return None


def _fetch_verified(repo: str, commit: str, file: RepoFile, path: Path) -> None:
    """Bring one file into the cache with the content that the Hub lists, or raise."""
    wrong = Defect(file.path, file.lfs.sha256 if file.lfs else file.blob_id, "other content")
    for pause in PAUSES:
        time.sleep(pause)
        defect = _fetch(repo, commit, file.path, wrong.expected)
        if not defect and _same(file, path, sealed.sha256(path)):
            return
        wrong = defect or wrong
        _forget(path)
    raise ValueError(
        f"{repo} at {commit[:7]}, {wrong}: tried {len(PAUSES)} times and kept nothing; "
        "try again later, or tell its owner"
    )


def _forget(path: Path) -> None:
    """Remove a file of a snapshot together with the blob that it links to."""
    blob = path.resolve()
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)


def _changes(
    api: HfApi, folder: Path, repo: str, head: str
) -> list[CommitOperationAdd | CommitOperationDelete]:
    """List what turns the repository's files into the folder's."""
    remote = _list_files(api, repo, head)
    remote.pop(".gitattributes", None)  # the Hub's own
    if sealed.SUMS not in remote and (strangers := remote.keys() - {"README.md"}):
        raise ValueError(
            f"{repo} holds {min(strangers)} and no checkpoint: push to another repository"
        )
    sums = sealed.read_sums(folder)
    local = {name: folder / name for name in (sealed.SUMS, *sums)}
    gone = sorted(remote.keys() - local.keys())
    return [
        *(
            CommitOperationAdd(name, path)
            for name, path in local.items()
            if name not in remote or not _same(remote[name], path, sums.get(name))
        ),
        *(CommitOperationDelete(name) for name in gone),
    ]


def _list_files(api: HfApi, repo: str, commit: str) -> dict[str, RepoFile]:
    """Return what a commit holds, by its path."""
    tree = api.list_repo_tree(repo, revision=commit, recursive=True)
    return {file.path: file for file in tree if isinstance(file, RepoFile)}


def _same(file: RepoFile, path: Path, sha256: str | None) -> bool:
    """Say whether a file on the Hub has the content of a local one."""
    if file.lfs is not None:
        return file.lfs.sha256 == sha256
    content = path.read_bytes()
    header = f"blob {len(content)}\0".encode()
    return file.blob_id == hashlib.sha1(header + content).hexdigest()  # git's name of the content


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


def _sha(info: huggingface_hub.ModelInfo) -> str:
    if info.sha is None:
        raise ValueError(f"{info.id} has no commit yet: give it one, such as a README.md")
    return info.sha
