import pytest
import torch
from tokenizers import Tokenizer as Fast
from tokenizers import pre_tokenizers
from tokenizers.models import WordPiece

from zoo import decoding, masks
from zoo.decoding.cpu.inference import lean
from zoo.decoding.cpu.linear import PackedLinear
from zoo.decoding.engine.prompts import pad_prompts
from zoo.decoding.engine.protocol import Decodable
from zoo.masks.decodable import DecodableTransformer

SHAPES = {
    "bert": {"positions": 64},
    "tied": {"positions": 64, "head": "tied", "segments": 0},
    "rotary": {"positions": 0, "norm": "pre", "activation": "gelu_tanh"},
}
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气很好热冷雨雪风"]


def network(shape, **more):
    torch.manual_seed(0)
    net = masks.Transformer(30, 32, 3, 4, **SHAPES[shape], **more).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return net


def uncached(net, prompt, target, task):
    """Logits of what follows, by one pass over prompt and target without a cache."""
    ids = torch.tensor([prompt + target])
    if task == "lm":
        return net(ids, mask=masks.causal())[0, len(prompt) - 1 :]
    if task == "prefix":
        return net(ids, mask=masks.prefix(torch.tensor([len(prompt)])))[0, len(prompt) - 1 :]
    segments = torch.tensor([[0] * len(prompt) + [1] * len(target)])
    if not net.arguments["segments"]:
        return net(ids, mask=masks.unilm(segments))[0, len(prompt) - 1 :]
    return net(ids, segments, masks.unilm(segments))[0, len(prompt) - 1 :]


@pytest.mark.parametrize("task", ["seq2seq", "lm", "prefix"])
@pytest.mark.parametrize("shape", SHAPES)
def test_cached_logits_are_the_uncached_ones_on_ragged_prompts(shape, task):
    net = network(shape)
    prompts = [[2, 7, 8, 9, 3], [2, 5, 3], [2, 6, 6, 7, 7, 8, 8, 9, 3]]
    targets = torch.randint(5, 30, (3, 20))  # more than the cache has room for at first
    steps = DecodableTransformer(net, task)
    assert isinstance(steps, Decodable)
    with torch.inference_mode():
        logits, state = steps.prefill(*pad_prompts(prompts))
        found = [logits]
        for column in targets.T:
            logits, state = steps.step(column, state)
            found.append(logits)
        for i, prompt in enumerate(prompts):
            expected = uncached(net, prompt, targets[i].tolist(), task)
            torch.testing.assert_close(
                torch.stack([row[i] for row in found]), expected, rtol=1e-5, atol=1e-5
            )


@pytest.mark.parametrize("shape", SHAPES)
def test_reordered_beams_continue_their_own_past(shape):
    net, prompts = network(shape), [[2, 7, 8, 9, 3], [2, 5, 3]]
    generator = torch.Generator().manual_seed(3)
    with torch.inference_mode():
        steps = DecodableTransformer(net)
        _, state = steps.prefill(*pad_prompts(prompts))
        pasts = [(prompt, []) for prompt in prompts]
        for rows in ([0, 0, 0, 1, 1, 1], [2, 0, 0, 4, 5, 3], [0, 1, 1, 5, 5, 4], [5, 3], [1, 1, 0]):
            state = steps.reorder(state, torch.tensor(rows))
            tokens = torch.randint(5, 30, (len(rows),), generator=generator)
            pasts = [
                (pasts[row][0], [*pasts[row][1], int(token)])
                for row, token in zip(rows, tokens, strict=True)
            ]
            logits, state = steps.step(tokens, state)
            for found, (prompt, past) in zip(logits, pasts, strict=True):
                expected = uncached(net, prompt, past, "seq2seq")[-1]
                torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def exhaustive(net, prompt, length, eos):
    """Return the best finished or cut sequence among all, by its log-probability."""
    best = (-float("inf"), [])
    frontier = [([], 0.0)]
    for _ in range(length):
        following = []
        for past, score in frontier:
            gains = uncached(net, prompt, past, "seq2seq")[-1].log_softmax(-1).tolist()
            for token, gain in enumerate(gains):
                item = ([*past, token], score + gain)
                if token == eos or len(item[0]) == length:
                    best = max(best, item[::-1])
                else:
                    following.append(item)
        frontier = following
    return best


def test_a_wide_beam_finds_the_most_probable_target():
    torch.manual_seed(0)
    net = masks.Transformer(6, 16, 2, 2, positions=16).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    with torch.inference_mode():
        score, sequence = exhaustive(net, [2, 4, 3], 4, eos=3)
        made = decoding.generate(
            DecodableTransformer(net),
            [[2, 4, 3]],
            method="beam",
            beam=36,
            max_new_tokens=4,
            eos_id=3,
            length_penalty=0.0,
        )
    assert made.to_lists()[0] == sequence
    assert made.scores[0].item() == pytest.approx(score, abs=1e-4)


