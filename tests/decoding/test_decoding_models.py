"""Models that somebody has changed, wrapped or written: what runs is what they compute."""

import pytest
import torch

import zoo
from zoo.decoding import as_decodable, generate
from zoo.decoding.heads import SelfTerminating
from zoo.decoding.models.by_length import ByLength
from zoo.decoding.models.gpt2 import GPT2Steps
from zoo.decoding.models.transformers import CausalModel
from zoo.decoding.net import LanguageModel

transformers = pytest.importorskip("transformers")
EOS, VOCABULARY = 3, 30
PROMPTS = [[5, 6, 7], [8], [9, 10, 11, 12]]
SIZES = {"vocab_size": VOCABULARY, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4}
IDS = {"bos_token_id": 0, "eos_token_id": EOS, "pad_token_id": 0}


def gpt2(kind=None):
    torch.manual_seed(0)
    config = transformers.GPT2Config(**SIZES, **IDS, initializer_range=0.25)
    return (kind or transformers.GPT2LMHeadModel)(config).double().eval()


def theirs(model, prompt, **options):
    """The new tokens of one prompt by the `generate` of transformers."""
    tokens = torch.tensor([prompt])
    found = model.generate(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        do_sample=False,
        max_new_tokens=10,
        **options,
    )
    row = found[0, len(prompt) :].tolist()
    return row[: row.index(EOS) + 1] if EOS in row else row


def require_same(model, **options):
    ours = {"method": "beam"} if options else {}
    expected = [theirs(model, prompt, **options) for prompt in PROMPTS]
    assert generate(model, PROMPTS, max_new_tokens=10, **ours).to_lists() == expected
    return expected


class Negative(transformers.GPT2LMHeadModel):
    """A subclass with a forward of its own, as remote code has."""

    def forward(self, *arguments, **options):
        output = super().forward(*arguments, **options)
        output.logits = -output.logits
        return output


class Scaled(torch.nn.Linear):
    """A subclass of a layer, as the adapters of several libraries are."""

    def forward(self, x):
        return -super().forward(x)


def negate(module, inputs, output):
    return -output


def hooked():
    model = gpt2()
    model.lm_head.register_forward_hook(negate)
    return model


def hooked_inside():
    model = gpt2()
    model.transformer.h[1].mlp.register_forward_hook(negate)
    return model


def patched():
    model = gpt2()
    forward = model.transformer.h[1].mlp.forward
    model.transformer.h[1].mlp.forward = lambda x: -forward(x)
    return model


def replaced():
    model = gpt2()
    head = Scaled(32, VOCABULARY, bias=False).double()
    head.weight = model.lm_head.weight
    model.lm_head = head
    return model


def parametrised():
    model = gpt2()

    class Minus(torch.nn.Module):
        def forward(self, weight):
            return -weight

    torch.nn.utils.parametrize.register_parametrization(
        model.transformer.h[0].attn.c_attn, "weight", Minus()
    )
    return model


def test_a_subclass_is_told_the_positions():
    model = as_decodable(gpt2(Negative))
    assert isinstance(model, CausalModel)
    assert model.takes_positions


CHANGED = [hooked, hooked_inside, patched, replaced, parametrised, lambda: gpt2(Negative)]
NAMES = ["hook", "hook inside", "patch", "subclass of a layer", "parametrisation", "subclass"]


@pytest.mark.parametrize("search", [{}, {"num_beams": 4}], ids=["greedy", "beam"])
@pytest.mark.parametrize("build", CHANGED, ids=NAMES)
def test_a_changed_gpt2_runs_as_changed(build, search):
    plain = [theirs(gpt2(), prompt, **search) for prompt in PROMPTS]
    assert require_same(build(), **search) != plain


def test_a_forward_patched_for_the_whole_class_is_seen(monkeypatch):
    from transformers.models.gpt2 import modeling_gpt2

    forward = modeling_gpt2.GPT2MLP.forward
    monkeypatch.setattr(modeling_gpt2.GPT2MLP, "forward", lambda self, x: -forward(self, x))
    model = gpt2()
    assert isinstance(as_decodable(model), CausalModel)
    require_same(model)


