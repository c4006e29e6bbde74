"""Steps with a cache against no cache at all, also where the cache forks, grows and forgets."""

import gc
import weakref
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from zoo.decoding import generate
from zoo.decoding.cpu.linear import OPERATORS, PackedLinear, fits
from zoo.decoding.engine.cache import TreeCache
from zoo.decoding.engine.prompts import pad_prompts
from zoo.decoding.engine.protocol import Contrastable, Decodable
from zoo.decoding.models.decodable import as_decodable
from zoo.decoding.models.gpt2 import GPT2Steps
from zoo.decoding.models.transformers import CausalModel

transformers = pytest.importorskip("transformers")
EOS, VOCABULARY = 3, 30


def gpt2(**options):
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        **{
            "vocab_size": VOCABULARY,
            "n_positions": 200,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "initializer_range": 0.25,
            **options,
        }
    )
    return transformers.GPT2LMHeadModel(config).double().eval()


def llama():
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.25,
    )
    return transformers.LlamaForCausalLM(config).double().eval()


class Uncached:
    """Reads the whole row anew at each step, one row at a time, without padding."""

    def __init__(self, model):
        self.model = model

    def prefill(self, tokens, valid):
        return self.read([row[v].tolist() for row, v in zip(tokens, valid, strict=True)], 0)

    def step(self, tokens, state):
        rows = [[*row, token] for row, token in zip(state[0], tokens.tolist(), strict=True)]
        return self.read(rows, -1)

    def read(self, rows, first):
        outputs = [self.model(torch.tensor([row]), output_hidden_states=True) for row in rows]
        hidden = [output.hidden_states[-1][0, first:] for output in outputs]
        longest = max(len(one) for one in hidden)
        hidden = torch.stack([F.pad(one, (0, 0, longest - len(one), 0)) for one in hidden])
        return torch.cat([output.logits[:, -1] for output in outputs]), (rows, hidden)

    def reorder(self, state, rows):
        return [state[0][row] for row in rows.tolist()], state[1][rows]

    def hidden(self, state):
        return state[1]


@pytest.fixture(scope="module")
def prompts():
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 9, (10,), generator=generator).tolist()
    return [torch.randint(4, VOCABULARY, (n,), generator=generator).tolist() for n in lengths]


METHODS = [
    {"method": "greedy"},
    {"method": "beam", "beam": 4, "n_best": 2},
    {"method": "diverse_beam", "beam": 4, "n_best": 4},
    {"method": "contrastive", "alpha": 0.4},
    {"method": "contrastive", "alpha": 0.8, "top_k": 6, "repetition_penalty": 1.2},
]


@pytest.mark.parametrize("options", METHODS, ids=str)
@pytest.mark.parametrize("build", [gpt2, llama])
def test_cached_is_uncached_and_many_are_one(build, options, prompts):
    model = build()
    options = {"max_new_tokens": 12, "eos_id": EOS, **options}
    together = generate(model, prompts, **options)
    alone = [generate(model, [prompt], **options) for prompt in prompts]
    assert together.to_lists() == [row for one in alone for row in one.to_lists()]
    uncached = generate(Uncached(model), prompts, **options)
    assert together.to_lists() == uncached.to_lists()
    torch.testing.assert_close(together.scores, uncached.scores, rtol=1e-5, atol=1e-5)


def test_the_lean_gpt2_gives_their_logits(prompts):
    for options in (
        {},
        {"activation_function": "relu", "n_inner": 20},
        {"activation_function": "gelu", "tie_word_embeddings": False},
        {"scale_attn_by_inverse_layer_idx": True, "scale_attn_weights": False},
    ):
        model = gpt2(**options)
        lean, plain = GPT2Steps(model), CausalModel(model)
        tokens, valid = pad_prompts(prompts)
        with torch.inference_mode():
            found, lean_state = lean.prefill(tokens, valid)
            expected, plain_state = plain.prefill(tokens, valid)
            torch.testing.assert_close(found, expected)
            found, _ = lean.step(tokens[:, -1], lean_state)
            expected, _ = plain.step(tokens[:, -1], plain_state)
            torch.testing.assert_close(found, expected)


def test_only_an_unchanged_gpt2_is_run_lean():
    assert isinstance(as_decodable(gpt2()), GPT2Steps)
    assert isinstance(as_decodable(gpt2(add_cross_attention=True)), CausalModel)
    changed = gpt2()
    changed.transformer.h[0].attn.c_attn = torch.nn.Linear(32, 96).double().eval()
    assert isinstance(as_decodable(changed), CausalModel)
    for adapter in (GPT2Steps(gpt2()), CausalModel(llama())):
        assert isinstance(adapter, Decodable)
        assert isinstance(adapter, Contrastable)


def test_new_weights_are_seen_and_old_models_forgotten(prompts):
    model = gpt2().float()
    options = {"max_new_tokens": 8, "method": "beam"}
    generate(model, prompts, **options)
    with torch.no_grad():
        model.transformer.h[0].mlp.c_fc.weight.mul_(-1)
    found = generate(model, prompts, **options)
    expected = generate(CausalModel(model), prompts, **options)
    assert found.to_lists() == expected.to_lists()
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_fused_optimizer_which_no_tensor_counts_is_seen(prompts):
    model = gpt2().float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.3, fused=True)
    generate(model, prompts, max_new_tokens=8)
    model(torch.tensor(prompts[:1]), labels=torch.tensor(prompts[:1])).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    found = generate(model, prompts, max_new_tokens=8)
    expected = generate(CausalModel(model), prompts, max_new_tokens=8)
    assert found.to_lists() == expected.to_lists()


