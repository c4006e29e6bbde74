"""What comes with the zoo, on what it is not made for."""

from functools import cache

import pytest

import zoo
from zoo.data.poems import load_poems
from zoo.decoding import generate, non_termination_ratio

load = cache(zoo.load)
ODD = {
    "long": "本文研究了无线传感器网络中的数据融合算法，提出一种节能的路由协议。" * 600,  # 20,400
    "empty": "",
    "emoji": "😀🚀",
    "one": "雪",
    "foreign": "Ünïcödé и кириллица\t\n\x00",
}
UNREAD = ["empty", "emoji", "foreign"]


@pytest.mark.parametrize("beam", [1, 4])
def test_any_abstract_has_a_title_and_the_same_in_any_company(beam):
    net = load("masks_title_csl")
    together = net.generate([*ODD.values()], beam=beam, max_new_tokens=16)
    alone = [net.generate([text], beam=beam, max_new_tokens=16)[0] for text in ODD.values()]
    assert together == alone
    assert all(title == title.strip() for title in together)
    titles = dict(zip(ODD, together, strict=True))
    assert titles["long"]
    # of a long source the beginning is read: 142 tokens, of up to three characters here
    beginning, other = (ODD["long"][:426] + more for more in ("", "完全不同的结尾" * 99))
    for text in (beginning, other):
        assert net.generate([text], beam=beam, max_new_tokens=16) == [titles["long"]]
    assert [name for name, title in titles.items() if not title] == UNREAD
    # of what has no known character, all is one unknown token
    assert net.generate(["的😀🚀"], beam=beam) == net.generate(["的🦄🐲"], beam=beam)


def test_the_engine_of_decoding_takes_a_network_as_it_is():
    net = load("masks_title_csl")
    texts = [ODD["long"][:100], "雪"]
    prompts = [net.preprocess.encode(text) for text in texts]
    made = generate(net, prompts, max_new_tokens=16, no_repeat_ngram=2)  # as titles are written
    titles = [net.preprocess.decode(ids) for ids in made.to_lists()]
    assert titles == net.generate(texts, max_new_tokens=16)
    ending = non_termination_ratio(net, prompts, limit=60, methods={"greedy": {}})["greedy"]
    assert ending.ratio == 0


def test_poems_begin_and_end_as_they_are_told_to_in_every_order():
    net = load("masks_poems_lm")
    how = {"method": "sample", "top_p": 0.9, "generator": 0}
    for text in ("", "明月", "😀"):
        known = "" if text == "😀" else text  # an unknown token is read, and not written
        (rest,) = net.generate([text], **how)
        assert rest
        (rest,) = net.generate([text], task="prefix", **how)
        assert rest
        (poem,) = net.generate([text], order="rtl", length=24, **how)
        assert poem.endswith(known)
        (poem,) = net.generate([text], order="random", length=24, **how)
        assert poem.startswith(known)
        assert len(poem) == 24 - len(text) + len(known)
    with pytest.raises(ValueError, match="nothing is left to write"):
        net.generate(["明月" * 10_000], order="rtl", length=24)
    assert net.generate(["明月，" * 7_000], max_new_tokens=4) == net.generate(
        ["明月，" * 99], max_new_tokens=4
    )


@pytest.mark.parametrize(("order", "kept"), [("rtl", 1.0), ("random", 0.6)])
def test_a_poem_of_24_tokens_has_its_stops_after_each_fifth_character(order, kept):
    """As nearly all of the real ones; what is written in a random order falls short of it."""
    net = load("masks_poems_lm")
    made = net.generate([""] * 12, order=order, length=24, method="sample", generator=0)
    real = [poem.text for poem in load_poems(None, "test") if len(poem.text) == 24]
    for poems, least in ((real, 0.95), (made, kept)):
        stops = [[c in "，。？！；" for c in poem] for poem in poems]
        there = [stop for row in stops for stop in row[5::6]]
        assert sum(there) >= least * len(there)
        assert sum(map(sum, stops)) - sum(there) <= 0.1 * 20 * len(poems)  # and few elsewhere


def test_a_start_for_any_mask_writes_something_and_refuses_what_it_cannot():
    net = load("masks_small_zh")
    for task in ("lm", "prefix", "seq2seq"):
        texts = net.generate([*ODD.values()], task=task, max_new_tokens=4)
        assert len(texts) == len(ODD)
    with pytest.raises(ValueError, match="built with targets"):
        net.generate([""], order="random", task="lm", length=5)
