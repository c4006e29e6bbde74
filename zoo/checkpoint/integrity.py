"""Checkpoint folders as files: sealed by SHA-256, verified, replaced whole or not at all.

`SHA256SUMS` seals a folder: a line for each file, which `sha256sum --check` reads too. A file that
it does not list is an error, unless its name begins with a dot.
"""

import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import reason
from zoo.files import expand_home

SUMS = "SHA256SUMS"
LARGEST = 1 << 27  # bytes of a file that is read whole; its values take many times as much
REQUIRED = ("config.json", "model.safetensors")
# what Python imports from the working folder
PROGRAMS = (".py", ".pyc", ".pyd", ".so", ".dylib", ".dll")
PICKLES = (".ckpt", ".bin", ".pt", ".pth", ".pkl", ".pickle")

_SUM_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9_][A-Za-z0-9_.-]*)")

_ELSEWHERE = "choose another folder"


@dataclass(frozen=True)
class Defect:
    """A file of a checkpoint folder that is not what `SHA256SUMS` says.

    Attributes:
        name: the file.
        expected: what it should be.
        found: what it is.
    """

    name: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.name}: expected {self.expected}, found {self.found}"


def verify(folder: str | Path) -> Path:
    """Check every file of a checkpoint folder against its `SHA256SUMS`.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: naming the first file that is wrong, what was expected and what was found; or
            if `folder` is a pickle or no checkpoint.
    """
    folder = expand_home(folder)
    refuse_pickle(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is no folder: give a checkpoint folder (config.json, model.safetensors, "
            f"{SUMS}, ...)"
        )
    if not (folder / SUMS).exists():
        raise ValueError(
            f"{folder} is no checkpoint: it has no {SUMS}; give a folder that `zoo fit` wrote or "
            "`zoo pull` fetched"
        )
    if found := defects(folder):
        raise ValueError(
            f"{folder}/{found[0]}; get the checkpoint again from where it came, or if the change "
            f"is yours, bring {SUMS} up to date (sha256sum)"
        )
    return folder


def refuse_pickle(path: Path) -> None:
    """Raise a ValueError for the name of a pickle, which could run any code when opened."""
    if path.suffix.lower() in PICKLES:
        raise ValueError(
            f"{path} is a pickle, which can run any code when opened: offer a checkpoint folder "
            "with model.safetensors, a model's name or a Hub repository instead"
        )


def defects(folder: Path) -> list[Defect]:
    """List what is wrong with the files of a folder; an empty list means that all are right."""
    try:
        sums = read_sums(folder)
    except (OSError, ValueError) as error:
        found = reason(error) if isinstance(error, OSError) else str(error)
        return [Defect(SUMS, "a line 'sha256  name' for each file", found)]
    wrong = [
        Defect(n, f"SHA-256 {s}", f) for n, s in sums.items() if (f := sha256(folder / n)) != s
    ]
    there = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    visible = {name for name in there if not name.startswith(".")}
    unlisted = {*REQUIRED, *visible} - {SUMS, *sums}
    wrong += [Defect(n, f"a line in {SUMS}", "none") for n in sorted(unlisted)]
    return wrong + [
        Defect(n, "no pickle and no program, which could run code", "one")
        for n in sums
        if can_run(n)
    ]


def can_run(name: str) -> bool:
    """Say whether a file is, by its name, a pickle or a program, which may run any code."""
    return Path(name).suffix.lower() in (*PICKLES, *PROGRAMS)


def read_sums(folder: Path) -> dict[str, str]:
    """Read `SHA256SUMS`: the hexadecimal sum of each file by its name.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if a line is malformed, or names a path, a file twice or the list itself.
    """
    path = folder / SUMS
    if path.exists() and not path.is_file():
        raise ValueError("no regular file")  # a FIFO would be waited for without end
    try:
        text = read_whole(path).decode()
    except UnicodeDecodeError:
        raise ValueError("bytes that are no text") from None
    if not text.endswith("\n"):
        raise ValueError(f"no end of line after {text[-80:]!r}")
    sums: dict[str, str] = {}
    for line in text[:-1].split("\n"):  # not splitlines, which also splits at damaged ends
        match = _SUM_LINE.fullmatch(line)
        if match is None or match[2] in sums or match[2] == SUMS:
            raise ValueError(f"{line[:80]!r}")
        sums[match[2]] = match[1]
    return sums


def read_whole(path: Path) -> bytes:
    """Return the bytes of a file that holds no tensors, as far as `require_short` lets it."""
    require_short(path)
    return path.read_bytes()


def require_short(path: Path) -> None:
    """Refuse to read a file whole that may take all memory; one with holes costs its sender little.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is longer than `LARGEST`.
    """
    if (size := path.stat().st_size) > LARGEST:
        raise ValueError(f"{path} has {size} bytes: expected at most {LARGEST}")


def write_sums(folder: Path) -> None:
    """Write `SHA256SUMS` over all files of a folder."""
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != SUMS)
    text = "".join(f"{sha256(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(text, encoding="utf-8", newline="\n")


def copy(source: Path, target: Path) -> None:
    """Copy what `SHA256SUMS` lists, and the list, to another folder; links become files."""
    for name in (SUMS, *read_sums(source)):
        shutil.copyfile(source / name, target / name)


def require_replaceable(folder: str | Path) -> Path:
    """Return the absolute path of a folder that a checkpoint may be written to.

    Raises:
        PermissionError: if it cannot be made or replaced, such as on a read-only file system.
        ValueError: if there is a file of that name, or a folder with anything but a checkpoint.
    """
    folder = expand_home(folder).resolve()
    above = next(parent for parent in folder.parents if parent.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise PermissionError(f"{folder} cannot be written: {above} does not let you; {_ELSEWHERE}")
    if not folder.exists():
        return folder
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: choose another name for the checkpoint folder")
    try:
        sums = read_sums(folder)
    except (OSError, ValueError):
        sums = {}
    # any download may have sums, so only a list with a checkpoint's files makes them ours
    ours = {SUMS, *sums} if sums.keys() >= {*REQUIRED} else set()
    if strangers := {path.name for path in folder.iterdir()} - ours:
        raise ValueError(
            f"{folder} is not only a checkpoint: it holds {min(strangers)}; {_ELSEWHERE} "
            "or move that away"
        )
    return folder


@contextmanager
def replacing(folder: str | Path) -> Iterator[Path]:
    """Give an empty temporary sibling that takes the folder's place if the block ends well.

    Raises:
        OSError: if it cannot be written, such as on a full disk; what was there stays.
        ValueError: if the folder holds anything but a checkpoint; see `require_replaceable`.
    """
    folder = require_replaceable(folder)
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        partial.mkdir(parents=True)
        yield partial
        _swap(partial, folder)
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written: {reason(error)}; {_ELSEWHERE} or make room there"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _swap(new: Path, folder: Path) -> None:
    """Put `new` where `folder` is; no system call swaps folders, so the old one steps aside."""
    old = new.with_name(f"{new.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal, or words that say why there is none."""
    digest = hashlib.sha256()
    if path.exists() and not path.is_file():
        return "no regular file"
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        return reason(error)
    return digest.hexdigest()