def test_a_hook_that_is_gone_leaves_the_fast_path():
    model = gpt2()
    handle = model.lm_head.register_forward_hook(negate)
    assert isinstance(as_decodable(model), CausalModel)
    handle.remove()
    assert isinstance(as_decodable(model), GPT2Steps)


def test_a_compiled_model_is_its_original():
    assert isinstance(as_decodable(torch.compile(gpt2())), GPT2Steps)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.ao:UserWarning")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_dynamic_int8_runs():
    model = torch.ao.quantization.quantize_dynamic(gpt2().float(), {torch.nn.Linear})
    require_same(model)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_adapters_of_peft_are_computed_and_learned_prompts_refused():
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", target_modules=["c_attn"], init_lora_weights=False, lora_alpha=64
    )
    model = peft.get_peft_model(gpt2(), config).double().eval()
    adapted = require_same(model)
    with model.disable_adapter():
        assert require_same(model) != adapted
    prefix = peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    with pytest.raises(ValueError, match="has a learned prompt, which generation does not read"):
        generate(peft.get_peft_model(gpt2(), prefix).eval(), PROMPTS)


def test_a_net_of_the_zoo_runs_its_hooks_and_its_layers():
    net, texts = zoo.load("masks_title_csl"), ["研究水稻产量."]
    plain = net.generate(texts, max_new_tokens=6)
    handle = net.encoder.blocks[3].register_forward_hook(negate)
    assert net.generate(texts, max_new_tokens=6) != plain
    handle.remove()
    assert net.generate(texts, max_new_tokens=6) == plain
    for module in (net, net.encoder, net.head):
        handle = module.register_forward_hook(negate)
        with pytest.raises(ValueError, match="has a hook or a forward of its own"):
            net.generate(texts)
        handle.remove()
    old = net.encoder.blocks[3].attention.output
    new = Scaled(old.in_features, old.out_features)
    new.load_state_dict(old.state_dict())
    net.encoder.blocks[3].attention.output = new
    assert net.generate(texts, max_new_tokens=6) != plain


def test_weights_that_are_loaded_when_they_are_used():
    accelerate = pytest.importorskip("accelerate")
    model, expected = gpt2(), require_same(gpt2())
    accelerate.cpu_offload(model, torch.device("cpu"))
    assert isinstance(as_decodable(model), CausalModel)
    assert generate(model, PROMPTS, max_new_tokens=10).to_lists() == expected


def t5():
    torch.manual_seed(0)
    shape = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    config = transformers.T5Config(
        vocab_size=VOCABULARY,
        **shape,
        decoder_start_token_id=0,
        eos_token_id=EOS,
        initializer_factor=8.0,
    )
    return transformers.T5ForConditionalGeneration(config).double().eval()


BART = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 16,
    "init_std": 0.6,
    "forced_eos_token_id": None,
    "eos_token_id": EOS,
    "decoder_start_token_id": 0,
}


def bart():
    torch.manual_seed(0)
    config = transformers.BartConfig(**BART)
    return transformers.BartForConditionalGeneration(config).double().eval()


def from_sources(model, prompts, **options):
    """What transformers writes from a ragged batch of sources."""
    longest = max(map(len, prompts))
    pad = model.config.pad_token_id
    tokens = torch.tensor([p + [pad] * (longest - len(p)) for p in prompts])
    valid = torch.tensor([[1] * len(p) + [0] * (longest - len(p)) for p in prompts])
    found = model.generate(
        tokens, attention_mask=valid, max_new_tokens=10, do_sample=False, **options
    )[:, 1:].tolist()
    rows = [row[: row.index(EOS) + 1] if EOS in row else row for row in found]
    return tokens, valid, rows


@pytest.mark.parametrize(
    ("ours", "search"),
    [
        ({}, {}),
        ({"method": "beam"}, {"num_beams": 4}),
        ({"no_repeat_ngram": 2}, {"no_repeat_ngram_size": 2}),
        (
            {"repetition_penalty": 3.0, "method": "beam"},
            {"repetition_penalty": 3.0, "num_beams": 4},
        ),
        (
            {"processors": [transformers.NoRepeatNGramLogitsProcessor(2)]},
            {"no_repeat_ngram_size": 2},
        ),
        ({"first_tokens": [7]}, {"forced_bos_token_id": 7}),
    ],
    ids=["greedy", "beam", "no_repeat", "penalty", "processor", "first_token"],
)
@pytest.mark.parametrize("build", [t5, bart])
def test_encoder_decoders_are_theirs(build, ours, search):
    model = build()
    tokens, valid, expected = from_sources(model, PROMPTS, **search)
    assert generate(model, PROMPTS, max_new_tokens=10, **ours).to_lists() == expected
    padded = generate(model, tokens, valid=valid, batch_size=2, max_new_tokens=10, **ours)
    assert padded.to_lists() == expected


