"""Filters against those of `transformers`, what sampling draws, and that consistent ones end."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from table_model import TableModel

from zoo.decoding import Consistent, ConsistentTopK, ConsistentTopP, generate
from zoo.decoding.engine.filters import MinP, TopK, TopP, Typical
from zoo.decoding.engine.processors import NoRepeatNgram, RepetitionPenalty, probabilities

EOS = 1
NO_TOKENS = torch.empty(0, 0, dtype=torch.long)
FILTERS = [TopK(1), TopK(5), TopP(0.3), TopP(0.9), TopP(1.0), MinP(0.2), Typical(0.3), Typical(0.9)]


def theirs(ours):
    """The same filter in transformers."""
    t = pytest.importorskip("transformers")
    if isinstance(ours, TopK):
        return t.TopKLogitsWarper(ours.k)
    if isinstance(ours, TopP):
        return t.TopPLogitsWarper(ours.p)
    return (
        t.MinPLogitsWarper(ours.p) if isinstance(ours, MinP) else t.TypicalLogitsWarper(ours.mass)
    )


@pytest.mark.parametrize("ours", [f for f in FILTERS if f != TopP(1.0)], ids=str)
def test_filters_are_theirs(ours):
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(200, 50, generator=generator)
    expected = theirs(ours)(NO_TOKENS, scores.clone())
    torch.testing.assert_close(ours(NO_TOKENS, scores), expected, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("plain", FILTERS, ids=str)
def test_probabilities_sum_to_one(plain, dtype):
    generator = torch.Generator().manual_seed(0)
    scores = (5 * torch.randn(20, 50_000, generator=generator)).to(dtype)
    for chosen in (plain, Consistent(plain, EOS)):
        kept = chosen(NO_TOKENS, scores)
        assert kept.dtype == dtype
        total = probabilities(kept).double().sum(-1)
        assert (total - 1).abs().max() < 1e-6


logits = st.lists(st.floats(-80, 80, width=32), min_size=4, max_size=12)


@settings(max_examples=200)
@given(logits, st.lists(st.sampled_from(FILTERS), min_size=1, max_size=4), st.data())
def test_consistent_filters_keep_the_end_also_when_combined(row, chain, data):
    eos = data.draw(st.integers(0, len(row) - 1))
    scores = torch.tensor([row])
    kept = scores
    for plain in chain:
        kept = Consistent(plain, eos)(NO_TOKENS, kept)
    assert kept[0, eos] == scores[0, eos]
    # and of the others just what the plain filter keeps of the same scores
    once = chain[0](NO_TOKENS, scores)
    also = Consistent(chain[0], eos)(NO_TOKENS, scores)
    others = torch.arange(len(row)) != eos
    assert torch.equal(once[:, others], also[:, others])
    if not any(isinstance(plain, Typical) for plain in chain):
        assert kept[0, scores.argmax()] > -math.inf, "the likeliest token stays"


def test_a_plain_filter_before_a_consistent_one_loses_the_end():
    scores = torch.tensor([[3.0, 0.0, 2.0, 1.0]])  # the end is the least likely
    assert ConsistentTopP(0.9, EOS)(NO_TOKENS, TopK(2)(NO_TOKENS, scores))[0, EOS] == -math.inf
    assert (
        ConsistentTopP(0.9, EOS)(NO_TOKENS, ConsistentTopK(2, EOS)(NO_TOKENS, scores))[0, EOS] == 0
    )


def test_several_ends_are_kept():
    scores = torch.tensor([[3.0, 0.0, 2.0, 1.0]])
    assert ConsistentTopK(1, [1, 3])(NO_TOKENS, scores).tolist() == [[3.0, 0.0, -math.inf, 1.0]]


@pytest.mark.parametrize("share", [{"top_k": 2}, {"top_p": 0.2}, {"top_k": 2, "top_p": 0.4}])
def test_only_consistent_sampling_ends_where_the_end_is_always_last(share):
    model = TableModel(6, spread=0.5)
    model.logits[..., EOS] = model.logits.min() - 1
    prompts = [[2]] * 50
    options = {"method": "sample", "eos_id": EOS, "max_new_tokens": 3000, "generator": 0, **share}
    with_end = generate(model, prompts, consistent=True, **options)
    assert with_end.finished.all()
    without = generate(model, prompts, **{**options, "max_new_tokens": 300})
    assert not without.finished.any()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5},
        {"top_k": 3},
        {"top_p": 0.7},
        {"min_p": 0.2},
        {"top_k": 2, "consistent": True},
    ],
    ids=str,
)
def test_samples_have_the_filtered_distribution(options):
    model = TableModel(8, seed=1, spread=1.5)
    count = 8000
    found = generate(
        model,
        [[4, 2]] * count,
        method="sample",
        eos_id=EOS,
        max_new_tokens=2,
        generator=7,
        **options,
    )

    def expected(scores):
        scores = scores[None] / options.get("temperature", 1.0)
        for name, kind in (("top_k", TopK), ("top_p", TopP), ("min_p", MinP)):
            if name in options:
                plain = kind(options[name])
                chosen = Consistent(plain, EOS) if options.get("consistent") else plain
                scores = chosen(NO_TOKENS, scores)
        return scores[0].softmax(-1)

    first = expected(model.logits[4, 2])
    pairs = torch.stack([expected(model.logits[2, a]) for a in range(8)]) * first[:, None]
    pairs[EOS] = 0  # nothing comes after the end, which pads its row
    pairs[EOS, EOS] = first[EOS]
    counts = torch.zeros(8, 8, dtype=torch.float64)
    for a, b in found.sequences.tolist():
        counts[a, b] += 1
    possible = pairs > 0
    assert not counts[~possible].any()
    share = pairs[possible] / pairs[possible].sum()
    assert stats.chisquare(counts[possible].numpy(), (count * share).numpy()).pvalue > 1e-3


def test_a_seed_is_reproducible_and_leaves_torchs_own_state_alone():
    model = TableModel(8)
    before = torch.get_rng_state()
    draw = lambda seed: generate(model, [[2]] * 5, method="sample", generator=seed).to_lists()  # noqa: E731
    assert draw(1) == draw(1) == draw(torch.Generator().manual_seed(1))
    assert draw(1) != draw(2)
    assert torch.equal(torch.get_rng_state(), before)


def test_repetition_penalty_knows_no_padding():
    tokens = torch.tensor([[-1, -1, 2], [3, 0, 2]])
    scores = torch.tensor([[1.0, 1.0, -1.0, 4.0], [1.0, 1.0, -1.0, 4.0]])
    found = RepetitionPenalty(2.0)(tokens, scores)
    assert found.tolist() == [[1.0, 1.0, -2.0, 4.0], [0.5, 1.0, -2.0, 2.0]]


@settings(max_examples=200)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 3))
def test_ngrams_are_forbidden_by_their_definition(row, size, padding):
    tokens = torch.tensor([[-1] * padding + row])
    found = NoRepeatNgram(size)(tokens, torch.zeros(1, 4))[0]
    grams = {tuple(row[i : i + size]) for i in range(len(row) - size + 1)}
    for token in range(4):
        ending = (*row[len(row) - size + 1 :], token) if size > 1 else (token,)
        assert (found[token] == -math.inf) == (ending in grams)


def test_a_filter_without_an_end_keeps_that_of_generate():
    model = TableModel(6, spread=0.5)
    model.logits[..., EOS] = model.logits.min() - 1
    options = {"method": "sample", "max_new_tokens": 3000, "generator": 0}

    def draw(processors, **end):
        return generate(model, [[2]] * 50, processors=processors, **options, **end)

    unbound = ConsistentTopK(2)
    found = draw([unbound], eos_id=EOS)
    assert found.finished.all()
    assert found.to_lists() == draw([ConsistentTopK(2, EOS)], eos_id=EOS).to_lists()
    assert unbound.eos == (), "what a user gave is not changed"
    # one with an end of its own keeps that
    kept = draw([ConsistentTopP(0.2, eos_id=0), ConsistentTopK(1, eos_id=0)], eos_id=EOS)
    assert set(kept.sequences.flatten().tolist()) <= {0, *model.logits.argmax(-1).tolist()[0]}
    for processor in (unbound, ConsistentTopP(0.5), Consistent(MinP(0.5))):
        with pytest.raises(ValueError, match=r"Consistent\(.*knows no end .* name it with eos_id="):
            draw([processor])


def test_an_end_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="knows no end token to keep: name it with eos_id="):
        ConsistentTopK(2)(NO_TOKENS, torch.zeros(1, 5))
    with pytest.raises(ValueError, match="eos_id 5 is not in a vocabulary of 5"):
        ConsistentTopP(0.5, eos_id=5)(NO_TOKENS, torch.zeros(1, 5))
    with pytest.raises(ValueError, match="eos_id is '</s>': expected a token id"):
        ConsistentTopK(2, eos_id="</s>")


def never_ending_gpt2(eos_id):
    """A GPT-2 whose end is always the least likely token."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=10, n_positions=300, n_embd=8, n_layer=1, n_head=2, eos_token_id=eos_id
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        model.transformer.ln_f.bias.fill_(1.0)
        model.lm_head.weight[EOS] = -0.2
    return model


