"""Searches against brute force, against themselves in other batches, and against bad input."""

import itertools
import math

import numpy as np
import pytest
import torch
from table_model import TableModel

from zoo.decoding import generate
from zoo.decoding.engine.filters import MinP

EOS = 1


def brute_force(model, prompt, limit, length_penalty):
    """All sequences that end, or that the limit cuts, with their scores, the best first."""
    found = []
    for length in range(1, limit + 1):
        for sequence in itertools.product(range(len(model.logits)), repeat=length):
            ends = sequence[-1] == EOS or length == limit
            if ends and EOS not in sequence[:-1]:
                score = model.log_prob(prompt, list(sequence)) / length**length_penalty
                found.append((score, list(sequence)))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("length_penalty", [1.0, 0.0, 2.0, -0.5])
@pytest.mark.parametrize("early_stopping", [True, False, "never"])
def test_a_beam_wide_enough_is_brute_force(length_penalty, early_stopping):
    model = TableModel(4, seed=3)
    for prompt in ([2], [3, 0], [0, 0, 2]):
        expected = brute_force(model, prompt, 4, length_penalty)
        found = generate(
            model,
            [prompt],
            method="beam",
            beam=128,  # far above the vocabulary; there are 121 sequences
            n_best=128,
            length_penalty=length_penalty,
            early_stopping=early_stopping,
            max_new_tokens=4,
            eos_id=EOS,
        )
        assert len(expected) == 121
        rows = found.to_lists()[:121]
        assert sorted(rows) == sorted(sequence for _, sequence in expected)
        scores = torch.tensor([score for score, _ in expected])
        torch.testing.assert_close(found.scores[:121], scores, rtol=1e-5, atol=1e-5)
        own = {tuple(sequence): score for score, sequence in expected}
        scores = torch.tensor([own[tuple(row)] for row in rows])
        torch.testing.assert_close(found.scores[:121], scores, rtol=1e-5, atol=1e-5)
        assert found.finished[:121].tolist() == [row[-1] == EOS for row in rows]
        # there are no more sequences than there are
        assert (found.scores[121:] == -math.inf).all()
        assert not found.lengths[121:].any()


@pytest.mark.parametrize("beam", [1, 2, 3, 6])
def test_a_narrow_beam_finds_true_sequences_and_never_the_impossible(beam):
    model = TableModel(6, seed=5)
    prompts = [[2], [3, 4], [5, 5, 5]]
    found = generate(
        model, prompts, method="beam", beam=beam, n_best=beam, max_new_tokens=5, eos_id=EOS
    )
    for i, (row, score) in enumerate(zip(found.to_lists(), found.scores.tolist(), strict=True)):
        prompt = prompts[i // beam]
        assert score == pytest.approx(model.log_prob(prompt, row) / len(row), rel=1e-5)
        assert score <= brute_force(model, prompt, 5, 1.0)[0][0] + 1e-6
    assert (found.scores.view(3, beam).diff(dim=1) <= 0).all(), "the best first"


def test_a_beam_of_one_that_stops_early_is_greedy():
    model = TableModel(9, seed=1)
    prompts = [[a, b] for a in range(9) for b in range(9)]
    greedy = generate(model, prompts, max_new_tokens=12, eos_id=EOS)
    beam = generate(
        model,
        prompts,
        method="beam",
        beam=1,
        early_stopping=True,
        max_new_tokens=12,
        eos_id=EOS,
    )
    assert beam.to_lists() == greedy.to_lists()
    assert 0 < greedy.finished.float().mean() < 1, "both ends should occur"
    torch.testing.assert_close(beam.log_probs, greedy.log_probs)


def test_log_probs_are_the_models_before_any_processor():
    model = TableModel(7, seed=2)
    for options in (
        {"method": "greedy"},
        {"method": "sample", "top_k": 2, "temperature": 0.5, "generator": 0},
        {"method": "beam", "beam": 3},
        {"method": "diverse_beam", "beam": 4, "diversity": 2.0},
    ):
        found = generate(
            model, [[2, 3], [4]], max_new_tokens=6, eos_id=EOS, no_repeat_ngram=2, **options
        )
        for prompt, row, log_probs in zip(
            [[2, 3], [4]], found.to_lists(), found.log_probs, strict=True
        ):
            assert log_probs.sum().item() == pytest.approx(model.log_prob(prompt, row), rel=1e-5)
            assert not log_probs[len(row) :].any()


def test_groups_without_diversity_are_narrower_beams():
    model = TableModel(8, seed=4)
    options = {"max_new_tokens": 8, "eos_id": EOS}
    prompts = [[2], [3, 4], [5, 6, 7]]
    narrow = generate(model, prompts, method="beam", beam=3, n_best=3, **options)
    grouped = generate(
        model, prompts, method="diverse_beam", beam=6, groups=2, diversity=0.0, n_best=6, **options
    )
    doubled = [row for row in narrow.to_lists() for _ in range(2)]
    assert grouped.to_lists() == doubled


def test_diverse_groups_begin_differently():
    model = TableModel(8, seed=4)
    found = generate(
        model,
        [[2], [3, 4]],
        method="diverse_beam",
        beam=4,
        groups=4,
        diversity=100.0,
        n_best=4,
        max_new_tokens=1,
        eos_id=EOS,
    )
    plain = model.logits[[0, 3], [2, 4]].argsort(descending=True)[:, :4]
    assert found.sequences.view(2, 4).sort().values.tolist() == plain.sort().values.tolist()


@pytest.mark.parametrize(
    "options",
    [
        {"method": "greedy"},
        {"method": "greedy", "repetition_penalty": 1.5, "no_repeat_ngram": 2},
        {"method": "beam", "beam": 3, "n_best": 2},
        {"method": "beam", "beam": 3, "no_repeat_ngram": 2},
        {"method": "diverse_beam", "beam": 4, "groups": 2},
        {"method": "sample", "top_k": 1},
    ],
)
def test_a_batch_of_many_is_many_batches_of_one(options):
    model = TableModel(8, seed=6)
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 7, (20,), generator=generator).tolist()
    prompts = [torch.randint(2, 8, (n,), generator=generator).tolist() for n in lengths]
    options = {"max_new_tokens": 10, "eos_id": EOS, **options}
    together = generate(model, prompts, **options)
    alone = [generate(model, [prompt], **options) for prompt in prompts]
    assert together.to_lists() == [row for one in alone for row in one.to_lists()]
    torch.testing.assert_close(together.scores, torch.cat([one.scores for one in alone]))


