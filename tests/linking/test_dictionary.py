"""Matches against `str.find`, and maximum matching against all cuts of a text."""

from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from zoo.linking.knowledge.dictionary import Dictionary, hash_all
from zoo.linking.knowledge.matching import longest
from zoo.linking.names import Folded, fold, fold_name

LETTERS = "aAİ子美歐陽 《》é\u0301👩\u200d🚀ＡßσςΣ1"
NAMES = st.lists(st.text(LETTERS, min_size=1, max_size=4).map(fold_name).filter(bool), max_size=8)
TEXTS = st.text(LETTERS, max_size=12)


def dictionary_of(names):
    return Dictionary.empty().with_pairs([(name, row) for row, name in enumerate(names)])


def joined(a, b):
    """Whether two neighbours are of one word of an alphabet."""
    return all(c.isalnum() and ord(c) < 0x590 for c in (a, b))


def brute(names, text):
    """Spans (start, end, name) of a text, found by `str.startswith` at each start of the folded."""
    folded = "".join(fold(c) for c in text)
    origin = [i for i, c in enumerate(text) for _ in fold(c)]
    found = []
    for name in set(names):
        for start in range(len(folded)):
            end = start + len(name)
            if not folded.startswith(name, start):
                continue
            if any(0 < i < len(folded) and joined(folded[i - 1], folded[i]) for i in (start, end)):
                continue
            if any(0 < i < len(folded) and origin[i - 1] == origin[i] for i in (start, end)):
                continue
            found.append((origin[start], origin[end - 1] + 1, name))
    return sorted(found)


@given(NAMES, st.lists(TEXTS, max_size=4))
@example(["i\u0307"], ["İİ", ""])
@example(["a"], ["aa a ａ子a"])
def test_hits_are_those_of_a_search_without_an_index(names, texts):
    dictionary = dictionary_of(names)
    found = dictionary.hits([Folded.of(text) for text in texts])
    for text, hits in zip(texts, found, strict=True):
        spans = [(hit.start, hit.end, dictionary.name(hit.name)) for hit in hits]
        assert spans == sorted(spans, key=lambda span: span[:2])
        assert sorted(spans) == brute(names, text)


def cuts(hits, start, length):
    """All ways to cut a text from `start` into hits and single characters, as lists of pieces."""
    if start == length:
        yield []
        return
    pieces = [(start + 1, None), *((hit.end, hit) for hit in hits if hit.start == start)]
    for end, hit in pieces:
        for rest in cuts(hits, end, length):
            yield [(start, end, hit), *rest]


@given(NAMES, st.text("子美歐陽", max_size=9))
@example(["子", "子美"], "子美美")
def test_maximum_matching_is_the_best_of_all_cuts(names, text):
    hits = dictionary_of(names).hits([Folded.of(text)])[0]
    best = min(
        cuts(hits, 0, len(text)),
        key=lambda cut: (len(cut), [(start - end, hit is None) for start, end, hit in cut]),
    )
    assert longest(hits, len(text)) == [hit for _, _, hit in best if hit]
    assert all(a.end <= b.start for a, b in pairwise(longest(hits, len(text))))


@given(NAMES, NAMES)
def test_adding_names_is_as_if_all_were_there_at_once(first, second):
    whole = dictionary_of([*first, *second])
    grown = dictionary_of(first).with_pairs(
        [(name, len(first) + row) for row, name in enumerate(second)]
    )
    for key, array in whole.arrays().items():
        assert grown.arrays()[key].tolist() == array.tolist(), key


@given(NAMES, st.data())
def test_removing_rows_leaves_the_names_of_the_others(names, data):
    kept = data.draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names)))
    left = dictionary_of(names).without_rows(np.array(kept, bool))
    for name in names:
        rows = [row for row, other in enumerate(names) if other == name and kept[row]]
        (number,) = left.find([name])
        assert (left.rows_of(number).tolist() if number is not None else []) == rows


def test_hashes_of_similar_names_differ():
    names = [chr(a) + chr(b) for a in range(0x4E00, 0x4F00) for b in range(0x4E00, 0x4F00)]
    names += ["子" * n for n in range(1, 300)]
    assert len(set(hash_all(names).tolist())) == len(names)


def test_a_name_of_ten_thousand_characters_is_found_in_a_text_of_a_hundred_thousand():
    name = "子美" * 5000
    dictionary = dictionary_of([name, "歐陽"])
    hits = dictionary.hits([Folded.of("歐陽" + "美" * 50_000 + name + "歐" * 40_000)])[0]
    assert [(hit.start, hit.end) for hit in hits] == [(0, 2), (50_002, 60_002)]
