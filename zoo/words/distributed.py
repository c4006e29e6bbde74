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

from zoo.words.choice import MAX_LENGTH
from zoo.words.coarse_cut import Pieces, cut
from zoo.words.counting.counts import Counts
from zoo.words.counting.memory import Storage
from zoo.words.discovery import (
    DEFAULT_CHARACTERS,
    METHOD,
    check,
    count_ngrams,
    discover,
)
from zoo.words.lexicon import Lexicon
from zoo.words.listing import Listing
from zoo.words.ngram_table import Ngrams
from zoo.words.texts.paths import Source

FINDING = ("method", "min_count", "max_length", "thresholds", "recount")  # of `discover`

if TYPE_CHECKING:
    from distributed import Client


def discover_words(
    client: Client,
    parts: Sequence[Source],
    *,
    folder: str | Path | None = None,
    **options: Any,
) -> Lexicon:
    """Find the words of a text that lies in parts, with the workers of a cluster.

    Args:
        client: a client of `dask.distributed`.
        parts: sources as `zoo.discover_words` takes them, one task each; paths must lead to the
            same files on all machines.
        folder: where to put the files of counts, seen by all machines, about six times the
            size of the text; None for this machine's temporary folder, for local clusters.
        options: those of `zoo.discover_words`; `memory` is the limit of each worker.

    Returns:
        The lexicon; the temporary files are gone.

    Raises:
        ValueError: naming a bad argument; and whatever a worker raises.
    """
    finding = {name: options.pop(name) for name in FINDING if name in options}
    listing = Listing.taken_from(options)
    checked = {name: value for name, value in finding.items() if name != "recount"}
    check(counting=options.get("counting"), **checked)
    longest = finding.get("max_length", MAX_LENGTH)
    default = DEFAULT_CHARACTERS[finding.get("method", METHOD)]
    options = {**options, "default_characters": default, "threads": 1}
    with tempfile.TemporaryDirectory(prefix="zoo-words-", dir=folder) as shared:
        files = [Path(shared) / f"{i}.counts" for i in range(len(parts))]
        client.gather(client.map(_count, list(parts), files, options=options, pure=False))
        counts = Counts.merge(*map(Counts.load, files))

        def cutter(ngrams: Ngrams, kept: np.ndarray, chained: np.ndarray) -> Pieces:
            table = client.scatter((ngrams, kept, chained), broadcast=True, hash=False)
            tasks = client.map(_cut, files, table=table, longest=longest, pure=False)
            parts: Any = client.gather(tasks)
            return Pieces.merge(*parts)

        return listing.of(discover(counts, **finding, cutter=cutter))


def _count(part: Source, file: Path, options: dict[str, Any]) -> None:
    with Storage() as storage:
        count_ngrams(part, **options, storage=storage).save(file)


def _cut(file: Path, table: tuple[Ngrams, np.ndarray, np.ndarray], longest: int) -> Pieces:
    ngrams, kept, chained = table
    return cut(Counts.load(file).texts(ngrams.alphabet), ngrams, kept, longest, chained)