def test_a_stream_is_the_sequences():
    model = TableModel(8, seed=6)
    prompts = [[a, b] for a in range(2, 8) for b in range(2, 8)]
    pieces = [[] for _ in prompts]

    def stream(rows, tokens):
        for row, token in zip(rows.tolist(), tokens.tolist(), strict=True):
            pieces[row].append(token)

    found = generate(model, prompts, max_new_tokens=10, eos_id=EOS, stream=stream)
    assert pieces == found.to_lists()


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
def test_the_limit_does_not_look_like_an_end(method):
    model = TableModel(6)
    model.logits[..., EOS] = -math.inf
    found = generate(model, [[2], [3, 4]], method=method, max_new_tokens=7, eos_id=EOS)
    assert not found.finished.any()
    assert found.lengths.tolist() == [7, 7]
    without = generate(model, [[2]], method=method, max_new_tokens=7)
    assert not without.finished.any()


@pytest.mark.parametrize("method", ["greedy", "sample"])
def test_filters_that_leave_nothing_are_reported(method):
    with pytest.raises(ValueError, match="no token is left at step 4, prompt 1"):
        generate(TableModel(6), [[3], [2, 4]], method=method, max_new_tokens=9, no_repeat_ngram=1)


def test_beams_that_have_no_token_left_end_with_what_they_found():
    found = generate(
        TableModel(3, seed=1), [[2]], method="beam", max_new_tokens=9, eos_id=EOS, no_repeat_ngram=1
    )
    assert found.to_lists()[0] in ([EOS], [0, EOS])
    nothing = generate(TableModel(3), [[2]], method="beam", max_new_tokens=9, no_repeat_ngram=1)
    assert nothing.scores.tolist() == [-math.inf]
    assert nothing.to_lists() == [[]]
    assert not nothing.finished.any()


class Broken(TableModel):
    """NaN for the second prompt at step 3; `left` says which prompts are still decoded."""

    def prefill(self, tokens, valid):
        logits, state = super().prefill(tokens, valid)
        return logits, (state, torch.arange(len(tokens)), 0)

    def step(self, tokens, state):
        before, left, steps = state
        logits, before = super().step(tokens, before)
        if steps == 2:
            logits = logits.masked_fill((left == 1)[:, None], math.nan)
        return logits, (before, left, steps + 1)

    def reorder(self, state, rows):
        before, left, steps = state
        return before[rows], left[rows], steps


@pytest.mark.parametrize("method", ["greedy", "sample", "beam", "diverse_beam"])
def test_nan_is_reported_with_step_and_prompt(method):
    model = Broken(6)
    with pytest.raises(ValueError, match=r"NaN or infinite at step 3, prompt 1"):
        generate(model, [[2], [3], [4]], method=method, max_new_tokens=7)


