"""Word discovery on a Dask cluster: `pip install kexue-zoo[dask]`.

Each worker counts its parts to a file of counts in a folder that all machines see. The merged
counts give the n-grams; each worker then cuts the texts of its own files, and the pieces add up.
The lexicon is the one that a single machine finds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.words.coarse_cut import Pieces, cut
from zoo.words.counts import Counts
from zoo.words.discovery import (
    DEFAULT_CHARACTERS,
    THRESHOLDS,
    Counting,
    Method,
    check,
    count_ngrams,
    discover,
)
from zoo.words.folding import Characters
from zoo.words.lexicon import Lexicon
from zoo.words.memory import Storage
from zoo.words.ngram_table import Ngrams
from zoo.words.reading import Source

if TYPE_CHECKING:
    from distributed import Client


def discover_words(
    client: Client,
    parts: Sequence[Source],
    *,
    folder: str | Path | None = None,
    method: Method = "pmi+entropy",
    counting: Counting = "exact",
    min_count: int | None = None,
    max_length: int = 8,
    thresholds: Sequence[float] = THRESHOLDS,
    characters: Characters | None = None,
    half_width: bool = False,
    encoding: str = "utf-8",
    errors: str = "strict",
    memory: int | str | None = None,
) -> Lexicon:
    """Finds the words of a text that lies in parts, with the workers of a cluster.

    Args:
        client: a client of `dask.distributed`.
        parts: sources as `zoo.discover_words` takes them, one task each; paths must lead to the
            same files on all machines.
        folder: where to put the files of counts, seen by all machines, about six times the
            size of the text; None for this machine's temporary folder, for local clusters.
        method: see `zoo.discover_words`, as all that follow.
        counting: see there.
        min_count: see there.
        max_length: see there.
        thresholds: see there.
        characters: see there.
        half_width: see there.
        encoding: see there.
        errors: see there.
        memory: limit of each worker.

    Returns:
        The lexicon; the temporary files are gone.

    Raises:
        ValueError: naming a bad argument; and whatever a worker raises.
    """
    check(method, counting, min_count, max_length, thresholds)
    options = {
        "characters": characters or DEFAULT_CHARACTERS[method],
        "half_width": half_width,
        "counting": counting,
        "encoding": encoding,
        "errors": errors,
        "memory": memory,
        "threads": 1,
    }
    with tempfile.TemporaryDirectory(prefix="zoo-words-", dir=folder) as shared:
        files = [Path(shared) / f"{i}.counts" for i in range(len(parts))]
        client.gather(client.map(_count, list(parts), files, options=options, pure=False))
        counts = Counts.merge(*map(Counts.load, files))

        def cutter(ngrams: Ngrams, kept: np.ndarray) -> Pieces:
            table = client.scatter((ngrams, kept), broadcast=True)
            tasks = client.map(_cut, files, table=table, longest=max_length, pure=False)
            parts: Any = client.gather(tasks)
            return Pieces.merge(*parts)

        return discover(counts, method, min_count, max_length, thresholds, cutter=cutter)


def _count(part: Source, file: Path, options: dict[str, Any]) -> None:
    with Storage() as storage:
        count_ngrams(part, **options, storage=storage).save(file)


def _cut(file: Path, table: tuple[Ngrams, np.ndarray], longest: int) -> Pieces:
    ngrams, kept = table
    return cut(Counts.load(file).texts(ngrams.alphabet), ngrams, kept, longest)
