"""Loops of the segmenter: symbols of a text, a trie of words, the best path through it."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.kernels import inline, kernel
from zoo.words.kernels.ngram_table import HASH

# What a code point is: its half-width form, and above it one bit for each kind. 0 is unseen.
HALF_WIDTH = np.uint32((1 << 21) - 1)
DIGIT, SEPARATOR, PERCENT, LETTER, ASCII, HYPHEN, MARK, COMBINING, SEEN = (
    np.uint32(1 << bit) for bit in range(21, 30)
)
NUMBER, LATIN, MARKS = np.uint32(ord("0")), np.uint32(0xE000), np.uint32(0xE001)  # forms
SPELLED, WIDE = 1, 2  # of a symbol: it is not its own form; it has full-width characters
NOWHERE = -1  # a node that is not there
BEGINS, INSIDE, ENDS = 0, 1, 2
POINT_BITS = np.uint64(21)


@kernel
def symbols(points: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide a text into symbols.

    Args:
        points: code points, uint32 (length,).
        kinds: what each code point is, uint32 (code points,).

    Returns:
        Where symbols begin, and the text's length: int64 (symbols + 1,); their forms, uint32
        (symbols,): the code point, or what stands for a number, a Latin word, a run of one mark;
        and the flags `SPELLED` and `WIDE` of each, uint8 (symbols,).
    """
    starts = np.empty(points.size + 1, np.int64)
    forms = points.copy()
    flags = np.zeros(points.size, np.uint8)
    n = i = 0
    while i < points.size:
        start, kind = i, kinds[points[i]]
        form = points[i]
        if kind & DIGIT:
            i = _repeated(points, kinds, i, DIGIT, SEPARATOR, DIGIT)
            i += np.int64(i < points.size and kinds[points[i]] & PERCENT != 0)
            form = NUMBER
        elif kind & LETTER:
            i = _repeated(points, kinds, i, LETTER, HYPHEN, ASCII)
            form = LATIN
        else:
            i += 1
            while kind & MARK and i < points.size and points[i] == points[start]:
                i += 1
                form = MARKS
        starts[n], forms[n] = start, form
        flags[n] = SPELLED if i > start + 1 or points[start] != form else 0
        for j in range(start, i):
            if kinds[points[j]] & HALF_WIDTH != points[j]:
                flags[n] |= WIDE
        n += 1
    starts[n] = points.size
    return starts[: n + 1], forms[:n], flags[:n]


@inline
def _repeated(
    points: np.ndarray, kinds: np.ndarray, i: int, first: Any, between: Any, later: Any
) -> int:
    """Return where `first+(between later+)*` ends, all three being kinds of characters."""
    while i < points.size and kinds[points[i]] & first:
        i += 1
    while i + 1 < points.size and kinds[points[i]] & between and kinds[points[i + 1]] & later:
        i += 2
        while i < points.size and kinds[points[i]] & later:
            i += 1
    return i


@inline
def _slot(node: Any, point: Any, edges: np.ndarray) -> Any:
    """Return where the edge from a node is, or the empty slot where it would be."""
    edge = _edge(node, point)
    last = edges.size - 1
    slot = np.int64((edge * HASH) >> np.uint64(32)) & last
    while edges[slot] != edge and edges[slot] != 0:
        slot = (slot + 1) & last
    return slot


@inline
def _edge(node: Any, point: Any) -> Any:
    """Return the edge from a node by a code point; it is never 0."""
    return ((np.uint64(node) + np.uint64(1)) << POINT_BITS) | np.uint64(point)


@kernel
def insert(
    points: np.ndarray, ends: np.ndarray, values: np.ndarray, edges: np.ndarray, known: np.ndarray
) -> None:
    """Put words into a trie: an open-addressing table of edges, whose slots are the nodes.

    Args:
        points: the words one after the other, uint32 (characters,).
        ends: where each ends, int64 (words,).
        values: ln p of each, float64 (words,).
        edges: uint64 (slots,), zeros, a power of two; becomes the edge to each node. The root
            has the number `slots`.
        known: float64 (slots,), NaN; becomes ln p of the word that ends at each node.
    """
    start = 0
    for word in range(ends.size):
        node = edges.size
        for i in range(start, ends[word]):
            slot = _slot(node, points[i], edges)
            edges[slot] = _edge(node, points[i])
            node = slot
        known[node] = values[word]
        start = ends[word]