@pytest.mark.parametrize(
    ("message", "prompts", "options"),
    [
        ("top_p is 0", [[2]], {"method": "sample", "top_p": 0.0}),
        ("top_p is 1.5", [[2]], {"method": "sample", "top_p": 1.5}),
        ("top_k is 0", [[2]], {"method": "sample", "top_k": 0}),
        ("min_p is nan", [[2]], {"method": "sample", "min_p": math.nan}),
        ("temperature is 0", [[2]], {"method": "sample", "temperature": 0.0}),
        ("temperature is '1': expected a number", [[2]], {"method": "sample", "temperature": "1"}),
        ("top_p is '0.9': expected a number", [[2]], {"method": "sample", "top_p": "0.9"}),
        ("repetition_penalty is '1': expected a number", [[2]], {"repetition_penalty": "1"}),
        (
            "length_penalty is 'x': expected a number",
            [[2]],
            {"method": "beam", "length_penalty": "x"},
        ),
        ("diversity is '1': expected a", [[2]], {"method": "diverse_beam", "diversity": "1"}),
        ("alpha is '1': expected a number", [[2]], {"method": "contrastive", "alpha": "1"}),
        ("alpha is 2: expected a number from 0", [[2]], {"method": "contrastive", "alpha": 2}),
        ("top_k is 0", [[2]], {"method": "contrastive", "top_k": 0}),
        ("prompts are None: expected a list of lists", None, {}),
        ("prompts are 5: expected a list of lists", 5, {}),
        (
            "temperature is 1e-40: expected",
            [[2]],
            {"method": "sample", "temperature": 1e-40},
        ),
        (
            "repetition_penalty is inf: expected",
            [[2]],
            {"repetition_penalty": math.inf},
        ),
        (
            "length_penalty is 10000.0 for up to 64 tokens: exp",
            [[2]],
            {"method": "beam", "length_penalty": 1e4},
        ),
        (
            "diversity is nan: expected",
            [[2]],
            {"method": "diverse_beam", "diversity": math.nan},
        ),
        ("top_k is True", [[2]], {"method": "sample", "top_k": True}),
        ("processors is .*: expected a list", [[2]], {"processors": MinP(0.5)}),
        (r"processors is \[3\]: expected a list", [[2]], {"processors": [3]}),
        ("stream is 3: expected a function", [[2]], {"stream": 3}),
        ("the seed is 'a': expected a whole number", [[2]], {"method": "sample", "generator": "a"}),
        ("the seed is 3.0: expected a", [[2]], {"method": "sample", "generator": 3.0}),
        (f"the seed is {2**70}: expected", [[2]], {"method": "sample", "generator": 2**70}),
        ("generator does nothing for method='greedy'", [[2]], {"generator": 3}),
        ("expected int64", torch.zeros(1, 3, dtype=torch.complex64), {}),
        (
            r"the processors \(<lambda>\) give NaN or infinity",
            [[2]],
            {"processors": [lambda t, s: s * math.nan]},
        ),
        (
            "the processors .* give NaN or infinity",
            [[2]],
            {"method": "beam", "processors": [lambda t, s: s + math.inf]},
        ),
        ("repetition_penalty is -1", [[2]], {"repetition_penalty": -1.0}),
        ("no_repeat_ngram is 0", [[2]], {"no_repeat_ngram": 0}),
        ("top_p does nothing", [[2]], {"method": "greedy", "top_p": 0.5}),
        ("stream does nothing", [[2]], {"method": "beam", "stream": print}),
        ("give eos_id", [[2]], {"method": "sample", "top_k": 2, "consistent": True}),
        ("eos_id 6 is not in a vocabulary of 6", [[2]], {"eos_id": 6}),
        ("eos_id is -1", [[2]], {"eos_id": -1}),
        ("eos_id is '</s>': expected a token id", [[2]], {"eos_id": "</s>"}),
        ("eos_id is 1.0: expected a token id", [[2]], {"eos_id": 1.0}),
        (r"eos_id is \[1, 'a'\]: expected a token id", [[2]], {"eos_id": [1, "a"]}),
        ("max_new_tokens is 0", [[2]], {"max_new_tokens": 0}),
        ("max_new_tokens is 2.5: expected a whole number", [[2]], {"max_new_tokens": 2.5}),
        ("max_new_tokens is '9': expected a whole number", [[2]], {"max_new_tokens": "9"}),
        ("beam is 2.5", [[2]], {"method": "beam", "beam": 2.5}),
        ("beam is 0", [[2]], {"method": "beam", "beam": 0}),
        ("n_best is 1.5", [[2]], {"method": "beam", "n_best": 1.5}),
        ("top_k is 2.5", [[2]], {"method": "sample", "top_k": 2.5}),
        ("a prompt has the token 6, of a model with 6,", [[2], [3, 6]], {}),
        ("a prompt has the token 9, of a model with 6,", torch.tensor([[2, 9]]), {}),
        ("a prompt has the token -1: ids begin at 0", torch.tensor([[2, -1]]), {}),
        (r"a prompt is \['a'\]: expected a list of token ids", [["a"]], {}),
        ("prompt 1 is empty", [[2], []], {}),
        ("there is no prompt", [], {}),
        ("expected int64", torch.rand(1, 3), {}),
        ("a prompt is 5: expected a list of lists", [5, 6], {}),
        ("a prompt is 'w': expected a list of lists", "word", {}),
        (r"a prompt is \[1.5\]: expected a list of token ids", [[1.5]], {}),
        (r"a prompt is \[3, -1\]: expected a list of token ids", [[2], [3, -1]], {}),
        ("beam does nothing for method='greedy'", [[2]], {"beam": 4}),
        ("groups does nothing for method='beam'", [[2]], {"method": "beam", "groups": 4}),
        ("alpha does nothing", [[2]], {"method": "sample", "alpha": 0.1}),
        ("length_penalty does nothing", [[2]], {"length_penalty": 0.0}),
        ("length_penalty is nan", [[2]], {"method": "beam", "length_penalty": math.nan}),
        ("length_penalty is -25", [[2]], {"method": "beam", "length_penalty": -25}),
        ("method is 'best'", [[2]], {"method": "best"}),
        ("n_best is 5", [[2]], {"method": "beam", "beam": 4, "n_best": 5}),
        ("3 groups do not divide", [[2]], {"method": "diverse_beam", "groups": 3}),
        ("early_stopping is 'soon'", [[2]], {"method": "beam", "early_stopping": "soon"}),
        ("has no `hidden`", [[2]], {"method": "contrastive"}),
    ],
)
def test_bad_input_is_refused_with_its_value(message, prompts, options):
    model = TableModel(6)
    model.vocabulary = 6
    with pytest.raises(ValueError, match=message):
        generate(model, prompts, **options)


