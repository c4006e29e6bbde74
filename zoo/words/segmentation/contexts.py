"""Where words stand in a text: in how many documents, and examples with their surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from zoo.words.lexicon import Lexicon
from zoo.words.segmentation.segmenter import Segmenter
from zoo.words.texts.paths import Source
from zoo.words.texts.reading import lines, read

WIDTH = 12  # characters on each side


@dataclass
class Use:
    """How a word is used in a text.

    Attributes:
        count: occurrences, as the segmenter cuts.
        documents: documents in which it occurs; a document is a line.
        examples: the first different occurrences, with what stands around them.
    """

    count: int = 0
    documents: int = 0
    examples: list[str] = field(default_factory=list)


def find_uses(
    lexicon: Lexicon, source: Source, *, examples: int = 3, width: int = WIDTH, **reading: Any
) -> dict[str, Use]:
    """Cut a text into words, and return how each word of a lexicon is used in it.

    Listed words that the segmenter of the lexicon takes for phrases are cut out, too.

    Args:
        lexicon: the words, in whose order the result is; those that do not occur have no uses.
        source: text as `zoo.discover_words` takes it.
        examples: of each word, at most.
        width: characters around an example, on each side.
        reading: `encoding`, `errors`, `skip_bad`, `dedup` and `progress` of `discover_words`.

    Raises:
        ValueError: if `examples` or `width` is below 0.
    """
    for name, value in (("examples", examples), ("width", width)):
        if value < 0:
            raise ValueError(f"{name} is {value}: expected 0 or more")
    uses = {word: Use() for word in lexicon}
    background = {word: n for word, n in lexicon.background.items() if n}
    segmenter = Segmenter({**lexicon.counts, **background})  # those listed as phrases, too
    with read(source, **reading) as blocks:
        for line in lines(blocks):
            seen = set()
            for word, start in _places(segmenter(line), uses):
                use = uses[word]
                use.count += 1
                use.documents += word not in seen
                seen.add(word)
                if len(use.examples) < examples:
                    example = line[max(0, start - width) : start + len(word) + width].strip()
                    use.examples += [example] if example not in use.examples else []
    return uses


def _places(words: list[str], wanted: dict[str, Use]) -> Iterator[tuple[str, int]]:
    """Yield those words of a line that are wanted, and where they begin."""
    start = 0
    for word in words:
        if word in wanted:
            yield word, start
        start += len(word)
