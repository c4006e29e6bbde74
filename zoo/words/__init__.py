"""Word discovery: a lexicon from raw text alone (kexue.fm/archives/4256 and 6920)."""

from zoo.words.counts import Counts
from zoo.words.discovery import count_ngrams, discover, discover_words
from zoo.words.lexicon import Lexicon
from zoo.words.segment import Segmenter

__all__ = ["Counts", "Lexicon", "Segmenter", "count_ngrams", "discover", "discover_words"]
