"""What attacks do to a linear model is known; what they do to texts is countable."""

import random

import matplotlib as mpl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zoo.adversarial import robustness
from zoo.adversarial.text_edits import drop, homophone, sound_of, swap

mpl.use("agg")


class Linear(nn.Module):
    """Class 1 where w . x > 0."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -2.0, 2.0]))
        self.gain = gain

    def forward(self, x):
        score = self.gain * (x.flatten(1) @ self.weight)
        return torch.stack([-score, score], 1)


@pytest.mark.parametrize(("norm", "dual"), [("l2", 3.0), ("linf", 5.0)])
def test_a_linear_model_falls_where_the_shift_reaches_its_margin(norm, dual):
    """An example at margin m is lost from a shift of m / (dual norm of w) on."""
    margins = [0.3, 0.6, 0.9, 1.2]
    x = [m * torch.tensor([1.0, -2.0, 2.0]) / 9 for m in margins]
    data = [(example.view(1, 1, 3), 1) for example in x]
    strengths = [0.0, *(m / dual + 1e-3 for m in margins)]
    found = robustness(
        Linear(), data, ["pgd"], strengths=strengths, norm=norm, bounds=(-9.0, 9.0), batch_size=3
    )
    assert list(found.accuracy["pgd"].values()) == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert found.examples == 4
    assert found.silent == 0.0


def test_gradients_that_vanish_are_counted():
    """A gain that drives the softmax to exact ones: accuracy stays, and that is not robustness."""
    data = [(torch.tensor([1.0, -2.0, 2.0]), 1)]
    found = robustness(Linear(1e4), data, ["pgd"], strengths=[1.0], bounds=(-9.0, 9.0))
    assert found.silent == 1.0
    assert found.accuracy == {"pgd": {1.0: 1.0}}


def test_pixels_stay_within_their_bounds():
    data = [(torch.tensor([1.0, 0.0, 1.0]), 1)]  # the corner where class 1 is safest
    found = robustness(Linear(), data, ["pgd"], strengths=[0.5], bounds=(0.5, 1.0))
    assert found.accuracy["pgd"][0.5] == 1.0  # cannot leave [0.5, 1]: 0.5 - 2 + 1 < 0 needs 1, .5


@given(st.text(min_size=0, max_size=30), st.floats(0, 1), st.integers(0, 5))
def test_edits_keep_what_they_promise(text, share, seed):
    swapped = swap(text, share, random.Random(seed))
    assert sorted(swapped) == sorted(text)
    dropped = drop(text, share, random.Random(seed))
    assert len(dropped) >= min(1, len(text))
    rest = iter(text)
    assert all(c in rest for c in dropped)  # a subsequence
    if share == 0:
        assert swapped == dropped == text


def test_homophones_sound_the_same():
    pytest.importorskip("pypinyin")
    text = "这家酒店的房间很干净"
    heard = homophone(text, 1.0, random.Random(0))
    assert heard != text
    assert [sound_of(c) for c in heard] == [sound_of(c) for c in text]
    assert homophone("abc 12", 1.0, random.Random(0)) == "abc 12"


def test_a_bundled_model_under_every_attack():
    import zoo

    model = zoo.load("adversarial_fgm_poems")
    poems = [
        ("床前明月光，疑是地上霜。举头望明月，低头思故乡。", "Tang"),
        ("水光潋滟晴方好，山色空蒙雨亦奇。欲把西湖比西子，淡妆浓抹总相宜。", "Song"),
    ]
    found = robustness(model, poems, ["pgd", "swap", "drop"], steps=3)
    assert all(len(by_strength) == 5 for by_strength in found.accuracy.values())
    assert found.accuracy["pgd"][0.0] == found.accuracy["swap"][0.0]
    assert found.accuracy["pgd"][3.0] < 1.0
    assert "| accuracy |" in str(found)
    assert len(found.plot().lines) == 3
    assert not model.training
    assert all(not hooks for hooks in (m._forward_hooks for m in model.modules()))


class Reader(nn.Module):
    """Answers one class always, and keeps the texts it is given."""

    def __init__(self, answer):
        super().__init__()
        self.embed, self.answer, self.texts = nn.Embedding(2, 2), answer, []

    def preprocess(self, texts):
        self.texts += texts
        return torch.zeros(len(texts), 1, dtype=torch.long)

    def forward(self, tokens):
        return nn.functional.one_hot(torch.full((len(tokens),), self.answer), 2).float()


def test_edits_depend_neither_on_the_model_nor_on_the_batch():
    def read(answer, batch_size, strengths):
        model = Reader(answer)
        robustness(model, texts, ["swap"], strengths=strengths, batch_size=batch_size)
        return model.texts

    texts = [("床前明月光，疑是地上霜。", i % 2) for i in range(6)]
    edited = read(0, 6, [0.5, 1.0])
    assert read(1, 4, [0.5, 1]) == edited
    assert len(set(edited)) > 1  # the same text, edited anew for each example


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"norm": "L2"}, "norm is 'L2': expected l2 or linf"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"strengths": [0.1, 3]}, "strengths has 3: expected shares from 0 to 1 with swap"),
    ],
)
def test_options_out_of_range_are_named_before_anything_is_measured(options, message):
    model = Reader(0)
    with pytest.raises(ValueError, match=message):
        robustness(model, [("春眠不觉晓", 0)], ["swap"], **options)
    assert not model.texts


def test_bounds_of_pixels_are_in_order():
    with pytest.raises(ValueError, match=r"bounds is \(1, 0\): expected the lowest"):
        robustness(Linear(), [(torch.zeros(3), 0)], ["pgd"], bounds=(1, 0))


@pytest.mark.parametrize(
    ("data", "attacks", "message"),
    [
        ([], ["pgd"], "data is empty"),
        ([("春", "Tang")], ["pgd"], "label is 'Tang'"),
        ([("春", 0)], ["fire"], "attacks has 'fire': expected some of drop, homophone, pgd, swap"),
        ([(torch.zeros(3), 0)], ["swap"], "attacks has 'swap': expected some of pgd"),
    ],
)
def test_bad_input_is_named(data, attacks, message):
    with pytest.raises(ValueError, match=message):
        robustness(Linear(), data, attacks)


@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf")])
def test_strengths_out_of_range_are_refused(strength):
    with pytest.raises(ValueError, match=f"strengths has {strength}: expected finite numbers"):
        robustness(Linear(), [(torch.zeros(3), 0)], ["pgd"], strengths=[0.1, strength])


def test_the_command_prints_a_table_and_draws_the_curves(capsys, tmp_path):
    from zoo import cli

    picture = tmp_path / "curves.png"
    words = ["--examples", "8", "--attacks", "swap", "--data.path", "null", "-o", str(picture)]
    # the same number twice, of which one is the data's
    cli.main(["attack", "adversarial_fgm_poems", *words, "--data.batch_size", "8"])
    printed = capsys.readouterr().out
    assert "| swap at | 0 | 0.05 | 0.1 | 0.2 | 0.4 |" in printed
    assert "pgd" not in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    cli.main(
        ["attack", "adversarial_fgm_poems", *words[:4], "--strengths", "0.1", "0.3", *words[4:6]]
    )
    assert "| swap at | 0.1 | 0.3 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["adversarial_fgm_poems", "--examples", "-3"], "examples is -3: expected at least 1"),
        (["adversarial_fgm_poems", "--strengths", "weak"], "strengths"),
        (["adversarial_fgm_poems", "--steps", "0"], "steps is 0: expected a whole number"),
        (["decoding_lstm_poems"], "decoding_lstm_poems classifies nothing"),
        (["adversarial_fgm_poems", "-o", "no/a.png"], "no/a.png: no such folder; make it first"),
        (["adversarial_fgm_poems", "--data.path", "no.gz"], "leave path out (--data.path null)"),
    ],
)
def test_the_command_refuses_bad_input(words, message, capsys):
    from zoo import cli

    with pytest.raises(SystemExit, match="2"):
        cli.main(["attack", *words])
    assert message in capsys.readouterr().err
