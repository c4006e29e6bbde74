"""The whole way from text to lexicon, against slow implementations of the two posts."""

import subprocess
import sys

import brute
import numpy as np
import pytest
from brute import WORDS, sample_text
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.words import Counts, count_ngrams, discover_words
from zoo.words.choice import choose
from zoo.words.coarse_cut import cohesive, cut
from zoo.words.counting.memory import Budget, parse_size
from zoo.words.discovery import (
    DEFAULT_CHARACTERS,
    discover,
)
from zoo.words.long_words import chained
from zoo.words.ngram_statistics import automatic_min_count, measure

SELDOM = "我去博物馆，博物馆好。今天博物馆的公园。去看花灯，花灯好，我的花灯。"
SMALL = st.text(alphabet="甲乙丙丁a1 ，\n", max_size=200)


@settings(max_examples=60)
@given(SMALL, st.integers(1, 3), st.floats(-1, 2))
def test_ngram_method_equals_a_slow_implementation(text, min_count, threshold):
    thresholds = (0, threshold, threshold, threshold)
    lexicon = discover_words(
        text + "\n", method="ngram", min_count=min_count, thresholds=thresholds, max_length=999
    )
    lines = brute.sentences(text, "一-龥0-9a-zA-Z")
    expected = brute.ngram_method(lines, min_count, thresholds)
    assert dict(zip(lexicon.words, lexicon.count, strict=True)) == expected


@settings(max_examples=60)
@given(SMALL, st.integers(1, 3), st.floats(-1, 2))
def test_truncated_counting_equals_a_slow_implementation(text, min_count, threshold):
    thresholds = (0, threshold, threshold, threshold)
    lexicon = discover_words(
        text + "\n",
        method="ngram",
        counting="truncated",
        min_count=min_count,
        thresholds=thresholds,
        max_length=999,
    )
    lines = brute.sentences(text, "一-龥0-9a-zA-Z ")
    expected = brute.repository_method(lines, min_count, thresholds)
    assert dict(zip(lexicon.words, lexicon.count, strict=True)) == expected


@pytest.mark.parametrize("method", ["ngram", "pmi+entropy"])
def test_words_put_in_are_found(method):
    lexicon = discover_words(sample_text(), method=method, min_count=20, thresholds=(0, 1, 1, 1))
    long = [w for w in WORDS if len(w) > 1]
    assert set(long) <= set(lexicon.words)
    found = [w for w in lexicon.words if w not in long]
    assert len(found) <= len(long) // 2
    assert (np.diff(lexicon.score) <= 0).all()
    sentence = "今天我去图书馆，人工智能"
    assert lexicon.segment(sentence) == ["今天", "我", "去", "图书馆", "，", "人工智能"]


def test_chains_give_words_of_more_than_four():
    text = "".join(f"{chr(0x5100 + i)}甲乙丙丁戊己庚{chr(0x5200 + i)}，" for i in range(80))
    text += sample_text(500)
    options = {"method": "ngram", "min_count": 10, "thresholds": (0, 1, 2, 3)}
    assert "甲乙丙丁戊己庚" in discover_words(text, **options)
    shorter = discover_words(text, **options, max_length=6)
    assert "甲乙丙丁戊己庚" not in shorter


@pytest.mark.parametrize("min_count", [None, 100])
def test_one_lexicon_for_every_way_to_count(min_count, tmp_path):
    text = sample_text(1500)
    whole = discover_words(text, min_count=min_count)
    lines = text.split("\n")
    (tmp_path / "a.txt").write_text("\n".join(lines[:200]), encoding="utf-8")
    (tmp_path / "b.txt").write_text("\n".join(lines[200:]), encoding="utf-8")
    count_ngrams(tmp_path / "a.txt").save(tmp_path / "a.counts")
    count_ngrams(tmp_path / "b.txt", threads=1).save(tmp_path / "b.counts")
    shards = [Counts.load(tmp_path / f"{name}.counts") for name in "ba"]
    for other in (
        discover_words(reversed(lines), min_count=min_count, threads=1),
        discover_words(
            [tmp_path / "b.txt", tmp_path / "a.txt"], min_count=min_count, memory="240MB"
        ),
        discover_words(Counts.merge(*shards), min_count=min_count),
    ):
        assert list(other.words) == list(whole.words)
        np.testing.assert_array_equal(other.score, whole.score)
        np.testing.assert_array_equal(other.count, whole.count)
        assert other.background == whole.background
        assert other.segment(text) == whole.segment(text)


