import numpy as np
import pytest
import torch
from tokenizers import Tokenizer as Fast
from tokenizers import normalizers, pre_tokenizers
from tokenizers.models import WordPiece

from zoo import decoding, masks
from zoo.masks.any_order import at_random, right_to_left
from zoo.masks.decodable import DecodableTransformer

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气很好热冷雨雪风"]


@pytest.fixture
def net():
    """A network without any training that can be told what to predict."""
    fast = Fast(WordPiece({token: i for i, token in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    fast.normalizer = normalizers.BertNormalizer()  # which isolates characters
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    torch.manual_seed(0)
    sizes = {"width": 32, "depth": 2, "heads": 4, "positions": 24, "segments": 0, "targets": 24}
    made = masks.Transformer(len(VOCABULARY), **sizes).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    made.preprocess = masks.Tokenizer(fast.to_str(), max_length=24)
    return made


def plans():
    """Both orders, with little and with much that is known; a text of 12 tokens."""
    generator = torch.Generator().manual_seed(0)
    for known in ([3], [9, 5, 8, 3]):
        yield right_to_left(known, 12)
    for known in ([2, 3], [2, 6, 7, 7, 3]):
        yield at_random(known, 12, generator)


@pytest.mark.parametrize("plan", list(plans()))
def test_the_chain_rule_holds_in_any_order(net, plan):
    """What was drawn has, token by token, the probability that one pass under the mask gives it."""
    made = decoding.generate(
        DecodableTransformer(net, "lm", plan.places),
        [plan.prompt] * 3,
        method="sample",
        max_new_tokens=len(plan.places) - len(plan.prompt),
        generator=0,
    )
    known = len(plan.prompt)
    order = torch.tensor([*plan.places, *({*range(12)} - {*plan.places})])  # the rest comes last
    targets = torch.zeros(1, 12, dtype=torch.long).scatter(1, order[None], order.roll(-1)[None])
    for written, log_probs in zip(made.sequences, made.log_probs, strict=True):
        tokens = torch.zeros(12, dtype=torch.long)
        tokens[plan.places] = torch.cat([torch.tensor(plan.prompt), written])
        logits = net(tokens[None], mask=masks.permutation(order), target_ids=targets)
        following = tokens[order].roll(-1)
        expected = logits[0, order].log_softmax(-1).gather(1, following[:, None])[:, 0]
        expected = expected[known - 1 : len(plan.places) - 1]
        torch.testing.assert_close(log_probs, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("plan", list(plans()))
def test_a_plan_reads_what_is_known_and_writes_each_other_position_once(plan):
    assert len({*plan.places}) == len(plan.places)
    assert {*range(1, 12)} <= {*plan.places} <= {*range(12)}
    made = range(100, 100 + len(plan.places) - len(plan.prompt))
    text = plan.text(made)
    assert text[-1] == 3
    known = [token for token in text if token < 100]
    assert known == (plan.prompt[::-1] if 0 not in plan.places else plan.prompt)
    unknown = [token for token in text if token >= 100]
    if 0 not in plan.places:
        assert unknown == [*made][::-1]
    else:
        assert sorted(unknown) == [*made] != unknown


def test_the_order_of_the_tokens_is_all_that_left_to_right_is(net):
    plain, ordered = DecodableTransformer(net, "lm"), DecodableTransformer(net, "lm", range(24))
    options = {"max_new_tokens": 10, "method": "beam", "beam": 3}
    expected = decoding.generate(plain, [[2, 7], [2, 9]], **options)
    found = decoding.generate(ordered, [[2, 7], [2, 9]], **options)
    assert found.to_lists() == expected.to_lists()


def test_texts_are_written_around_what_is_given(net):
    options = {"length": 9, "method": "sample", "generator": 3}
    (before,) = net.generate(["很好"], order="rtl", **options)
    assert len(before) == 9
    assert before.endswith("很好")
    one, two = net.generate(["今天", "今天"], order="random", **options)
    assert len(one) == len(two) == 9
    assert one.startswith("今天")
    assert one != two
    assert net.generate(["今天", "今天"], order="random", **options) == [one, two]
    assert len(net.generate([""], order="rtl", length=22)[0]) == 22


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "rtl"}, "needs the length"),
        ({"order": "random", "length": 5, "task": "prefix"}, "is for task='lm'"),
        ({"order": "rtl", "length": 23}, "length is 23: give 1 to 22"),
        ({"order": "rtl", "length": 2}, "nothing is left to write"),
        ({"order": "random", "length": 0}, "length is 0"),
        ({"length": 5}, "length does nothing from left to right"),
        ({"order": "rtl", "length": 5, "max_new_tokens": 3}, "max_new_tokens does nothing where"),
        ({"order": "random", "length": 5, "batch_size": 2}, "batch_size does nothing where"),
        ({"order": "rtl", "length": 5, "stop": ["好"]}, "stop does nothing where"),
        ({"order": "rtl", "length": 5, "stopping": [print]}, "stopping does nothing where"),
    ],
)
def test_what_no_order_can_write_is_refused(net, options, message):
    with pytest.raises(ValueError, match=message):
        net.generate(["今天"], **options)