def test_an_encoder_decoder_has_room_for_each_of_its_texts():
    model = bart()
    generate(model, [[5] * 16], max_new_tokens=16)
    for prompt, limit in ((17, 3), (3, 17)):
        with pytest.raises(ValueError, match=r"do not fit into the model's \(16, 16\) positions"):
            generate(model, [[5] * prompt], max_new_tokens=limit)


@pytest.mark.parametrize(
    "options", [{}, {"method": "beam"}, {"method": "contrastive"}, {"samples": 2, "top_k": 1}]
)
def test_a_decoder_that_counts_padding_reads_one_length_at_a_time(options):
    torch.manual_seed(0)
    config = transformers.BartConfig(
        **{**BART, "max_position_embeddings": 64}, is_decoder=True, is_encoder_decoder=False
    )
    model = transformers.BartForCausalLM(config).double().eval()
    assert isinstance(as_decodable(model), ByLength)
    if "samples" in options:
        options = {"method": "sample", **options}
    prompts = [*PROMPTS, [6, 5], [7]]
    together = generate(model, prompts, max_new_tokens=10, **options).to_lists()
    alone = [generate(model, [p], max_new_tokens=10, **options).to_lists() for p in prompts]
    assert together == [row for rows in alone for row in rows]


def test_packed_weights_are_those_of_the_moment():
    model = gpt2().float()
    packed = as_decodable(model)
    before = generate(packed, PROMPTS, max_new_tokens=8).to_lists()
    model.transformer.h[0].mlp.c_fc.weight.data.view(-1)[1::2].neg_()  # no version counts this
    found = generate(model, PROMPTS, max_new_tokens=8).to_lists()
    assert found == generate(CausalModel(model), PROMPTS, max_new_tokens=8).to_lists()
    assert found != before


def test_their_criteria_see_the_new_tokens_of_an_encoder_decoder():
    criterion = [transformers.MaxLengthCriteria(6)]  # the decoder's first token counts
    found = generate(t5(), [[4] * 9, [5] * 20], stopping=criterion, eos_id=[], max_new_tokens=12)
    assert found.lengths.tolist() == [5, 5]


def test_a_head_leaves_a_source_a_source():
    model = SelfTerminating(t5(), eos_id=1)
    assert model.source
    assert model.start == t5().generation_config.decoder_start_token_id


class FixedSignature(transformers.GPT2LMHeadModel):
    """A model of one's own that takes fewer arguments than the library's."""

    def forward(
        self,
        input_ids,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        use_cache=None,
        output_hidden_states=None,
    ):
        return super().forward(
            input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            output_hidden_states=output_hidden_states,
        )


@pytest.mark.parametrize("options", [{}, {"method": "contrastive"}])
def test_a_model_that_takes_less_gives_the_same(options):
    found = generate(gpt2(FixedSignature), PROMPTS, max_new_tokens=12, **options)
    assert found.to_lists() == generate(gpt2(), PROMPTS, max_new_tokens=12, **options).to_lists()


class NoMask(transformers.GPT2LMHeadModel):
    """A model that cannot be told what is padding."""

    def forward(self, input_ids, past_key_values=None, use_cache=None, output_hidden_states=None):
        raise AssertionError


def test_a_model_without_a_mask_is_refused():
    with pytest.raises(ValueError, match="NoMask takes no attention_mask"):
        generate(gpt2(NoMask), PROMPTS)


def test_a_compiled_decodable_is_taken():
    class Wrapped:  # what torch.compile makes looks names up in what it has wrapped
        def __init__(self, model):
            self._orig_mod = model

    model = LanguageModel(12).eval()
    assert generate(Wrapped(model), [[2]], max_new_tokens=4).to_lists() == (
        generate(model, [[2]], max_new_tokens=4).to_lists()
    )
