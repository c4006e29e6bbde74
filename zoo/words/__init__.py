"""Word discovery: a lexicon from raw text alone (kexue.fm/archives/4256 and 6920)."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.words.counting.counts import Counts as Counts
    from zoo.words.discovery import count_ngrams as count_ngrams
    from zoo.words.discovery import discover as discover
    from zoo.words.discovery import discover_words as discover_words
    from zoo.words.lexicon import Lexicon as Lexicon
    from zoo.words.segmentation.contexts import find_uses as find_uses
    from zoo.words.segmentation.segmenter import Segmenter as Segmenter

attach(__name__, __file__)
