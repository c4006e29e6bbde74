"""Losses, calibration and overlaps against loops written plainly."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data.text import CharacterTokenizer
from zoo.linking.behaviour import Behaviour
from zoo.linking.calibration import Calibration, fit
from zoo.linking.inputs import InputMaker, facts, overlaps
from zoo.linking.losses import half_pointers, listed, listwise

COUNTS = st.lists(st.integers(0, 3), min_size=1, max_size=5)


@given(COUNTS, st.data())
def test_the_listwise_loss(counts, data):
    answers = [data.draw(st.integers(-1, count - 1)) for count in counts]
    scores, nil = torch.randn(sum(counts)), torch.randn(len(counts))
    question = torch.tensor([q for q, n in enumerate(counts) for _ in range(n)], dtype=torch.int64)
    place = torch.tensor([i for n in counts for i in range(n)], dtype=torch.int64)
    logits = listed(scores, nil, question, place)
    losses = listwise(logits, torch.tensor(answers))
    start = 0
    for number, (count, answer) in enumerate(zip(counts, answers, strict=True)):
        own = [float(nil[number]), *scores[start : start + count].tolist()]
        start += count
        expected = math.log(sum(map(math.exp, own))) - own[answer + 1]
        assert float(losses[number]) == pytest.approx(expected, abs=1e-5)


def test_half_pointers():
    logits = torch.randn(2, 3, 2)
    gold = torch.randint(0, 2, (2, 3, 2)).float()
    matched = torch.randint(0, 2, (2, 3, 2)).float()
    valid = torch.tensor([[True, True, True], [True, False, False]])
    for row, loss in enumerate(half_pointers(logits, gold, matched, valid).tolist()):
        total = 0.0
        for time in range(3):
            for side in range(2):
                if valid[row, time] and matched[row, time, side]:
                    p = 1 / (1 + math.exp(-logits[row, time, side]))
                    total -= math.log(p if gold[row, time, side] else 1 - p)
        assert loss == pytest.approx(total / int(valid[row].sum()), abs=1e-5)


@given(st.text("子美，1 a", max_size=12), st.text("子美，1 a", max_size=12))
def test_overlaps(side, other):
    marks = overlaps(side, other)
    assert marks.shape == (len(side), 3)
    for i, character in enumerate(side):
        assert marks[i, 0] == (character in other)
        starts = [j for j in range(len(side)) for f in facts(other) if 2 <= len(f) <= 10
                  and side.startswith(f, j) and j <= i < j + len(f)]  # fmt: skip
        assert marks[i, 2] == bool(starts)
        if marks[i, 1]:
            assert marks[i, 0]


def test_a_fact_in_common_is_marked():
    marks = overlaps("在世：1030、1040", "宋，在世：1040、1050")
    assert marks[:, 1].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]


@given(st.integers(1, 40), st.integers(0, 3), st.integers(0, 1000))
@settings(max_examples=40)
def test_the_threshold_is_the_best_of_all(questions, candidates, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(questions, 1 + candidates, generator=generator).round()  # so some tie
    logits[:, 1:][torch.rand(questions, candidates, generator=generator) < 0.3] = -torch.inf
    answer = torch.randint(-1, candidates, (questions,), generator=generator)
    calibration = fit(logits, answer)
    probabilities = Calibration(calibration.temperature).probabilities(logits.double())

    def right(threshold):
        return int((Calibration(1.0, threshold).choose(probabilities) == answer).sum())

    tried = [p / (p + row[0]) for row in probabilities.tolist() for p in row[1:]]
    best = max(right(t - 1e-9) for t in [0.0, 1.1, *tried])
    if calibration.threshold:
        assert right(calibration.threshold - 1e-9) == best
    else:
        assert best - right(0.0) <= questions**0.5


def test_one_question_makes_no_threshold():
    logits = torch.tensor([[0.0, 1.0]] + [[0.0, 5.0]] * 99)
    for unknown, expected in ((1, True), (2, False)):
        answer = torch.tensor([-1] * unknown + [0] * (100 - unknown))
        rows = torch.cat([logits[:1].expand(unknown, 2), logits[unknown:]])
        assert (fit(rows, answer).threshold == 0) == expected


def test_mentions_without_candidates_make_no_threshold():
    """They are NIL at any, so they do not say that it is worth more than its standard error."""
    rows = torch.tensor([[0.0, 1.0]] + [[0.0, 5.0]] * 9 + [[0.0, -torch.inf]] * 90)
    answer = torch.tensor([-1] + [0] * 9 + [-1] * 90)
    assert fit(rows, answer).threshold == fit(rows[:10], answer[:10]).threshold == 0


def test_questions_of_the_same_share_are_linked_together_or_not_at_all():
    rows = torch.tensor([[0.0, 3.0]] * 20 + [[0.0, 1.0]] * 30)
    answer = torch.tensor([0] * 20 + [-1, 0, 0] * 10)  # of the tie, two in three
    assert fit(rows, answer).threshold == 0
    answer = torch.tensor([0] * 20 + [0, -1, -1] * 10)  # of the tie, one in three
    calibration = fit(rows, answer)
    chosen = calibration.choose(calibration.probabilities(rows.double()))
    assert chosen.tolist() == [0] * 20 + [-1] * 30


def test_an_answer_that_was_not_read_says_nothing_of_the_temperature():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(500, 4, generator=generator)
    answer = (2 * logits).softmax(-1).multinomial(1, generator=generator)[:, 0] - 1
    unread = torch.tensor([[0.0, 1.0, 1.0, -torch.inf]])
    both = fit(torch.cat([logits, unread]), torch.cat([answer, torch.tensor([2])]))
    assert both.temperature == fit(logits, answer).temperature
    assert fit(unread, torch.tensor([2])).temperature == 1


def test_candidates_that_are_not_the_best_do_not_speak_for_nil():
    probabilities = torch.tensor([[0.1, 0.3, 0.3, 0.3], [0.4, 0.3, 0.3, 0.0], [0.0, 0.0, 1.0, 0.0]])
    assert Calibration(1.0, 0.5).choose(probabilities).tolist() == [0, -1, 1]
    assert Calibration(1.0, 0.0).choose(probabilities).tolist() == [0, 0, 1]
    assert Calibration(1.0, 1.1).choose(probabilities).tolist() == [-1, -1, -1]


def test_the_temperature_of_overconfident_logits_is_theirs():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 4, generator=generator)
    answer = logits.softmax(-1).multinomial(1, generator=generator)[:, 0] - 1
    assert fit(logits * 3, answer).temperature == pytest.approx(3, rel=0.05)


def test_nothing_to_fit_to():
    with pytest.raises(ValueError, match="no validation question"):
        fit(torch.zeros(0, 2), torch.zeros(0))


def test_a_calibration_is_written_and_opened(tmp_path):
    assert Calibration(2.0, 0.3).write(tmp_path, "calibration") == ["calibration.json"]
    assert Calibration.open(tmp_path, "calibration") == Calibration(2.0, 0.3)


@pytest.mark.parametrize("odd", [{"temperature": 0}, {"temperature": "1"}, {"threshold": None}])
def test_a_strangers_calibration_is_checked_when_opened(odd, tmp_path):
    (tmp_path / "calibration.json").write_text(json.dumps(odd))
    with pytest.raises(ValueError, match="expected"):
        Calibration.open(tmp_path, "calibration")


@pytest.mark.parametrize("count", [1.5, -1, "2", True, None])
def test_a_strangers_counts_are_checked_when_opened(count):
    with pytest.raises(ValueError, match="expected a whole number"):
        Behaviour.from_dict(Behaviour().to_dict() | {"chosen": {"蘇": {"a": count}}})


@pytest.mark.parametrize("odd", [{"max_text": 1.5}, {"max_context": -1}, {"overlap": (3,)}])
def test_a_strangers_input_maker_is_checked(odd):
    with pytest.raises(ValueError, match="expected"):
        InputMaker(CharacterTokenizer("ab"), **odd)