def their_samples(model, processors, **options):
    """20 texts by the `generate` of transformers, its own filters switched off."""
    torch.manual_seed(0)
    prompts = torch.full((20, 1), 2)
    options = {"do_sample": True, "top_k": 0, "max_new_tokens": 250, "pad_token_id": 0, **options}
    return model.generate(
        prompts, attention_mask=prompts > 0, logits_processor=processors, **options
    )


def test_consistent_filters_plug_into_transformers():
    model = never_ending_gpt2(EOS)

    def ended(processors):
        return (their_samples(model, processors) == EOS).any(1)

    assert not ended([TopK(3), TopP(0.5)]).any()
    assert ended([ConsistentTopK(3, EOS), ConsistentTopP(0.5, EOS)]).all()


@pytest.mark.parametrize("end", [None, EOS])
def test_in_transformers_a_filter_has_to_be_told_the_end(end):
    """Its `generate` tells a processor of none, whatever the model's settings say."""
    with pytest.raises(ValueError, match="knows no end token to keep: name it with eos_id="):
        their_samples(never_ending_gpt2(end), [ConsistentTopK(3)])


def test_batches_draw_other_numbers_and_one_batch_the_same():
    model = TableModel(8)
    found = generate(model, [[2]] * 8, method="sample", generator=0, batch_size=1).to_lists()
    assert len({tuple(row) for row in found}) > 1
    own = torch.Generator().manual_seed(0)
    assert found == [
        generate(model, [[2]], method="sample", generator=own).to_lists()[0] for _ in range(8)
    ]
