"""Against `transformers`: the same weights give the same sequences, in float64 lest ties decide."""

import itertools

import pytest
import torch

from zoo.decoding import generate
from zoo.decoding.engine.prompts import pad_prompts

transformers = pytest.importorskip("transformers")
EOS, VOCABULARY = 3, 12


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.25,
        bos_token_id=0,
        eos_token_id=EOS,
        pad_token_id=EOS,
    )
    return transformers.GPT2LMHeadModel(config).double().eval()


@pytest.fixture(scope="module")
def prompts():
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 9, (100,), generator=generator).tolist()
    return [torch.randint(4, VOCABULARY, (n,), generator=generator).tolist() for n in lengths]


def reference(model, prompts, **options):
    """What transformers generates: sequences up to their end, and scores of beams."""
    tokens, valid = pad_prompts(prompts)
    options = {"do_sample": False, "eos_token_id": EOS, "max_new_tokens": 20, **options}
    ends = options["eos_token_id"]
    ends = [ends] if isinstance(ends, int) else ends
    output = model.generate(
        tokens,
        attention_mask=valid.long(),
        pad_token_id=EOS,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    sequences = []
    for row in output.sequences[:, tokens.shape[1] :].tolist():
        length = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
        sequences.append(row[:length])
    return sequences, getattr(output, "sequences_scores", None)


def test_greedy_is_theirs(model, prompts):
    expected, _ = reference(model, prompts)
    found = generate(model, prompts, max_new_tokens=20, eos_id=EOS)
    assert found.to_lists() == expected
    assert {row[-1] == EOS for row in expected} == {True, False}, "both ends should occur"
    assert found.finished.tolist() == [row[-1] == EOS for row in expected]


@pytest.mark.parametrize("eos", [EOS, [3, 5, 6]])
@pytest.mark.parametrize(
    ("early_stopping", "length_penalty"),
    list(itertools.product([False, True, "never"], [1.0, 0.0, 2.0, -1.0])),
)
def test_beams_are_theirs(model, prompts, early_stopping, length_penalty, eos):
    expected, scores = reference(
        model,
        prompts,
        num_beams=4,
        num_return_sequences=3,
        early_stopping=early_stopping,
        length_penalty=length_penalty,
        eos_token_id=eos,
    )
    found = generate(
        model,
        prompts,
        method="beam",
        beam=4,
        n_best=3,
        early_stopping=early_stopping,
        length_penalty=length_penalty,
        max_new_tokens=20,
        eos_id=eos,
    )
    assert found.to_lists() == expected
    torch.testing.assert_close(found.scores, scores, rtol=0, atol=1e-5)
    total = found.log_probs.sum(1) / found.lengths**length_penalty
    torch.testing.assert_close(found.scores, total, rtol=1e-5, atol=1e-5)


SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.25,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": EOS,
}


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("Llama", {}),
        ("Qwen3", {"head_dim": 8}),
        ("Mistral", {"sliding_window": 6}),
        ("GPTNeoX", {}),
        ("OPT", {"ffn_dim": 64, "word_embed_proj_dim": 32, "init_std": 0.25}),
        ("Mamba", {"state_size": 4}),
    ],
)
def test_other_families_are_theirs(prompts, family, options):
    if not hasattr(transformers, f"{family}Config"):
        pytest.skip(f"this transformers has no {family}")
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**{**SMALL, **options})
    model = getattr(transformers, f"{family}ForCausalLM")(config).double().eval()
    for method, theirs in (("greedy", {}), ("beam", {"num_beams": 4})):
        expected, _ = reference(model, prompts[:30], **theirs)
        found = generate(model, prompts[:30], method=method, max_new_tokens=20, eos_id=EOS)
        assert found.to_lists() == expected


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_repetition_penalty_is_theirs(model, prompts, method):
    theirs = {"num_beams": 4} if method == "beam" else {}
    expected, _ = reference(model, prompts, repetition_penalty=1.7, **theirs)
    found = generate(
        model, prompts, method=method, max_new_tokens=20, eos_id=EOS, repetition_penalty=1.7
    )
    assert found.to_lists() == expected


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_forbidden_ngrams_are_theirs(model, prompts, method):
    # of one length: theirs takes padding for text
    prompts = [prompt[:3] for prompt in prompts if len(prompt) >= 3]
    theirs = {"num_beams": 4} if method == "beam" else {}
    expected, _ = reference(model, prompts, no_repeat_ngram_size=2, **theirs)
    found = generate(
        model, prompts, method=method, max_new_tokens=20, eos_id=EOS, no_repeat_ngram=2
    )
    assert found.to_lists() == expected


def test_other_models_of_theirs_are_refused():
    encoder = transformers.BertModel(transformers.BertConfig(num_hidden_layers=1)).eval()
    with pytest.raises(ValueError, match="BertModel is no causal language model"):
        generate(encoder, [[1]])


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_their_processors_plug_into_ours(model, prompts, method):
    prompts = [prompt[:3] for prompt in prompts if len(prompt) >= 3]
    processors = [
        transformers.MinNewTokensLengthLogitsProcessor(3, 6, EOS),
        transformers.SuppressTokensLogitsProcessor([5, 7]),
    ]
    theirs = {"num_beams": 4} if method == "beam" else {}
    expected, _ = reference(model, prompts, logits_processor=processors, **theirs)
    found = generate(
        model, prompts, method=method, max_new_tokens=20, eos_id=EOS, processors=processors
    )
    assert found.to_lists() == expected
    assert found.lengths.min() > 6
