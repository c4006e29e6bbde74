"""How often words are used: counted where the segmenter cuts them, not wherever they stand.

An n-gram also occurs inside longer words and across two words, and these occurrences make it look
too probable. Viterbi training counts the words of the most probable cuts of the text itself, which
gives the next unigram model (hard EM); what was never used is forgotten, and what the segmenter
formed anew is learned. The text is read again in each round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from zoo.words.counting.counts import Counts
from zoo.words.lexicon import Lexicon
from zoo.words.segmentation.segmenter import Segmenter

# Both were chosen on the first half of the People's Daily: a third round gives nothing there.
ROUNDS = 2
SEEN = 2  # times that a word outside the lexicon is used, from which on it is learned
BLOCK = 1 << 17  # characters cut at a time


def recounted(lexicon: Lexicon, counts: Counts, *, progress: bool = False) -> Lexicon:
    """Return a lexicon whose segmenter counts words where they are used.

    The list and its columns stay; only `background` changes.

    Args:
        lexicon: the words found.
        counts: those of the text that it was found in, which hold the text.
        progress: show a progress bar.
    """
    known = lexicon.known()
    for _ in range(ROUNDS):
        segmenter = Segmenter(known)
        used: Counter[str] = Counter()
        for text in _texts(counts, progress):
            used.update(segmenter(text))
        known = {w: n for w, n in used.items() if w in known or (n >= SEEN and _is_new(w))}
    unused = {word: 0 for word in lexicon if word not in known}
    return replace(lexicon, background=dict(sorted({**unused, **known}.items())))


def _is_new(word: str) -> bool:
    """Say whether the segmenter formed a word of two or three letters itself."""
    return len(word) > 1 and word.isalpha() and not word.isascii()


def _texts(counts: Counts, progress: bool) -> Iterator[str]:
    """Yield the text in blocks that end with a line, or with the block if a line is longer."""
    characters = np.append(np.uint32(ord("\n")), counts.alphabet)
    rest = np.zeros(0, np.uint16)
    for part in counts.texts(progress=progress):
        codes = np.concatenate([rest, part])
        start = 0
        while codes.size - start >= BLOCK:
            breaks = np.flatnonzero(codes[start : start + BLOCK] == 0)
            stop = start + (int(breaks[-1]) + 1 if breaks.size else BLOCK)
            yield _spelled(characters[codes[start:stop]])
            start = stop
        rest = codes[start:]
    yield _spelled(characters[rest])


def _spelled(points: np.ndarray) -> str:
    return points.tobytes().decode("utf-32-le", "surrogatepass")
