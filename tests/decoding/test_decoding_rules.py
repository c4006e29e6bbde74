"""Rules of all methods: whose rows a processor sees, what counts as a repetition, what may come."""

import warnings

import pytest
import torch
from table_model import TableModel

from zoo.decoding import generate, stream_tokens

transformers = pytest.importorskip("transformers")
EOS = 1
PROMPTS = [[2], [3, 4], [5, 5, 2], [4, 3]]


class FromSource(TableModel):
    """The prompt is a source."""

    source = True


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_a_source_may_be_repeated_and_the_target_not(method):
    model = FromSource(8, seed=3)
    limit = {"method": method, "max_new_tokens": 6}
    plain = generate(model, [[2, 3]], **limit).to_lists()[0]
    source = [*plain, 2, 3]
    assert generate(model, [source], **limit).to_lists()[0] == plain
    for size in (1, 2):
        found = generate(model, [source], no_repeat_ngram=size, **limit).to_lists()[0]
        alone = generate(model, [[2, 3]], no_repeat_ngram=size, **limit).to_lists()[0]
        assert found == alone, "of a source it matters only how it ends"
        grams = [tuple(found[i : i + size]) for i in range(len(found) - size + 1)]
        assert len(grams) == len(set(grams))
    penalised = generate(model, [source], repetition_penalty=5.0, **limit).to_lists()
    assert penalised == generate(model, [[2, 3]], repetition_penalty=5.0, **limit).to_lists()


def seen_by(options, prompts, **more):
    """The rows that a processor sees, as (prompt, tokens)."""
    seen = []

    def look(tokens, scores, prompts):
        seen.extend(
            (prompt, row[row >= 0].tolist())
            for prompt, row in zip(prompts.tolist(), tokens, strict=True)
        )
        return scores

    generate(
        TableModel(8, seed=6),
        prompts,
        processors=[look],
        eos_id=EOS,
        max_new_tokens=8,
        **options,
        **more,
    )
    return seen


METHODS = [{}, {"method": "beam", "beam": 2}, {"method": "sample", "top_k": 1, "samples": 2}]


@pytest.mark.parametrize("batch_size", [None, 1, 3])
@pytest.mark.parametrize("options", METHODS, ids=str)
def test_a_processor_that_asks_is_told_the_prompt_of_each_row(options, batch_size):
    seen = seen_by(options, PROMPTS, batch_size=batch_size)
    assert {prompt for prompt, _ in seen} == {0, 1, 2, 3}
    assert all(row[: len(PROMPTS[prompt])] == PROMPTS[prompt] for prompt, row in seen)


@pytest.mark.parametrize("search", [{}, {"num_beams": 3}], ids=["greedy", "beam"])
def test_a_processor_of_theirs_that_goes_by_the_row_gets_its_own(search):
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=30, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.25
    )
    model = transformers.GPT2LMHeadModel(config).double().eval()
    prompts, allowed = [[5, 6], [7, 8], [9, 10]], {0: [3, 4], 1: [11, 12, 3], 2: [13, 14]}
    tokens = torch.tensor(prompts)
    options = {"max_new_tokens": 6, "eos_token_id": 3, "pad_token_id": 0}
    expected = model.generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        prefix_allowed_tokens_fn=lambda prompt, _: allowed[prompt],
        do_sample=False,
        **options,
        **search,
    )[:, 2:].tolist()
    expected = [row[: row.index(3) + 1] if 3 in row else row for row in expected]
    theirs = transformers.PrefixConstrainedLogitsProcessor(
        lambda prompt, _: allowed[prompt], search.get("num_beams", 1)
    )
    method = {"method": "beam", "beam": 3} if search else {}
    found = generate(model, prompts, processors=[theirs], eos_id=3, max_new_tokens=6, **method)
    assert found.to_lists() == expected
    assert 3 in [row[-1] for row in expected], "a row should end before the others"


