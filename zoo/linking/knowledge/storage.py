"""The files of a knowledge base: written beside those in use, and put into use at once."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from zoo.errors import require_whole
from zoo.files import replacing
from zoo.linking.knowledge.dictionary import Dictionary, hash_all, no_entries

FORMAT = 1
SEALED = "SHA256SUMS"  # stands in a checkpoint folder


@dataclass(frozen=True)
class Manifest:
    """What belongs to a knowledge base.

    Attributes:
        format: of the files; a newer version may have a higher one.
        lines: the file of entities.
        size: bytes of it that are in use.
        generation: stands in the names of the arrays.
        history: rows and digest after each addition.
    """

    format: int
    lines: str
    size: int
    generation: int
    history: list[tuple[int, str]]

    def extended(self, rows: int, lines: AppendedLines) -> Manifest:
        """Return it after an addition, with so many rows and these lines more."""
        last = self.history[-1][1] if self.history else ""
        digest = hashlib.sha256((last + lines.digest).encode()).hexdigest()
        return replace(self, size=lines.end, history=[*self.history, (rows, digest)])


class NewerFormatError(ValueError):
    """The files are of a version that this one does not know."""


@dataclass(frozen=True)
class EntityRows:
    """Where the entities are.

    Attributes:
        line_ends: int64 (rows,): the end of each line of the file, in bytes.
        alive: bool (rows,): false where the entity was removed.
        id_hashes: uint64 (alive rows,), sorted.
        id_rows: int32 (alive rows,): the row of each.
    """

    line_ends: NDArray[np.int64]
    alive: NDArray[np.bool_]
    id_hashes: NDArray[np.uint64]
    id_rows: NDArray[np.int32]

    @classmethod
    def empty(cls) -> EntityRows:
        """Return those of no entity."""
        return cls(*map(no_entries, ("i8", "?", "u8", "i4")))

    def find(self, id_: str) -> list[int]:
        """Return the rows whose id has the hash of this one: with luck, its row alone."""
        if not len(self.id_hashes):
            return []
        hash_ = hash_all([id_])[0]
        first = np.searchsorted(self.id_hashes, hash_, "left")
        last = np.searchsorted(self.id_hashes, hash_, "right")
        return self.id_rows[first:last].tolist()

    def with_ids(self, ids: Sequence[str], line_ends: NDArray[np.int64]) -> EntityRows:
        """Add entities at the end."""
        hashes = hash_all(ids)
        order = np.argsort(hashes, kind="stable")
        places = np.searchsorted(self.id_hashes, hashes[order], "right")
        fresh = (order + len(self.alive)).astype(np.int32)
        return EntityRows(
            np.concatenate([self.line_ends, line_ends]),
            np.concatenate([self.alive, np.ones(len(ids), bool)]),
            np.insert(self.id_hashes, places, hashes[order]),
            np.insert(self.id_rows, places, fresh),
        )

    def without(self, rows: Sequence[int]) -> EntityRows:
        """Mark entities as removed."""
        alive = self.alive.copy()
        alive[np.array(rows, dtype=np.int64)] = False
        kept = alive[self.id_rows]
        return EntityRows(self.line_ends, alive, self.id_hashes[kept], self.id_rows[kept])


class AppendedLines:
    """Lines appended to a file, with their ends in bytes and their SHA-256."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.end = file, file.tell()
        self._ends: list[int] = []
        self._sum = hashlib.sha256()

    def add(self, line: str) -> None:
        """Append a line, its break included."""
        data = line.encode("utf-8")
        self._file.write(data)
        self._sum.update(data)
        self.end += len(data)
        self._ends.append(self.end)

    def flush(self) -> None:
        """Hand all lines to the system."""
        self._file.flush()

    @property
    def ends(self) -> NDArray[np.int64]:
        """The end of each appended line."""
        return np.array(self._ends, dtype=np.int64)

    @property
    def digest(self) -> str:
        """The SHA-256 of what was appended."""
        return self._sum.hexdigest()


