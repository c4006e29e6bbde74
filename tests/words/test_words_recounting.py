"""Counts of words where the segmenter uses them."""

from collections import Counter

import numpy as np
import pytest
from brute import sample_text

from zoo.words import Lexicon, Segmenter, count_ngrams, discover_words
from zoo.words.segmentation import recounting
from zoo.words.texts.word_lists import read_counts

TEXT = sample_text(1500)


def by_hand(lexicon, text):
    """Two rounds over whole lines."""
    known = lexicon.known()
    for _ in range(2):
        segmenter = Segmenter(known)
        used = Counter(word for line in text.split("。") for word in segmenter(line))
        known = {w: n for w, n in used.items() if w in known or (n > 1 and len(w) > 1)}
    return known


@pytest.mark.parametrize("block", [40, 1 << 17])
def test_it_counts_what_two_rounds_of_the_segmenter_use(block, monkeypatch, tmp_path):
    monkeypatch.setattr(recounting, "BLOCK", block)
    plain = discover_words(TEXT)
    lexicon = discover_words(TEXT, recount=True)
    expected = by_hand(plain, TEXT)
    assert {w: n for w, n in lexicon.known().items() if n} == expected
    assert list(lexicon) == list(plain)
    np.testing.assert_array_equal(lexicon.count, plain.count)
    assert lexicon.counts.items() >= plain.counts.items() - plain.background.items()
    lexicon.save(tmp_path / "words.tsv")
    assert read_counts(tmp_path / "words.tsv") == lexicon.counts
    again = Lexicon.load(tmp_path / "words.tsv")
    for same in (again, lexicon.top(1), discover_words(TEXT, recount=True, min_score=3.0)):
        assert same.segment(TEXT) == lexicon.segment(TEXT)


def test_parts_that_are_merged_are_recounted_as_the_whole():
    middle = TEXT.index("。", len(TEXT) // 2) + 1
    parts = count_ngrams(TEXT[:middle]), count_ngrams(TEXT[middle:])
    merged = discover_words(type(parts[0]).merge(*parts), recount=True)
    assert merged.background == discover_words(TEXT, recount=True).background
