"""The index of the table of n-grams, and loops that follow it."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.kernels import inline, kernel
from zoo.words.kernels.rows import ORDER, Records

GRAM = np.dtype(
    [
        ("key", np.uint64),  # the codes, 16 bits each, the last one lowest
        ("count", np.int64),
        ("left_entropy", np.float64),
        ("right_entropy", np.float64),
        ("left_most", np.int64),  # count of the commonest extension by one character
        ("right_most", np.int64),
    ]
)
HASH = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci's
NOWHERE = -1  # the place of an n-gram that is not there


@kernel
def index(grams: Records) -> np.ndarray:
    """Return an open-addressing table of the places of distinct keys, half full."""
    slots = np.full(max(16, 2 * grams.size), NOWHERE, np.int32)
    for place in range(grams.size):
        slot = slot_of(grams[place].key, slots.size)
        while slots[slot] != NOWHERE:
            slot = slot + 1 if slot + 1 < slots.size else 0
        slots[slot] = place
    return slots


@inline
def slot_of(key: int, slots: int) -> Any:
    """Return where to look for a key first: its hash times the table's size."""
    mixed = np.uint64(key) * HASH
    return np.int64(((mixed >> np.uint64(32)) * np.uint64(slots)) >> np.uint64(32))


@kernel
def find(key: int, grams: Records, slots: np.ndarray) -> Any:
    """Return the place of an n-gram, or `NOWHERE`."""
    slot = slot_of(key, slots.size)
    while slots[slot] != NOWHERE:
        if grams[slots[slot]].key == key:
            return np.int64(slots[slot])
        slot = slot + 1 if slot + 1 < slots.size else 0
    return NOWHERE


@kernel
def find_all(keys: np.ndarray, grams: Records, slots: np.ndarray) -> np.ndarray:
    """Return the places of n-grams: int64 (keys,), `NOWHERE` for those that are not there."""
    places = np.empty(keys.size, np.int64)
    for i in range(keys.size):
        places[i] = find(keys[i], grams, slots)
    return places


@kernel
def prefixes(grams: Records, starts: np.ndarray) -> np.ndarray:
    """Return the place of each n-gram without its last character; both are sorted."""
    prefix = np.full(grams.size, NOWHERE, np.int32)
    for order in range(2, ORDER + 1):
        shorter = starts[order - 1]
        for place in range(starts[order], starts[order + 1]):
            key = grams[place].key >> np.uint64(16)
            while shorter < starts[order] and grams[shorter].key < key:
                shorter += 1
            if shorter < starts[order] and grams[shorter].key == key:
                prefix[place] = shorter
    return prefix


@kernel
def suffixes(grams: Records, starts: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """Return the place of each n-gram without its first character."""
    suffix = np.full(grams.size, NOWHERE, np.int32)
    for order in range(2, ORDER + 1):
        rest = (np.uint64(1) << np.uint64(16 * (order - 1))) - np.uint64(1)
        for place in range(starts[order], starts[order + 1]):
            suffix[place] = find(grams[place].key & rest, grams, slots)
    return suffix


@inline
def halves(place: int, at: int, order: int, prefix: np.ndarray, suffix: np.ndarray) -> Any:
    """Return the places of the two parts of an n-gram cut after `at` characters.

    With truncated counts a suffix may be missing, and then all its own suffixes count as missing.
    """
    left = right = place
    for _ in range(order - at):
        left = prefix[left] if left != NOWHERE else NOWHERE
    for _ in range(at):
        right = suffix[right] if right != NOWHERE else NOWHERE
    return left, right


@kernel
def cohesion(
    grams: Records, starts: np.ndarray, prefix: np.ndarray, suffix: np.ndarray, total: float
) -> np.ndarray:
    """Return the cohesion of each n-gram, see `ngram_statistics`."""
    pmi = np.full(grams.size, np.inf)
    for order in range(2, ORDER + 1):
        for place in range(starts[order], starts[order + 1]):
            least = np.inf
            for at in range(1, order):
                left, right = halves(place, at, order, prefix, suffix)
                left_count = float(grams[left].count) if left >= 0 else total
                right_count = float(grams[right].count) if right >= 0 else total
                least = min(least, total * grams[place].count / (left_count * right_count))
            pmi[place] = np.log(least)
    return pmi


@kernel
def freedom(
    grams: Records,
    starts: np.ndarray,
    prefix: np.ndarray,
    suffix: np.ndarray,
    start: int,
    stop: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the freedom of n-grams, see `Ngrams.freedom`."""
    least = np.full(stop - start, np.inf)
    most = np.full(stop - start, -np.inf)
    left_growth = np.zeros(stop - start)
    right_growth = np.zeros(stop - start)
    for order in range(2, ORDER + 1):
        for place in range(max(start, starts[order]), min(stop, starts[order + 1])):
            n = place - start
            for at in range(1, order):
                left, right = halves(place, at, order, prefix, suffix)
                freedom = grams[left].right_entropy + grams[right].left_entropy
                least[n] = min(least[n], freedom)
                most[n] = max(most[n], freedom)
            gram = grams[place]
            left_growth[n] = gram.left_entropy - grams[suffix[place]].left_entropy
            right_growth[n] = gram.right_entropy - grams[prefix[place]].right_entropy
    return least, most, left_growth, right_growth