class Store:
    """The files of one knowledge base.

    Args:
        folder: where they are.
        name: what they begin with.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._path = folder / f"{name}.json"
        self._ours = re.compile(rf"{re.escape(name)}\.(?:[a-z_]+\.)?\d+\.(?:npy|jsonl)")

    def fresh(self) -> Manifest:
        """Return that of an empty base, whose files are none of those that are there.

        Raises:
            OSError: if the folder cannot be made.
        """
        self.require_unsealed()
        self.folder.mkdir(parents=True, exist_ok=True)
        before = self.read().generation if self._path.is_file() else 0
        return Manifest(FORMAT, f"{self.name}.{before + 1}.jsonl", 0, before, [])

    def require_unsealed(self) -> None:
        """Refuse to change what a checkpoint's sums are over, or what lies elsewhere.

        Raises:
            ValueError: if the folder is a checkpoint, or one of the base's files is a link.
        """
        if (self.folder / SEALED).is_file():
            raise ValueError(
                f"{self.folder} is a checkpoint, whose files are sealed: write the knowledge base "
                "to a folder of its own first (KnowledgeBase.write)"
            )
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name.startswith(f"{self.name}.") and path.is_symlink():
                raise ValueError(
                    f"{path} is a link, and a change would be written where it leads: write the "
                    "knowledge base to another folder first (KnowledgeBase.write)"
                )

    def read(self) -> Manifest:
        """Read which files belong to the base.

        Raises:
            FileNotFoundError: if there is no base of this name.
            ValueError: if its description is damaged or of a newer version.
        """
        if not self._path.is_file():
            raise FileNotFoundError(
                f"no {self._path}: build a knowledge base there (zoo knowledge build FILE FOLDER)"
            )
        try:
            state = json.loads(self._path.read_text("utf-8"))
            if state["format"] > FORMAT:
                raise NewerFormatError(
                    f"{self._path}: format {state['format']} is newer than {FORMAT}, the newest "
                    "this version knows: upgrade it (pip install --upgrade kexue-zoo), or build "
                    "the base again"
                )
            history = [(int(rows), str(digest)) for rows, digest in state["history"]]
            manifest = Manifest(**(state | {"history": history}))
            if not self._ours.fullmatch(manifest.lines):  # lest it names a file elsewhere
                raise ValueError(f"lines is {manifest.lines!r}")
            require_whole("size", manifest.size, 0)
            require_whole("generation", manifest.generation, 0)
        except NewerFormatError:
            raise
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise ValueError(f"{self._path} is damaged ({error}): build the base again") from None
        return manifest

    def arrays(self, manifest: Manifest) -> tuple[EntityRows, Dictionary]:
        """Open the arrays of a base by memory mapping.

        Raises:
            ValueError: if one is missing or damaged.
        """
        rows, dictionary = (self._map(manifest, kind) for kind in (EntityRows, Dictionary))
        lines = self.folder / manifest.lines
        if not lines.is_file() or lines.stat().st_size < manifest.size:
            raise ValueError(f"{lines} is missing or cut off: build the base again")
        return rows, dictionary

    def _map(self, manifest: Manifest, kind: Any) -> Any:
        """Open the arrays of `EntityRows` or of `Dictionary`."""
        arrays = {}
        for field in fields(kind):
            path = self._array(field.name, manifest.generation)
            try:
                array = np.load(path, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError, OSError) as error:
                raise ValueError(f"{path} is damaged ({error}): build the base again") from None
            expected = getattr(kind.empty(), field.name).dtype
            if array.dtype != expected or array.ndim != 1:
                raise ValueError(
                    f"{path} is {array.dtype} {array.shape}: expected {expected} in one row; "
                    "build the base again"
                )
            arrays[field.name] = array.view(np.ndarray)
        return kind(**arrays)

    def map_lines(self, manifest: Manifest) -> NDArray[np.uint8]:
        """Open the file of entities by memory mapping: uint8 (bytes,)."""
        if not manifest.size:
            return np.zeros(0, np.uint8)
        return np.memmap(self.folder / manifest.lines, np.uint8, "r").view(np.ndarray)

    @contextmanager
    def appending(self, manifest: Manifest) -> Iterator[AppendedLines]:
        """Append to the file of entities, behind what is in use; if that fails, take it back.

        What a killed change left behind is overwritten.
        """
        path = self.folder / manifest.lines
        try:
            with path.open("r+b" if manifest.size else "wb") as file:
                file.truncate(manifest.size)
                file.seek(manifest.size)
                yield AppendedLines(file)
        except BaseException:
            if manifest.size:
                os.truncate(path, manifest.size)
            else:
                path.unlink(missing_ok=True)
            raise

    def write(self, manifest: Manifest, rows: EntityRows, dictionary: Dictionary) -> Manifest:
        """Write arrays of a new generation and put them into use.

        Returns:
            The manifest of what is in use now.

        Raises:
            OSError: if the disk is full; what was in use is in use still.
        """
        manifest = replace(manifest, generation=manifest.generation + 1)
        try:
            for kind in (rows, dictionary):
                for field in fields(kind):
                    path = self._array(field.name, manifest.generation)
                    np.save(path, getattr(kind, field.name), allow_pickle=False)
            with replacing(self._path) as partial:
                partial.write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
        except BaseException:
            self._sweep(lambda path: path in self._files(manifest)[1:])
            raise
        self._sweep(lambda path: path not in self._files(manifest))
        return manifest

    def files(self) -> list[str]:
        """Return the names of the files of the base."""
        manifest = self.read()
        return [self._path.name, *(path.name for path in self._files(manifest))]

    def _array(self, field: str, generation: int) -> Path:
        return self.folder / f"{self.name}.{field}.{generation}.npy"

    def _files(self, manifest: Manifest) -> list[Path]:
        """Return the file of entities and the arrays."""
        names = [field.name for kind in (EntityRows, Dictionary) for field in fields(kind)]
        arrays = [self._array(name, manifest.generation) for name in names]
        return [self.folder / manifest.lines, *arrays]

    def _sweep(self, unwanted: Callable[[Path], bool]) -> None:
        """Delete files of this base; those that the system keeps while mapped stay for now."""
        for path in self.folder.iterdir():
            if self._ours.fullmatch(path.name) and unwanted(path):
                with suppress(OSError):
                    path.unlink()
