"""Which of the words found are listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from zoo.words.lexicon import Lexicon
from zoo.words.texts.word_lists import word_counts


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a word must be to stand in the list; the segmenter knows the others all the same.

    Args:
        exclude: words to leave out of the result: a dictionary.
        known: words known in advance, which the segmenter uses whether they were found or not:
            words, or words and their counts, see `Lexicon.knowing`.
        stop_characters: characters such as `"的了在"`, with which no word begins or ends.
        min_score: least score.
        min_pmi: least PMI, in nats; words of more than four characters have none, and stay.
        min_entropy: least branching entropy on both sides, in nats; likewise.
    """

    exclude: Iterable[str] = ()
    known: Iterable[str] | Mapping[str, float] = ()
    stop_characters: str = ""
    min_score: float | None = None
    min_pmi: float | None = None
    min_entropy: float | None = None

    def __post_init__(self) -> None:
        for name in ("exclude", "known"):  # before the work
            object.__setattr__(self, name, word_counts(name, getattr(self, name)))

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> Listing:
        """Take those of these arguments that are among some options out of them."""
        names = [field.name for field in fields(cls) if field.name in options]
        return cls(**{name: options.pop(name) for name in names})

    def of(self, lexicon: Lexicon) -> Lexicon:
        """Return a lexicon with these words only, see `Lexicon.where`."""
        stop = set(self.stop_characters)
        wanted = np.array(
            [word not in self.exclude and not {word[0], word[-1]} & stop for word in lexicon], bool
        )
        for least, values in (
            (self.min_score, lexicon.score),
            (self.min_pmi, lexicon.pmi),
            (self.min_entropy, np.minimum(lexicon.left_entropy, lexicon.right_entropy)),
        ):
            if least is not None:
                wanted &= ~(values < least)  # what is not known, NaN, is not below
        listed = lexicon if wanted.all() else lexicon.where(wanted)
        return listed.knowing(self.known) if self.known else listed
