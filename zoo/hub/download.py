"""Checkpoints from the Hugging Face Hub into its cache.

The Hub's client checks the length of what it downloads, not its content; so every file is verified
here against the checkpoint's own `SHA256SUMS`, and fetched again if it is wrong.
"""

import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import huggingface_hub
from huggingface_hub import HfApi, constants, errors
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import WeakFileLock

from zoo.checkpoint import integrity
from zoo.checkpoint.integrity import Defect
from zoo.files import expand_home
from zoo.hub.errors import (
    FINAL,
    TRANSPORT,
    check_names,
    endpoint,
    is_local,
    line,
    plain_errors,
)
from zoo.hub.remote import COMMIT, commit_of, has_content, list_files

PAUSES = (0.0, 0.5, 1.0)  # seconds before each try

_log = logging.getLogger(__name__)


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
        integrity.require_replaceable(to)
    cache = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")
    with plain_errors(repo, revision):
        commit = _find_commit(repo, revision, cache)
        snapshot = _download(repo, commit, cache)
    if commit not in (revision, _cached_commit(cache, revision)):
        _name_commit(cache, revision, commit)  # only now, so that it is the name of what is whole
    if to is None:
        return snapshot
    with integrity.replacing(to) as partial:
        integrity.copy(snapshot, partial)
    return expand_home(to).resolve()


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
            files = list_files(HfApi(endpoint=endpoint()), repo, commit)
        except TRANSPORT as error:
            if isinstance(error, FINAL) or not snapshot.is_dir():
                raise
            return snapshot
        with _alone_with(commit, cache):
            for name in files.keys() & set(names):
                _fetch_verified(repo, commit, files[name], snapshot / name)
    if commit not in (revision, _cached_commit(cache, revision)):
        _name_commit(cache, revision, commit)
    return snapshot


def _find_commit(repo: str, revision: str, cache: Path) -> str:
    """Return the full hash that a revision stands for, the cached one if the Hub is away."""
    if COMMIT.fullmatch(revision):
        return revision
    api, wait = HfApi(endpoint=endpoint()), constants.HF_HUB_ETAG_TIMEOUT  # else it waits for ever
    cached = _cached_commit(cache, revision)
    for pause in PAUSES:
        time.sleep(pause)
        try:
            return commit_of(api.model_info(repo, revision=revision, timeout=wait))
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
        if COMMIT.fullmatch(commit):
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
    if not integrity.defects(snapshot):
        return snapshot
    with _alone_with(commit, cache):
        wrong = integrity.defects(snapshot)  # others may have brought it meanwhile
        try:
            for pause in PAUSES:
                if not wrong:
                    return snapshot
                time.sleep(pause)
                for name in {integrity.SUMS, *(defect.name for defect in wrong)}:
                    _forget(snapshot / name)
                wrong = _try_download(repo, commit, snapshot)
            if not wrong:
                return snapshot
            raise ValueError(
                f"{repo} at {commit[:7]}, {wrong[0]}: tried {len(PAUSES)} times and kept nothing; "
                "try again later, or tell its owner"
            )
        finally:
            if wrong and integrity.defects(snapshot):
                for kind in ("snapshots", ".no_exist"):
                    shutil.rmtree(cache / kind / commit, ignore_errors=True)


@contextmanager
def _alone_with(commit: str, cache: Path) -> Iterator[None]:
    """Wait until no other process changes what the cache has of a commit, and keep them waiting."""
    lock = cache.parent / ".locks" / cache.name / f"{commit}.zoo.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        yield


def _try_download(repo: str, commit: str, snapshot: Path) -> list[Defect]:
    """Fetch the files that are not in the cache; return what is wrong then."""
    if defect := _fetch(repo, commit, integrity.SUMS, "the sums of a checkpoint's files"):
        return [defect]
    try:
        sums = integrity.read_sums(snapshot)
    except ValueError:
        return integrity.defects(snapshot)
    for name, expected in sums.items():
        if defect := _fetch(repo, commit, name, f"SHA-256 {expected}"):
            return [defect]
    return integrity.defects(snapshot)


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
        if not defect and has_content(file, path, integrity.sha256(path)):
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