@pytest.mark.parametrize("absent", OPERATORS)
def test_a_torch_without_one_of_onednns_operators_gives_the_same(absent, monkeypatch, prompts):
    model = gpt2(n_embd=64).float()
    found = generate(GPT2Steps(model), prompts, method="beam", max_new_tokens=8)
    kept = {name: None for name in OPERATORS if name != absent}
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(**kept))
    plain = GPT2Steps(model)
    assert not fits(model.lm_head.weight)
    assert plain.head.packed is None
    expected = generate(plain, prompts, method="beam", max_new_tokens=8)
    assert found.to_lists() == expected.to_lists()
    torch.testing.assert_close(found.scores, expected.scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("sizes", [(5, 7), (1024, 1025)])
@pytest.mark.parametrize("bias", [True, False])
def test_packed_weights_multiply_as_plain_ones(rows, sizes, bias):
    torch.manual_seed(0)
    layer = torch.nn.Linear(*sizes, bias=bias)
    x = torch.randn(2, rows, sizes[0])
    with torch.inference_mode():
        found = PackedLinear(layer.weight, layer.bias)(x)
        torch.testing.assert_close(found, layer(x), rtol=1e-5, atol=1e-5)
        half = layer.bfloat16()
        assert PackedLinear(half.weight, half.bias).packed is None


def test_rows_may_go_anywhere(prompts):
    """Reorders that keep beams together, that drop prompts, and that mix everything up."""
    model = gpt2()
    lean, plain = GPT2Steps(model), CausalModel(model)
    tokens, valid = pad_prompts(prompts)
    generator = torch.Generator().manual_seed(2)
    with torch.inference_mode():
        _, ours = lean.prefill(tokens, valid)
        _, theirs = plain.prefill(tokens, valid)
        count = len(prompts)
        for rows in (
            torch.arange(count).repeat_interleave(3),
            torch.arange(3 * count).view(count, 3).flip(1).flatten(),
            torch.arange(3 * count).view(count, 3)[:, [0, 0, 2]].flatten(),
            torch.arange(3 * (count - 4)),
            torch.arange(0, 3 * (count - 4), 3),
            torch.tensor([5, 0, 3, 3]),
            torch.randint(0, 4, (7,), generator=generator),
            torch.randint(0, 7, (7,), generator=generator),
            torch.arange(7).repeat_interleave(4),
            torch.tensor([0, 2, 3, 5, 8, 9, 10, 11, 16, 17, 18, 20, 27]),  # some have ended
            torch.tensor([1, 2, 3, 5, 6, 7, 8, 10, 11, 12]),
            torch.tensor([4, 4, 5, 9]),
        ):
            ours, theirs = lean.reorder(ours, rows), plain.reorder(theirs, rows)
            step = torch.randint(4, VOCABULARY, (len(rows),), generator=generator)
            found, ours = lean.step(step, ours)
            expected, theirs = plain.step(step, theirs)
            torch.testing.assert_close(found, expected)


def test_samples_that_end_at_different_steps_share_their_prompt(prompts):
    """Each had a copy of its prompt once one had ended: at every end all of them were copied."""
    with torch.inference_mode():
        _, cache = GPT2Steps(gpt2()).prefill(*pad_prompts(prompts))
    keys = cache.keys
    cache = cache.reorder(torch.arange(len(prompts)).repeat_interleave(5))
    cache = cache.reorder(torch.arange(5 * len(prompts))[::2])
    assert cache.keys is keys


def test_a_long_search_forgets_the_beams_that_lost(monkeypatch, prompts):
    model = gpt2()
    rooms = []
    make_room = TreeCache.make_room

    def spy(cache):
        before = cache.length
        make_room(cache)
        rooms.append((before, cache.length, cache.visible.shape[-1]))

    monkeypatch.setattr(TreeCache, "make_room", spy)
    options = {"method": "beam", "beam": 4, "max_new_tokens": 150}
    found = generate(model, prompts[:3], **options)
    assert any(after < before for before, after, _ in rooms), "dead slots are dropped"
    assert any(after == before for before, after, _ in rooms), "and the room grows"
    assert rooms[-1][2] < 4 * 150, "less than a slot for every hypothesis of every step"
    monkeypatch.undo()
    expected = generate(CausalModel(model), prompts[:3], **options)
    assert found.to_lists() == expected.to_lists()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_runs(dtype, prompts):
    model = gpt2().to(dtype)
    found = generate(model, prompts, method="beam", max_new_tokens=5, eos_id=EOS)
    assert found.scores.dtype == torch.float32
    assert found.scores.isfinite().all()


def test_positions_end():
    with pytest.raises(ValueError, match=r"100 tokens and 102 new ones do not fit.* 200 positions"):
        generate(gpt2(), [[5] * 100], max_new_tokens=102)
    assert generate(gpt2(), [[5] * 100], max_new_tokens=101).lengths.tolist() == [101]


def test_contrastive_search_reads_the_last_token_too():
    model = gpt2()
    with pytest.raises(ValueError, match=r"100 tokens and 101 new ones do not fit"):
        generate(model, [[5] * 100], method="contrastive", max_new_tokens=101)
    found = generate(model, [[5] * 100], method="contrastive", max_new_tokens=100)
    assert found.lengths.tolist() == [100]


@pytest.mark.parametrize("shape", [(8, 3), (3, 8)])
def test_one_row_reads_a_weight_along_its_longer_side(shape):
    weight = torch.randn(shape[::-1]).t()  # as GPT-2 keeps it
    layer = PackedLinear(weight, None)
    assert torch.equal(layer.for_one_row, weight)
    assert layer.for_one_row.stride(shape.index(8)) == 1
