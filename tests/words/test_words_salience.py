"""The order of words by what is peculiar to a corpus."""

import math

import numpy as np
import pytest
from brute import sample_text
from hypothesis import given
from hypothesis import strategies as st

from zoo.words import Lexicon, discover_words
from zoo.words.cli import run
from zoo.words.lexicon import salience
from zoo.words.texts.word_lists import read_counts

NUMBERS = st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500)), min_size=2, max_size=9)


def by_hand(y, n, other, m, prior):
    """Monroe et al. 2008: eq. 15 with the prior of eq. 23, eq. 20, eq. 22."""
    alpha = prior * (y + other) / (n + m)
    ours = (y + alpha) / (n + prior - y - alpha)
    theirs = (other + alpha) / (m + prior - other - alpha)
    return math.log(ours / theirs) / math.sqrt(1 / (y + alpha) + 1 / (other + alpha))


@given(NUMBERS, st.floats(1, 1e4))
def test_it_is_the_formula(pairs, prior):
    words = np.array([f"w{i}" for i in range(len(pairs))], object)
    count = np.array([y for y, _ in pairs])
    against = {word: z for word, (_, z) in zip(words, pairs, strict=True)} | {"other": 7}
    n, m = count.sum() + 3, sum(against.values())
    found = salience(words, count, n, against, prior)
    wanted = [by_hand(y, n, z, m, prior) for y, z in pairs]
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_what_both_have_alike_is_zero_and_swapping_the_texts_changes_the_sign():
    words = np.array(["今天", "电阻", "天气"], object)
    here, there = np.array([40, 30, 30]), np.array([40, 10, 50])
    one = salience(words, here, 100, dict(zip(words, there.tolist(), strict=True)))
    two = salience(words, there, 100, dict(zip(words, here.tolist(), strict=True)))
    assert one[0] == 0
    np.testing.assert_allclose(one, -two)


def test_the_words_of_the_domain_come_first(tmp_path, capsys):
    everyday = sample_text()
    domain = everyday.replace("公园", "电容")
    options = {"method": "ngram", "min_count": 20, "thresholds": (0, 1, 1, 1)}
    ordinary = discover_words(everyday, **options)
    special = discover_words(domain, **options)
    first = special.sorted("salience", ordinary.counts)
    assert first.words[0] == "电容"
    assert first.salience(ordinary.counts)[0] > 5
    assert set(first) == set(special)
    assert list(special.sorted("count").count) == sorted(special.count, reverse=True)
    ordinary.save(tmp_path / "everyday.tsv")
    assert read_counts(tmp_path / "everyday.tsv") == ordinary.counts
    (tmp_path / "domain.txt").write_text(domain, encoding="utf-8")
    arguments = [str(tmp_path / "domain.txt"), "--method", "ngram", "--min-count", "20"]
    arguments += ["--sort", "salience"]
    with pytest.raises(ValueError, match="--against FILE go together"):
        run(arguments)
    arguments += ["--against", str(tmp_path / "everyday.tsv"), "-o", str(tmp_path / "out.tsv")]
    run([*arguments, "--thresholds", "[0,1,1,1]"])
    saved = Lexicon.load(tmp_path / "out.tsv")
    assert list(saved.words) == list(first.words)


def test_counts_are_read_from_dictionaries_and_bad_lines_are_named(tmp_path):
    path = tmp_path / "dict.txt"
    path.write_text("今天 9 t\n\n天气\t3\n今天 1\n", encoding="utf-8")
    assert read_counts(path) == {"今天": 10, "天气": 3}
    path.write_text("word count\n今天 9\n天气\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"dict\.txt:3: '天气' has no count"):
        read_counts(path)


@pytest.mark.parametrize("against", [{}, {"今天": 0}, {"今天": -1, "天气": 5}])
def test_counts_of_nothing_are_refused(against):
    with pytest.raises(ValueError, match="expected counts above 0"):
        salience(np.array(["今天"], object), np.array([1]), 1, against)