@pytest.fixture
def writer():
    vocabulary = {token: i for i, token in enumerate(VOCABULARY)}
    fast = Fast(WordPiece(vocabulary, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    torch.manual_seed(0)
    net = masks.Transformer(len(VOCABULARY), 32, 2, 4, positions=24).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    net.preprocess = masks.Tokenizer(fast.to_str(), max_length=20)
    return net


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("task", ["seq2seq", "lm", "prefix"])
def test_a_text_gets_the_same_answer_in_any_company(writer, task, beam):
    texts = ["今天天气很好", "", "😀", "雪", "今" * 20_000, "风雨风雨"]
    if task == "seq2seq":
        texts = [text for text in texts if writer.preprocess.reads(text)]
    together = writer.generate(texts, task=task, beam=beam, max_new_tokens=6, batch_size=4)
    alone = [writer.generate([t], task=task, beam=beam, max_new_tokens=6)[0] for t in texts]
    assert together == alone
    assert writer.generate([], max_new_tokens=6) == []


def test_what_cannot_be_generated_is_refused(writer):
    with pytest.raises(TypeError, match=r"write \[text\]"):
        writer.generate("今天")
    with pytest.raises(ValueError, match="max_new_tokens is 22: of 24 positions at least 3"):
        writer.generate(["今天"], max_new_tokens=22)
    with pytest.raises(ValueError, match="has no tokenizer"):
        network("bert").generate(["今天"])


@pytest.mark.parametrize("rows", [(1,), (7,), (2, 3)])
def test_a_packed_linear_layer_is_the_layer(rows):
    layer = torch.nn.Linear(24, 40)
    x = torch.randn(*rows, 24)
    with torch.inference_mode():
        expected = layer(x)
        torch.testing.assert_close(PackedLinear(layer.weight, layer.bias)(x), expected)
        torch.testing.assert_close(PackedLinear(layer.weight, None)(x), expected - layer.bias)


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("activation", [torch.nn.GELU(), torch.nn.GELU("tanh"), torch.nn.ReLU()])
def test_a_lean_sequence_applies_an_activation_with_its_layer(activation, rows):
    torch.manual_seed(0)
    plain = torch.nn.Sequential(torch.nn.Linear(512, 300), activation, torch.nn.Linear(300, 4))
    x = torch.randn(rows, 512)
    with torch.inference_mode():
        torch.testing.assert_close(lean(plain)(x), plain(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("beam", [1, 2])
@pytest.mark.parametrize("width", [32, 512])  # the second has weights that are packed
def test_generation_under_autocast_is_that_of_bfloat16(width, beam):
    torch.manual_seed(0)
    net = masks.Transformer(30, width, 2, 4, positions=64).eval()
    prompts = [[2, 7, 8, 9, 3], [2, 5, 3]]
    steps, tokens = DecodableTransformer(net), torch.tensor([7, 8])
    with torch.inference_mode():
        expected, state = steps.prefill(*pad_prompts(prompts))
        following, _ = steps.step(tokens, state)
        with torch.autocast("cpu", torch.bfloat16):
            found, state = steps.prefill(*pad_prompts(prompts))
            torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)
            found, _ = steps.step(tokens, state)
            torch.testing.assert_close(found.float(), following, rtol=0.05, atol=0.05)
    with torch.autocast("cpu", torch.bfloat16):
        method = "beam" if beam > 1 else "greedy"
        made = decoding.generate(steps, prompts, method=method, beam=beam, max_new_tokens=9)
    assert made.sequences.shape == (2, 9)


def test_a_lean_network_computes_the_same_without_dropout():
    net = network("rotary", two_stream=True)
    ids = torch.randint(5, 30, (2, 9))
    with torch.inference_mode():
        expected = net.encode(ids, mask=masks.causal())
        net.train()
        torch.testing.assert_close(lean(net).encode(ids, mask=masks.causal()), expected)


def test_a_stream_numbers_the_texts_as_they_were_given(writer):
    texts, heard = ["今天天气很好", "雪", "风雨风雨", "天气"], []
    made = writer.generate(
        texts,
        max_new_tokens=5,
        batch_size=2,
        stream=lambda rows, tokens: heard.extend(zip(rows.tolist(), tokens.tolist(), strict=True)),
    )
    for i, text in enumerate(made):
        assert writer.preprocess.decode([token for row, token in heard if row == i]) == text


def test_several_results_of_a_text_follow_each_other(writer):
    texts = ["今天天气很好", "雪", "风雨风雨"]
    several = writer.generate(texts, beam=4, n_best=3, max_new_tokens=5, batch_size=2)
    assert len(several) == 9
    assert several[::3] == writer.generate(texts, beam=4, max_new_tokens=5)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_has_a_text(writer, size):
    with pytest.raises(ValueError, match=f"batch_size is {size}: expected a whole number"):
        writer.generate(["今天"], max_new_tokens=8, batch_size=size)


@pytest.mark.parametrize(
    "options", [{}, {"beam": 2, "n_best": 2}, {"method": "sample", "samples": 2}]
)
def test_nothing_is_written_from_a_source_that_nobody_can_read(writer, options):
    texts = ["", "今天天气很好", " 。\n", "An abstract in English.", "雪"]
    options = {"max_new_tokens": 5, "generator": 0 if "samples" in options else None, **options}
    with pytest.warns(UserWarning, match="3 of 5 sources have no Chinese char.* number 0, ''"):
        made = writer.generate(texts, **options)
    each = len(made) // len(texts)
    alone = writer.generate(["今天天气很好", "雪"], **options)
    assert made == [""] * each + alone[:each] + [""] * (2 * each) + alone[each:]
    assert writer.generate(["rain"], task="lm", max_new_tokens=5) != [""]  # a text may begin so


def test_a_stream_numbers_the_texts_also_if_some_cannot_be_read(writer):
    heard = []
    with pytest.warns(UserWarning, match="1 of 3 sources"):
        made = writer.generate(
            ["雪", "", "天气"],
            max_new_tokens=5,
            stream=lambda rows, tokens: heard.extend(
                zip(rows.tolist(), tokens.tolist(), strict=True)
            ),
        )
    for i, text in enumerate(made):
        assert writer.preprocess.decode([token for row, token in heard if row == i]) == text
    with pytest.warns(UserWarning, match="1 of 1 sources"):
        assert [*writer.stream("English", max_new_tokens=5)] == []
