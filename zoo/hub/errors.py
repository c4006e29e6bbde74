"""The Hub's address, and what goes wrong on the way there, in plain words."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants, errors

from zoo.errors import one_line

REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
# an error of httpx or httpx2, whichever the installed client is built on
TRANSPORT = (OSError, errors.HTTPError)  # pyright: ignore[reportPrivateImportUsage]
# errors that another try does not mend; the client has tried long enough before the last
FINAL = (
    errors.RepositoryNotFoundError,
    errors.RevisionNotFoundError,
    errors.LocalEntryNotFoundError,
)


def endpoint() -> str | None:
    """Return HF_ENDPOINT as it is now; the client looks only once, when it is imported."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None


def check_names(repo: str, revision: str) -> None:
    """Raise a ValueError for what cannot name a repository or a revision of one."""
    if not REPO.fullmatch(repo):
        raise ValueError(f"{repo!r} is no Hub repository: write owner/name")
    if not re.fullmatch(r"[A-Za-z0-9][\w./-]*", revision) or ".." in revision:
        raise ValueError(f"{revision!r} is no tag, branch or full commit hash")


@contextmanager
def plain_errors(repo: str, revision: str) -> Iterator[None]:
    """Say what went wrong between here and the Hub on one line, with the mend."""
    address = endpoint() or constants.ENDPOINT
    try:
        yield
    except errors.GatedRepoError as error:
        raise ValueError(
            f"{repo} is gated: ask for access at {address}/{repo}, then log in (hf auth login, "
            "or HF_TOKEN)"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"{repo} is no folder here and no repository that you may see at {address}: check "
            "the name, or log in (hf auth login, or HF_TOKEN)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ValueError(
            f"{repo} has no revision {revision!r}: give a tag, a branch or a full commit hash"
        ) from error
    except (*TRANSPORT, RuntimeError) as error:  # the client's uploads fail with the latter
        if is_local(error):
            raise OSError(
                f"{repo} cannot be kept in {constants.HF_HUB_CACHE}: {line(error)}; make room, or "
                "name another folder in HF_HUB_CACHE"
            ) from error
        if constants.HF_HUB_OFFLINE:
            raise FileNotFoundError(
                f"{repo} at {revision} is not in the cache and HF_HUB_OFFLINE is set: unset it, "
                "or give a folder"
            ) from error
        if isinstance(error, errors.HfHubHTTPError) and error.response.status_code in (401, 403):
            raise ValueError(
                f"{address} refuses {repo}: {line(error)}; log in with a token that may do this "
                "(hf auth login, or HF_TOKEN)"
            ) from error
        raise FileNotFoundError(
            f"{address} failed on {repo} at {revision}: {line(error)}; try again later"
        ) from error


def is_local(error: Exception) -> bool:
    """Say whether it is this machine's file system that failed, not the Hub."""
    if isinstance(error, ConnectionError | TimeoutError):
        return False
    return isinstance(error, OSError) and error.errno is not None


def line(error: Exception) -> str:
    """Put an error on one line, or the one beneath it if that says more."""
    cause = error.__cause__ if isinstance(error, RuntimeError | FileNotFoundError) else None
    return one_line(cause or error)
