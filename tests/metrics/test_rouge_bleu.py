import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from rouge import Rouge

from zoo.metrics.rouge_bleu import TitleScores, longest_common_subsequence, scores

TEXTS = st.text("网络的研究容错 .aAİ，", min_size=1, max_size=24)


def published(prediction, reference):
    """The lines of bert4torch's example, by the packages themselves."""
    reference = " ".join(reference).lower()
    prediction = " ".join(prediction).lower()
    if not prediction.strip():
        return 0.0, 0.0, 0.0, 0.0
    found = Rouge().get_scores(hyps=prediction, refs=reference)[0]
    bleu = sentence_bleu(
        references=[reference.split(" ")],
        hypothesis=prediction.split(" "),
        smoothing_function=SmoothingFunction().method1,
    )
    return found["rouge-l"]["f"], found["rouge-1"]["f"], found["rouge-2"]["f"], bleu


@given(TEXTS, TEXTS)
def test_scores_equal_those_of_the_packages(prediction, reference):
    # the package raises where nothing but full stops is left
    if not prediction.strip(".") or not reference.strip(" ."):
        return
    assert scores(prediction, reference) == pytest.approx(
        published(prediction, reference), abs=1e-9
    )


def test_an_empty_prediction_scores_nothing():
    assert scores("", "网络") == scores(" ", "网络") == (0.0, 0.0, 0.0, 0.0)


def test_a_title_of_full_stops_scores_nothing_and_raises_nothing():
    assert scores("...", "网络") == (0.0, 0.0, 0.0, 0.0)


@given(st.text("ab", max_size=7), st.text("ab", max_size=7))
def test_no_common_subsequence_is_longer(one, other):
    def subsequences(text):
        return {
            "".join(c for i, c in enumerate(text) if choice >> i & 1)
            for choice in range(2 ** len(text))
        }

    common = subsequences(one) & subsequences(other)
    found = "".join(longest_common_subsequence(one, other))
    assert found in common
    assert len(found) == max(map(len, common))


def test_the_mean_is_over_texts_and_in_percent():
    metric = TitleScores()
    metric.update(["网络", ""], ["网络", "研究"])
    metric.update(["容错"], ["网络"])
    assert metric.compute()["rouge_1"].item() == pytest.approx(100 / 3, abs=1e-4)


def test_the_interval_is_that_of_the_scores_of_the_texts():
    metric = TitleScores()
    for _ in range(30):  # half of them are right, half of them share nothing
        metric.update(["网络", "容错"], ["网络", "研究"])
    found = metric.compute()
    assert found["rouge_1"].item() == pytest.approx(50, abs=1e-4)
    # the mean of 60 coins: 1.96 times their standard error, 50 / sqrt(60)
    assert found["rouge_1_ci95"].item() == pytest.approx(12.65, abs=1.3)
    metric.reset()
    metric.update(["网络"] * 9, ["网络"] * 9)
    assert metric.compute()["bleu_ci95"] == 0


def test_the_rows_can_lie_on_a_device_without_float64():
    metric = TitleScores()
    metric.update(["网络研究"], ["网络的研究"])
    assert [row.dtype for row in metric.rows] == [torch.float32]
