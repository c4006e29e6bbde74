"""The laboratory: ratios and intervals, loops, and the model that no shortcut ends."""

import re

import numpy as np
import pytest
from scipy.stats import binomtest

from zoo import hub
from zoo.decoding.data import Poems
from zoo.decoding.laboratory import (
    BUNDLED,
    METHODS,
    Endless,
    Termination,
    distinct,
    endless,
    expected_length,
    loop_period,
    non_termination_ratio,
)
from zoo.decoding.plot import plot_curves

LIMIT = 150
EPS = 0.01  # both heads stop a greedy decoder within 69 steps
ANCESTRAL = {"ancestral": METHODS["ancestral"]}
CONSISTENT = {name: options for name, options in METHODS.items() if "consistent" in name}
PLAIN = {name: METHODS[name] for name in METHODS if name not in {*CONSISTENT, "ancestral"}}
ROWS = [[1]] * 40


def ratios(model, methods, limit=LIMIT):
    found = non_termination_ratio(model, ROWS, limit=limit, methods=methods)
    return {name: ending.ratio for name, ending in found.items()}


def test_no_incomplete_decoder_ends_the_endless_model():
    assert ratios(Endless(gap=0.3), PLAIN) == dict.fromkeys(PLAIN, 1.0)


def test_ancestral_sampling_and_consistent_decoders_end_it():
    model = Endless(gap=0.1)
    assert ratios(model, ANCESTRAL) == {"ancestral": 0.0}
    assert ratios(model, CONSISTENT) == dict.fromkeys(CONSISTENT, 0.0)


@pytest.mark.parametrize("head", ["self_terminating", "non_monotonic"])
def test_every_decoder_ends_the_endless_model_with_a_head(head):
    assert ratios(endless(head, EPS), METHODS) == dict.fromkeys(METHODS, 0.0)


@pytest.mark.parametrize("head", ["self_terminating", "non_monotonic"])
def test_a_head_with_a_tiny_eps_promises_nothing_at_a_finite_length(head):
    assert ratios(endless(head, 1e-6), {"greedy": METHODS["greedy"]}) == {"greedy": 1.0}


def test_the_length_of_an_ancestral_sample_is_the_expected_one():
    model = Endless(gap=0.1)
    p_end = model.table.double().softmax(-1)[1, 0].item()
    expected = expected_length(np.full(LIMIT, np.log1p(-p_end)))
    assert expected == pytest.approx((1 - (1 - p_end) ** LIMIT) / p_end, rel=1e-9)
    (found,) = non_termination_ratio(
        model, [[1]] * 400, limit=LIMIT, methods=ANCESTRAL, batch_size=400
    ).values()
    error = found.lengths.std() / 400**0.5
    assert abs(found.mean_length - expected) < 4 * error


@pytest.mark.parametrize("going_on", [0, 1, 30, 199, 200])
def test_the_interval_is_wilsons(going_on):
    ending = Termination(9, [[1]] * 200, np.arange(200) >= going_on)
    expected = binomtest(going_on, 200).proportion_ci(0.95, method="wilson")
    assert ending.ratio == pytest.approx(going_on / 200)
    assert ending.interval == pytest.approx(tuple(expected), abs=1e-7)


def test_the_curve_counts_what_is_longer():
    ending = Termination(4, [[1], [1, 1, 1], [1] * 4, [1] * 4], np.array([1, 1, 1, 0], bool))
    assert ending.curve([0, 1, 2, 3, 4]).tolist() == [1, 0.75, 0.75, 0.5, 0.25]
    assert ending.curve([4])[0] == ending.ratio
    assert ending.mean_length == 3
    with pytest.raises(ValueError, match="L = 5 is above the limit of 4"):
        ending.curve([5])


@pytest.mark.parametrize(
    ("tokens", "period"),
    [([], 0), ([1, 2, 3], 0), ([1, 1, 1], 1), ([9, 1, 2, 1, 2, 1, 2], 2), ([1, 2, 1, 2], 0)],
)
def test_a_loop_is_a_block_three_times_at_the_end(tokens, period):
    assert loop_period(tokens) == period


def test_greedy_on_the_endless_model_is_a_loop_of_all_other_tokens():
    found = non_termination_ratio(
        Endless(), ROWS, limit=LIMIT, methods={"greedy": METHODS["greedy"]}
    )["greedy"]
    assert found.loops == 1
    assert {loop_period(sequence) for sequence in found.sequences} == {7}
    assert found.distinct(2) == pytest.approx(7 / (LIMIT - 1))
    assert distinct([1, 2, 3], 1) == 1


def test_draws_repeat_with_the_seed():
    model, methods = Endless(gap=0.1), ANCESTRAL
    a, b, c = (
        non_termination_ratio(model, ROWS, limit=20, methods=methods, seed=seed)["ancestral"]
        for seed in (0, 0, 1)
    )
    assert a.sequences == b.sequences != c.sequences


def test_what_the_laboratory_cannot_use_is_refused():
    model = endless("non_monotonic")
    with pytest.raises(ValueError, match="batch_size is 0: expected a whole number"):
        non_termination_ratio(model, [[1]], batch_size=0)
    with pytest.raises(ValueError, match="the seed is 'a'"):
        non_termination_ratio(model, [[1]], seed="a")
    found = non_termination_ratio(model, [[1]], methods={"greedy": {}}, limit=10)
    assert found["greedy"].curve([]).tolist() == []
    for results in ({}, found):
        with pytest.raises(ValueError, match="found under a name"):
            plot_curves(results)


def test_no_prompt_has_no_share():
    with pytest.raises(ValueError, match="there is no prompt"):
        non_termination_ratio(Endless(), [])


def test_nobody_names_the_end():
    model = Endless()
    model.eos_id = None
    with pytest.raises(ValueError, match="name the end with eos_id="):
        non_termination_ratio(model, ROWS)


@pytest.mark.parametrize("head", BUNDLED)
def test_the_bundled_models_continue_poems_to_their_end(head):
    model = hub.load(BUNDLED[head])
    assert model.config["arguments"]["eos_head"] == head
    prompts = [model.preprocess.prompt(passage.source) for passage in Poems().read("test")[::50]]
    found = non_termination_ratio(model, prompts, limit=200, methods=PLAIN)
    assert {name: ending.ratio for name, ending in found.items()} == dict.fromkeys(PLAIN, 0.0)
    (rest,) = model.generate(["白日依山尽，"], method="beam")
    assert re.fullmatch("[^，。]{5}。([^，。]{5}，[^，。]{5}。)*", rest)


def test_the_curves_are_drawn(tmp_path):
    results = {
        head: non_termination_ratio(endless(head, EPS), ROWS[:2], limit=30, methods=PLAIN)
        for head in ("softmax", "non_monotonic")
    }
    figure = plot_curves(results, tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").read_text("utf-8").count("<path") > 2 * len(PLAIN)
    for panel, found in zip(figure.axes, results.values(), strict=True):
        for line, ending in zip(panel.lines, found.values(), strict=True):
            assert line.get_ydata()[-1] == ending.ratio
