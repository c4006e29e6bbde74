"""What a repository on the Hub holds, as its client tells it."""

import hashlib
import re
from pathlib import Path

from huggingface_hub import HfApi, ModelInfo
from huggingface_hub.hf_api import RepoFile

COMMIT = re.compile(r"[0-9a-f]{40}")


def list_files(api: HfApi, repo: str, commit: str) -> dict[str, RepoFile]:
    """Return what a commit holds, by its path."""
    tree = api.list_repo_tree(repo, revision=commit, recursive=True)
    return {file.path: file for file in tree if isinstance(file, RepoFile)}


def has_content(file: RepoFile, path: Path, sha256: str | None) -> bool:
    """Say whether a file on the Hub has the content of a local one."""
    if file.lfs is not None:
        return file.lfs.sha256 == sha256
    content = path.read_bytes()
    header = f"blob {len(content)}\0".encode()
    return file.blob_id == hashlib.sha1(header + content).hexdigest()  # git's name of the content


def commit_of(info: ModelInfo) -> str:
    """Return the full hash of the commit that is described.

    Raises:
        ValueError: if the repository has none yet, or it is no hash, which becomes a folder's name.
    """
    if info.sha is None:
        raise ValueError(f"{info.id} has no commit yet: give it one, such as a README.md")
    if not COMMIT.fullmatch(info.sha):
        raise ValueError(f"{info.id} has the commit {info.sha!r:.80}: expected 40 digits")
    return info.sha