@kernel
def walk(node: int, points: np.ndarray, mask: Any, edges: np.ndarray) -> Any:
    """Return the node that masked code points lead to from a node, or `NOWHERE`."""
    for point in points:
        if node == NOWHERE:
            break
        node = _slot(node, np.uint32(point) & mask, edges)
        node = node if edges[node] != 0 else NOWHERE
    return node


@kernel
def best_path(
    points: np.ndarray,
    kinds: np.ndarray,
    edges: np.ndarray,
    known: np.ndarray,
    columns: np.ndarray,
    places: np.ndarray,
    priors: np.ndarray,
    unseen: float,
    longest: int,
) -> tuple[np.ndarray, float]:
    """Return the best path: where its words end, last to first, int64 (words,), and its ln p.

    best(j) = max over i of best(i) + ln p(symbols i to j), see `zoo.words.segmentation.segmenter`.

    Args:
        points: code points of the text, uint32 (length,).
        kinds: as `symbols` takes them.
        edges: the trie, see `insert`.
        known: ln p of its words.
        columns: uint32 (code points,): where in `places` a character is; 0 if it is not.
        places: float64 (3, characters + 1): ln p of a character that begins, is inside of, or
            ends a word; the first column is minus infinity.
        priors: float64 (4,): ln of the prior of a word outside the trie, by its length.
        unseen: ln p of a character that the corpus never had alone.
        longest: symbols of a word, at most.
    """
    starts, forms, flags = symbols(points, kinds)
    best = np.full(forms.size + 1, -np.inf)
    best[0] = 0.0
    before = np.zeros(forms.size + 1, np.int64)
    for i in range(forms.size):
        # Three walks through the trie: by the forms of the symbols, as they are spelled, and as
        # they are spelled in half width. They are one while each symbol is its own form.
        formed = spelled = folded = edges.size
        marks = True  # all after the first are combining marks
        flag = 0
        for j in range(i + 1, min(i + longest, forms.size) + 1):
            flag |= flags[j - 1]
            symbol = points[starts[j - 1] : starts[j]]
            formed = walk(formed, forms[j - 1 : j], HALF_WIDTH, edges)
            spelled = walk(spelled, symbol, HALF_WIDTH, edges) if flag & SPELLED else formed
            if flag & WIDE:
                for point in symbol:
                    half = kinds[point : point + 1]
                    folded = walk(folded, half, HALF_WIDTH, edges)
            else:
                folded = spelled
            marks &= j == i + 1 or kinds[forms[j - 1]] & COMBINING != 0
            # What is spelled goes first, then its half width, then its form, then a new word.
            value = known[spelled] if spelled != NOWHERE else np.nan
            if np.isnan(value) and flag & SPELLED and folded != NOWHERE:
                value = known[folded]
            if np.isnan(value) and flag & SPELLED and formed != NOWHERE:
                value = known[formed]
            if np.isnan(value) and marks:
                value = unseen
            elif np.isnan(value) and j - i <= 3 and kinds[forms[i]] & COMBINING == 0:
                begins = places[BEGINS, columns[forms[i]]]
                value = priors[j - i] + begins + places[ENDS, columns[forms[j - 1]]]
                if j - i == 3:
                    value += places[INSIDE, columns[forms[i + 1]]]
            if best[i] + value > best[j]:
                best[j] = best[i] + value
                before[j] = i
            if j - i >= 3 and not marks and formed == spelled == folded == NOWHERE:
                break
    ends = np.empty(forms.size, np.int64)
    n = 0
    j = forms.size
    while j:
        ends[n] = starts[j]
        n += 1
        j = before[j]
    return ends[:n], best[-1]
