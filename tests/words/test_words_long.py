"""Words of more than four characters: which are found, and what their score is made of."""

import random

import numpy as np
import pytest
from brute import sample_text

from zoo.words import count_ngrams, discover_words
from zoo.words.coarse_cut import cohesive, cut
from zoo.words.features import score
from zoo.words.long_words import FEATURES, chained, features
from zoo.words.ngram_statistics import measure
from zoo.words.ngram_table import spell

TERMS = ("约翰内斯堡", "薛定谔方程", "巴塔哥尼亚高原", "超导磁悬浮列车")


def planted(times, sentences=4000):
    lines = sample_text(sentences).split("。")
    draw = random.Random(times)
    for term in TERMS:
        for _ in range(times):
            place = draw.randrange(len(lines))
            lines[place] = f"{term}的{lines[place]}我去{term}"
    return "。".join(lines)


@pytest.mark.parametrize("times", [10, 100, 2000])
def test_long_terms_are_found_however_common_they_are(times):
    lexicon = discover_words(planted(times))
    assert set(TERMS) <= set(lexicon)
    scores = dict(zip(lexicon.words, lexicon.score, strict=True))
    assert min(scores[term] for term in TERMS) > 0
    assert lexicon.segment("天气约翰内斯堡的") == ["天气", "约翰内斯堡", "的"]


def test_its_inputs_are_those_of_its_ngrams():
    counts = count_ngrams(planted(50))
    ngrams = measure(counts, 5)
    pieces = cut(counts.texts(), ngrams, cohesive(ngrams), 8, chained(ngrams))
    chains = pieces.long
    words = list(chains)
    spelled = [spell(np.frombuffer(word, np.uint16), ngrams.alphabet) for word in words]
    scores = score(ngrams, pieces)
    inputs = features(ngrams, pieces, scores, words, np.array(list(chains.values())))
    found = dict(zip(FEATURES, inputs[spelled.index("巴塔哥尼亚高原")].tolist(), strict=True))
    texts = ngrams.words(np.arange(ngrams.grams.size))
    four = [texts.index("巴塔哥尼亚高原"[i : i + 4]) for i in range(4)]
    grams = ngrams.grams[four]
    relative = ngrams.pmi[four] / np.log(ngrams.total / grams["count"] + 1)
    inner = grams["right_entropy"][:-1] + grams["left_entropy"][1:]
    pair = texts.index("高原")
    assert found["count"] == pytest.approx(np.log(100))
    assert found["least_cohesion"] == pytest.approx(relative.min())
    assert found["right_entropy"] == pytest.approx(grams["right_entropy"][-1])
    assert found["most_inner"] == pytest.approx(inner.max())
    assert found["mean_score"] == pytest.approx(np.clip(scores[four], -12, 6).mean())
    share = (pieces.short[pair] + 0.5) / (ngrams.grams["count"][pair] + 1)
    assert found["last_pair_piece"] == pytest.approx(np.log(share))


def test_no_word_is_longer_than_asked():
    text = planted(100)
    assert max(map(len, discover_words(text, max_length=4))) == 4
    assert set(TERMS[:2]) <= set(discover_words(text, max_length=5))
    assert max(map(len, discover_words(text, max_length=5))) == 5


@pytest.mark.parametrize("chunk", [7, 1000, 1 << 20])
def test_one_look_at_the_text_cuts_it_by_both_kinds_of_ngrams(chunk):
    counts = count_ngrams(planted(50, 400))
    ngrams = measure(counts, 3)
    kept, chains = cohesive(ngrams), chained(ngrams)
    text = np.concatenate([*counts.texts()])
    texts = [text[i : i + chunk] for i in range(0, text.size, chunk)]
    both, first, second = (
        cut(texts, ngrams, *how) for how in ((kept, 8, chains), (kept, 8), (chains, 8))
    )
    np.testing.assert_array_equal(both.short, first.short)
    np.testing.assert_array_equal(both.roles, first.roles)
    assert both.long == second.long != first.long