@pytest.mark.parametrize("options", METHODS[:2], ids=str)
@pytest.mark.parametrize(
    "processor",
    [
        transformers.RepetitionPenaltyLogitsProcessor(3.0),
        transformers.NoRepeatNGramLogitsProcessor(2),
        transformers.MinNewTokensLengthLogitsProcessor(1, 3, EOS),
    ],
    ids=lambda p: type(p).__name__,
)
def test_processors_of_theirs_see_no_padding(processor, options):
    options = {"processors": [processor], "eos_id": EOS, "max_new_tokens": 8, **options}
    model = TableModel(8, seed=6)
    together = generate(model, PROMPTS, **options).to_lists()
    alone = [generate(model, [prompt], **options).to_lists()[0] for prompt in PROMPTS]
    assert together == alone


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
def test_what_may_come(method):
    def write(**options):
        model, limit = TableModel(8, seed=6), {"max_new_tokens": 9, "eos_id": EOS}
        return generate(model, PROMPTS, method=method, **limit, **options).to_lists()

    tokens = {token for row in write(allowed_tokens=[2, 5]) for token in row}
    assert tokens <= {2, 5, EOS}
    assert not {3, 6} & {token for row in write(forbidden_tokens=[3, 6]) for token in row}
    assert all(row[:2] == [7, 4] for row in write(first_tokens=[7, 4]))
    assert min(map(len, write(min_new_tokens=6))) >= 7
    assert min(map(len, write(allowed_tokens=[EOS, 2], min_new_tokens=3))) >= 4


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("min_new_tokens is -1: expected a whole number, at least 0", {"min_new_tokens": -1}),
        ("allowed_tokens is 'a': expected a token id", {"allowed_tokens": "a"}),
        ("first_tokens is .*: token ids begin at 0", {"first_tokens": [-1]}),
        ("forbidden_tokens 9 is not in a vocabulary of 8", {"forbidden_tokens": [9]}),
        ("stopping is 3: expected a list of functions", {"stopping": 3}),
        ("stopping does nothing for method='beam'", {"method": "beam", "stopping": [max]}),
        ("batch_size is 0: expected a whole number", {"batch_size": 0}),
        ("samples is 0: expected a whole number", {"method": "sample", "samples": 0}),
    ],
)
def test_rules_that_cannot_be_are_refused(message, options):
    with pytest.raises(ValueError, match=message):
        generate(TableModel(8), [[2]], **options)


def test_samples_of_a_prompt_are_rows_in_turn_and_each_like_one():
    model, count = TableModel(6, seed=2), 4000
    options = {"method": "sample", "max_new_tokens": 1, "generator": 0}
    found = generate(model, [[2], [3, 4]], samples=count, **options).sequences[:, 0]
    for row, logits in enumerate((model.logits[0, 2], model.logits[3, 4])):
        share = found[row * count : (row + 1) * count].bincount(minlength=6) / count
        torch.testing.assert_close(share, logits.softmax(-1).float(), rtol=0, atol=0.03)


@pytest.mark.parametrize("batch_size", [1, 2, 3, None])
@pytest.mark.parametrize("options", METHODS[:2], ids=str)
def test_batches_change_nothing(options, batch_size):
    model, limit = TableModel(8, seed=6), {"max_new_tokens": 9, "eos_id": EOS}
    whole = generate(model, PROMPTS, **limit, **options)
    parts = generate(model, PROMPTS, batch_size=batch_size, **limit, **options)
    assert parts.to_lists() == whole.to_lists()
    assert torch.equal(parts.sequences, whole.sequences)
    torch.testing.assert_close(parts.scores, whole.scores)


@pytest.mark.parametrize("batch_size", [1, 3, None])
@pytest.mark.parametrize("samples", [1, 3])
def test_a_stream_numbers_rows_as_the_result_does(samples, batch_size):
    options = {"method": "sample", "samples": samples, "generator": 0, "batch_size": batch_size}
    steps = stream_tokens(TableModel(8, seed=6), PROMPTS, eos_id=EOS, max_new_tokens=9, **options)
    rows = [[] for _ in range(len(PROMPTS) * samples)]
    for numbers, tokens in steps:
        assert not torch.is_inference_mode_enabled()
        assert not tokens.is_inference()
        for row, token in zip(numbers.tolist(), tokens.tolist(), strict=True):
            rows[row].append(token)
    whole = generate(TableModel(8, seed=6), PROMPTS, eos_id=EOS, max_new_tokens=9, **options)
    assert whole.to_lists() == rows


def test_padding_is_left_out_by_valid_wherever_it_is():
    model, options = TableModel(8, seed=6), {"max_new_tokens": 6, "eos_id": EOS}
    expected = generate(model, [[2], [3, 4], [5, 5]], **options).to_lists()
    tokens = torch.tensor([[2, 0, 0], [0, 3, 4], [5, 0, 5]])
    for valid in (tokens > 0, (tokens > 0).long()):
        assert generate(model, tokens, valid=valid, **options).to_lists() == expected
    with pytest.raises(ValueError, match=r"valid is \(2, 3\): expected a tensor"):
        generate(model, tokens, valid=torch.ones(2, 3))
    with pytest.raises(ValueError, match="valid is for a tensor of prompts"):
        generate(model, [[2]], valid=torch.ones(1, 1))
    with pytest.raises(ValueError, match="prompt 0 is empty"):
        generate(model, tokens, valid=torch.zeros(3, 3))


class Padded(TableModel, torch.nn.Module):
    def __init__(self):
        torch.nn.Module.__init__(self)
        TableModel.__init__(self, 8)
        self.embedding = torch.nn.Embedding(8, 2, padding_idx=0)
        self.eval()


def test_plain_padding_without_valid_is_warned_of():
    model, tokens = Padded(), torch.tensor([[2, 0, 0], [3, 4, 5]])
    for padded, side in ((tokens, "end"), (tokens.flip(1), "begin")):
        with pytest.warns(UserWarning, match=f"1 of 2 prompts {side} with the padding token 0"):
            generate(model, padded, max_new_tokens=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generate(model, tokens, valid=tokens > 0, max_new_tokens=2)
        generate(model, tokens[1:], max_new_tokens=2)
        generate(TableModel(8), tokens, max_new_tokens=2)