@pytest.mark.parametrize("worst", [math.nan, math.inf])
@pytest.mark.parametrize("method", ["greedy", "sample", "beam", "diverse_beam"])
def test_nan_anywhere_in_log_probabilities_is_reported(method, worst):
    model = TableModel(6)
    model.normalised = True
    model.logits = model.logits.log_softmax(-1)
    model.logits[..., 5] = worst
    with pytest.raises(ValueError, match="NaN or infinite at step 0, prompt 0"):
        generate(model, [[2], [3]], method=method)


def test_a_seed_may_be_any_whole_number():
    model = TableModel(6)
    draw = lambda seed: generate(model, [[2]] * 9, method="sample", generator=seed).to_lists()  # noqa: E731
    assert draw(3) == draw(np.int64(3)) == draw(torch.tensor(3)) != draw(4)
    assert draw(2**64 - 1) == draw(2**64 - 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_a_processor_may_give_any_precision(method, dtype):
    processors = [lambda tokens, scores: scores.to(dtype)]
    out = generate(TableModel(6), [[2], [3]], method=method, processors=processors)
    assert out.log_probs.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.uint64, torch.int32])
def test_prompts_may_be_of_any_whole_numbers(dtype):
    model = TableModel(6)
    prompts = torch.tensor([[2, 3], [4, 5]])
    expected = generate(model, prompts).to_lists()
    assert generate(model, prompts.to(dtype)).to_lists() == expected
    assert generate(model, list(prompts.to(dtype))).to_lists() == expected


@pytest.mark.parametrize("eos", [torch.tensor(EOS), np.int64(EOS), torch.tensor([EOS]), (EOS, EOS)])
def test_an_end_may_be_any_whole_number(eos):
    model = TableModel(6, seed=6)
    expected = generate(model, [[2], [3]], eos_id=EOS, max_new_tokens=20)
    assert expected.finished.any()
    found = generate(model, [[2], [3]], eos_id=eos, max_new_tokens=np.int64(20))
    assert found.to_lists() == expected.to_lists()


def test_a_prompt_that_leaves_no_room_is_refused():
    model = TableModel(6)
    model.positions = 10
    generate(model, [[2] * 6], max_new_tokens=5)  # the last token needs no position
    with pytest.raises(ValueError, match=r"prompt of 6 tokens and 6 new ones do not fit.* 10 pos"):
        generate(model, [[2], [2] * 6], max_new_tokens=6)


def test_what_cannot_be_decoded_is_refused():
    with pytest.raises(ValueError, match="Linear cannot be decoded: it needs prefill, step"):
        generate(torch.nn.Linear(2, 2).eval(), [[1]])
    with pytest.raises(ValueError, match="training mode"):
        generate(torch.nn.Linear(2, 2), [[1]])