def test_processors_of_ones_own_are_used_too(net):
    good = VOCABULARY.index("好")

    def only_good(tokens, scores):
        return torch.full_like(scores, -1e9).index_fill(-1, torch.tensor([good]), 0.0)

    assert net.generate(["雨"], order="rtl", length=4, processors=[only_good]) == ["好好好雨"]


def test_a_text_is_no_longer_than_the_targets(net):
    told = masks.Transformer(len(VOCABULARY), 32, 1, 2, positions=0, segments=0, targets=8).eval()
    told.preprocess = net.preprocess
    assert len(told.generate(["今"], order="random", length=6)[0]) == 6
    with pytest.raises(ValueError, match="length is 7: give 1 to 6"):
        told.generate(["今"], order="random", length=7)
    told(torch.full((1, 8), 7))
    with pytest.raises(ValueError, match="9 tokens is longer than the 8 targets"):
        told(torch.full((1, 9), 7))
    with pytest.raises(ValueError, match="targets is 7: expected 0, or one for each position"):
        masks.Transformer(len(VOCABULARY), 32, 1, 2, positions=8, targets=7)


def test_a_random_order_needs_a_network_that_is_told_where_to_write(net):
    untold = masks.Transformer(len(VOCABULARY), 32, 1, 2, positions=24, segments=0).eval()
    untold.preprocess = net.preprocess
    assert len(untold.generate([""], order="rtl", length=5)[0]) == 5
    with pytest.raises(ValueError, match="built with targets"):
        untold.generate([""], order="random", length=5)


def test_a_seed_may_be_numpys_and_nothing_need_be_drawn(net):
    drawn = net.generate(["今天"], order="random", length=9, method="sample", generator=3)
    assert drawn == net.generate(
        ["今天"], order="random", length=9, method="sample", generator=np.int64(3)
    )
    greedy = net.generate(["今天"] * 2, order="random", length=9, generator=3)
    assert greedy == net.generate(["今天"] * 2, order="random", length=9, generator=3)


def test_a_stream_names_the_text_that_is_written(net):
    heard = []
    made = net.generate(
        ["", "很好"],
        order="rtl",
        length=6,
        stream=lambda rows, tokens: heard.extend(zip(rows.tolist(), tokens.tolist(), strict=True)),
    )
    for i, text in enumerate(made):
        written = [token for row, token in heard if row == i]
        assert text.startswith(net.preprocess.decode(written[::-1]))


def test_several_texts_are_drawn_around_what_is_given(net):
    options = {"order": "rtl", "length": 8, "method": "sample", "samples": 3, "generator": 1}
    made = net.generate(["很好", "天气"], **options)
    assert [text[-2:] for text in made] == ["很好"] * 3 + ["天气"] * 3
    assert len(set(made)) > 2