@pytest.mark.parametrize("method", ["ngram", "pmi+entropy"])
def test_words_too_rare_to_list_are_known_to_the_segmenter(method):
    text = sample_text(1500) + SELDOM
    options = {"method": method, "thresholds": (0, 1, 1, 1)}
    lexicon = discover_words(text, min_count=100, **options)
    counts = count_ngrams(text, characters=DEFAULT_CHARACTERS[method])
    ngrams = measure(counts, 100)
    kept = cohesive(ngrams, options["thresholds"])
    pieces = cut(counts.texts(), ngrams, kept, 8, kept if method == "ngram" else chained(ngrams))
    alone = choose(ngrams, kept, pieces, method)
    assert lexicon.words.tolist() == alone.words.tolist()
    assert lexicon.min_count == alone.min_count == 100
    for name in ("count", "score", "pmi", "left_entropy", "right_entropy"):
        np.testing.assert_array_equal(getattr(lexicon, name), getattr(alone, name))
    rarer = {word: n for word, n in lexicon.background.items() if len(word) > 1}
    assert {"博物馆": 3, "花灯": 3}.items() <= rarer.items()
    assert not rarer.keys() & set(lexicon.words)
    assert all(n <= text.count(word) for word, n in rarer.items())
    sentence = "明天去博物馆的花灯"
    assert lexicon.segment(sentence) == ["明天", "去", "博物馆", "的", "花灯"]
    assert alone.segment(sentence) != lexicon.segment(sentence)

    automatic = discover_words(text, min_count=2, **options)
    assert discover_words(text, **options).background == automatic.background
    assert not any(len(word) > 1 for word in automatic.background)


def test_less_memory_for_rarer_words_changes_no_lexicon(caplog):
    counts = count_ngrams(sample_text(1500) + SELDOM)
    free = discover(counts, min_count=100)
    tight = discover(counts, min_count=100, budget=Budget(1 << 20, 0, 1 << 20, 150, 10**9))
    assert "times only, in the segmenter" in caplog.text
    assert tight.words.tolist() == free.words.tolist()
    assert tight.score.tolist() == free.score.tolist()
    assert "花灯" in free.background
    assert "花灯" not in tight.background


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method='magic': expected"),
        ({"counting": "some"}, "counting='some': expected"),
        ({"counting": "truncated"}, "no entropies"),
        ({"min_count": 0}, "min_count=0: expected"),
        ({"min_count": 2.5}, "min_count=2.5: expected a whole number"),
        ({"max_length": 1}, "max_length=1: expected"),
        ({"thresholds": (1, 2)}, "expected 4 numbers"),
        ({"characters": "all"}, "characters='all': expected"),
        ({"memory": "lots"}, "memory='lots': expected"),
        ({"memory": "inf"}, "memory='inf': expected"),
        ({"memory": float("nan")}, "memory=nan: expected"),
        ({"memory": "1MB"}, "memory='1MB': expected at least"),
        ({"threads": 0}, "threads=0: expected"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        discover_words("甲乙", **options)


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        ({}, {"characters": "post"}),
        ({"characters": "post"}, {"characters": "unspaced"}),
        ({}, {"half_width": True}),
        ({}, {"counting": "truncated", "method": "ngram"}),
        ({"counting": "truncated"}, {"counting": "exact", "method": "ngram"}),
    ],
)
def test_counts_that_were_made_in_another_way_are_refused(made, asked, tmp_path):
    counts = count_ngrams("甲乙甲乙", **made)
    counts.save(tmp_path / "a.counts")
    (tmp_path / "b.txt").write_text("甲乙", encoding="utf-8")
    for source in (counts, tmp_path / "a.counts", [tmp_path / "a.counts", tmp_path / "b.txt"]):
        with pytest.raises(ValueError, match="as the counts were made; leave it out"):
            discover_words(source, **asked)


def test_truncated_counts_are_for_their_method():
    counts = count_ngrams("甲乙甲乙", counting="truncated")
    for find in (discover_words, discover):
        with pytest.raises(ValueError, match="no entropies"):
            find(counts)
    assert discover_words(counts, method="ngram", min_count=1).counts


def test_texts_are_counted_as_the_counts_beside_them(tmp_path):
    (tmp_path / "a.txt").write_text("Ｔ恤和３Ｄ，３Ｄ和Ｔ恤", encoding="utf-8")
    counts = count_ngrams(tmp_path / "a.txt", characters="letters", half_width=True)
    counts.save(tmp_path / "a.counts")
    both = count_ngrams([tmp_path / "a.counts", tmp_path / "a.txt"])
    assert (both.characters, both.half_width, both.length) == ("letters", True, 2 * counts.length)


@pytest.mark.parametrize("text", ["", "\n\n", "，。", "甲", "hello world 123"])
@pytest.mark.parametrize("method", ["ngram", "pmi+entropy"])
def test_texts_without_words(text, method):
    assert len(discover_words(text + "\n", method=method)) == 0


def test_the_automatic_minimum_grows_with_the_square_root():
    assert automatic_min_count(0) == 2
    assert automatic_min_count(1_800_000) == 3
    assert automatic_min_count(100 * 1_800_000) == 30


def test_sizes():
    assert [parse_size(x) for x in ("512MB", "2GiB", "1 kB".upper(), 7, None, "9", 2e9)] == [
        512_000_000,
        2 << 30,
        1000,
        7,
        None,
        9,
        2_000_000_000,
    ]


def test_never_needs_torch():
    code = "import sys, zoo.words; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
