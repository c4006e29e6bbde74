"""Text to counts: a stream is cut in chunks, which threads count one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np

from zoo.words.counting.counts import Counts, Run, Windows
from zoo.words.counting.memory import LARGEST_CHUNK, InMemory, Storage, give_back
from zoo.words.kernels.rows import (
    AFTER,
    BATCH,
    BEFORE,
    ORDER,
    ROW,
    batches,
    pack,
    pack_padded,
    sort_and_count,
)
from zoo.words.texts.folding import BREAK, DIGIT, SPACE, Characters, Folding, alphabet_of, encode

THREADS = 2


def count(
    blocks: Iterable[str],
    *,
    characters: Characters = "unspaced",
    half_width: bool = False,
    windows: Windows = "exact",
    chunk: int = LARGEST_CHUNK,
    threads: int = THREADS,
    storage: Storage | None = None,
) -> Counts:
    """Count the n-grams of a stream of text.

    Args:
        blocks: pieces of one text, of any length; n-grams cross from one to the next.
        characters: which characters to keep, see `Folding`.
        half_width: fold full-width forms to half-width ones.
        windows: see `Counts`.
        chunk: characters a run; changes memory and speed, not the counts.
        threads: chunks counted at the same time.
        storage: where the runs go; None keeps them in memory.
    """
    storage = storage or Storage()
    folding = Folding(characters, half_width=half_width)
    whole_lines = windows == "padded"  # their windows need to know where a line ends
    rooms: SimpleQueue[np.ndarray] = SimpleQueue()
    for _ in range(threads):
        rooms.put(np.empty(0, ROW))
    runs: list[Run] = []
    waiting: deque[Future[Run]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        symbols = _joined(map(folding, blocks), folding.numbers_are_one)
        for part in _chunks(symbols, chunk, whole_lines):
            waiting.append(pool.submit(_count_chunk, [part], windows, rooms, storage))
            del part
            if len(waiting) > threads:
                runs.append(waiting.popleft().result())
        runs.extend(future.result() for future in waiting)
    give_back()
    return Counts(tuple(runs), characters, half_width, windows, (storage,))


def _count_chunk(
    part: list[np.ndarray], windows: Windows, rooms: SimpleQueue[np.ndarray], storage: Storage
) -> Run:
    points = part.pop()  # now the only reference: the text goes when its codes are there
    alphabet = alphabet_of(points)
    codes = encode(points, alphabet)
    del points
    room = rooms.get()
    try:
        if room.size < codes.size:
            room = np.empty(codes.size, ROW)  # NumPy lays it on huge pages, Numba does not
        if windows == "exact":
            size = count_rows(codes, alphabet.size + 1, room)
        else:
            space = int(np.searchsorted(alphabet, SPACE)) + 1 if SPACE in alphabet else 0
            size = count_padded_rows(codes, alphabet.size + 1, space, room)
        if storage.claim(size * ROW.itemsize):
            room.resize(size, refcheck=False)  # in place: no view of it is left
            rows, room = InMemory(room), np.empty(0, ROW)
        else:
            rows = storage.spill(room[:size])
    finally:
        rooms.put(room)
    return Run(alphabet, rows, storage.keep(codes[BEFORE:-AFTER]))


def _joined(folded: Iterable[np.ndarray], numbers_are_one: bool) -> Iterator[np.ndarray]:
    """Fold runs of breaks (and digits) into one where they cross from a block to the next."""
    last = BREAK
    for block in folded:
        if (
            block.size
            and block[0] == last
            and (last == BREAK or (numbers_are_one and last == DIGIT))
        ):
            block = block[1:]
        if block.size:
            last = int(block[-1])
            yield block


def _chunks(folded: Iterable[np.ndarray], chunk: int, whole_lines: bool) -> Iterator[np.ndarray]:
    """Yield chunks of folded text with one character of context before and four after."""
    parts = [np.full(BEFORE, BREAK, np.uint32)]
    for block in folded:
        parts.append(block)
        if sum(part.size for part in parts) < chunk + BEFORE + AFTER:
            continue
        text = _emptied(parts)
        while stop := _end_of_chunk(text, chunk, whole_lines):
            yield text[: stop + AFTER]
            text = text[stop - BEFORE :]
        parts = [text]
    parts.append(np.full(AFTER + 1, BREAK, np.uint32))
    yield _emptied(parts)


def _emptied(parts: list[np.ndarray]) -> np.ndarray:
    """Return the parts as one, and lets go of them."""
    text = np.concatenate(parts)
    parts.clear()
    return text


def _end_of_chunk(text: np.ndarray, chunk: int, whole_lines: bool) -> int:
    """Return where the first chunk of a text ends, or 0 if more text is needed to know."""
    stop = BEFORE + chunk
    if text.size < stop + AFTER:
        return 0
    if not whole_lines:
        return stop
    ends = np.flatnonzero(text[BEFORE : text.size - AFTER] == BREAK) + BEFORE + 1
    within = np.searchsorted(ends, stop, "right")
    return int(ends[max(0, within - 1)]) if ends.size else 0


def count_rows(codes: np.ndarray, size: int, room: np.ndarray) -> int:
    """Count the distinct rows of a text, strictly sorted by (key, tail).

    Args:
        codes: uint16 (1 + length + 4,): codes with one character of context on the left and four
            on the right; 0 is a break.
        size: number of codes, the break included.
        room: records of type `ROW`, at least as many as codes, to work in.

    Returns:
        How many rows there are; they are the first of `room`.
    """
    batch, ends = batches(codes, size, max(BATCH, 4 * size))
    pack(codes, batch, ends[:-1].copy(), room)
    return _counted(room, ends, size)


def count_padded_rows(codes: np.ndarray, size: int, space: int, room: np.ndarray) -> int:
    """Count 4-gram windows as kenlm's `count_ngrams -o 4` does, each line padded.

    A row's `key` holds the characters of the window, its `tail` says how many start symbols
    (times two) and end symbols it had.

    Args:
        codes: uint16 (1 + length + 4,), whole lines between breaks.
        size: number of codes, the break included.
        space: code of the space, which kenlm drops; 0 if there is none.
        room: see `count_rows`, as the result.
    """
    ends = np.array([0, pack_padded(codes, space, room)])
    return _counted(room, ends, max(size, 2 * ORDER))


def _counted(rows: np.ndarray, ends: np.ndarray, size: int) -> int:
    """Sort and count rows, a batch at a time; return how many are distinct.

    Args:
        rows: records of type `ROW`; it is overwritten.
        ends: int64 (batches + 1,): where the batches begin and end.
        size: number of codes.
    """
    scratch = np.empty(np.diff(ends).max(), ROW)
    return sort_and_count(rows, scratch, ends, size)
