"""`zoo generate`: what it makes of its words, with a stand-in and with what is bundled."""

import io

import pytest
import torch

import zoo
from zoo import cli, hub
from zoo.decoding.laboratory import BUNDLED


class Reader(torch.nn.Module):
    """A model that does not write."""


class Writer(Reader):
    """A model that writes down the options it was given; of a generator, its seed."""

    def generate(self, texts, **options):
        if "generator" in options:
            options["generator"] = options["generator"].initial_seed()
        return [f"{text} {sorted(options.items())}" for text in texts]


@pytest.fixture(autouse=True)
def writer(monkeypatch):
    stand_ins = {"writer": Writer(), "reader": Reader()}
    load = hub.load
    monkeypatch.setattr(hub, "load", lambda name: stand_ins.get(name) or load(name))


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {"method": "greedy"}),
        (["--beam", "4"], {"method": "beam", "beam": 4}),
        (["--beam", "4", "--method", "diverse_beam"], {"method": "diverse_beam", "beam": 4}),
        (["--top_p", "0.9", "--seed", "0"], {"method": "sample", "top_p": 0.9, "generator": 0}),
        (["--temperature", "0.5"], {"method": "sample", "temperature": 0.5}),
        (["--max_new_tokens", "9"], {"method": "greedy", "max_new_tokens": 9}),
        (["--top-k", "3", "--alpha", "0.5"], {"method": "contrastive", "top_k": 3, "alpha": 0.5}),
        (["--forbidden-tokens", "[5, 6]"], {"method": "greedy", "forbidden_tokens": [5, 6]}),
        (["--stop", "a", "--stop", "b"], {"method": "greedy", "stop": ["a", "b"]}),
    ],
)
def test_options_reach_the_model(words, options, capsys):
    cli.main(["generate", "writer", "one", "two", *words])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{text} {sorted(options.items())}" for text in ("one", "two")]


def test_texts_come_from_standard_input_too(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    cli.main(["generate", "writer"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["one", "two"]


def test_a_model_that_does_not_write_says_so(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["generate", "reader", "one"])
    assert stop.value.code == 2
    assert "reader writes no texts" in capsys.readouterr().err


LINES = ["白日依山尽，", "春风又绿江南岸，"]


def written(capsys, *words):
    cli.main(["generate", *words])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("kind", BUNDLED)
def test_the_bundled_models_write(kind, capsys):
    net = zoo.load(BUNDLED[kind])
    assert net.eos_head.kind == kind
    words = [BUNDLED[kind], *LINES, "--max_new_tokens", "40"]
    greedy = written(capsys, *words)
    assert greedy == net.generate(LINES, max_new_tokens=40)
    assert all("，" in line or "。" in line for line in greedy)
    beam = written(capsys, *words, "--beam", "4")
    assert beam == net.generate(LINES, method="beam", beam=4, max_new_tokens=40)
    assert beam != greedy


def test_a_seed_writes_the_same_again(capsys):
    words = ["decoding_lstm_poems", *LINES, "--top_p", "0.9", "--seed"]
    first, again, other = (written(capsys, *words, seed) for seed in ("0", "0", "1"))
    assert first == again
    assert first != other


def test_an_option_out_of_its_range_says_so(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["generate", "decoding_lstm_poems", *LINES, "--top_p", "0"])
    assert stop.value.code == 2
    assert "top_p is 0" in capsys.readouterr().err


def test_a_text_is_printed_as_it_comes(capsys):
    words = ["decoding_lstm_poems", *LINES, "--stop", "。"]
    assert written(capsys, *words, "--stream") == written(capsys, *words)


def test_two_texts_of_a_stream_are_drawn_by_other_numbers(capsys):
    line = LINES[0]
    words = ["decoding_lstm_poems", line, line, "--top-p", "0.9", "--seed", "0", "--stream"]
    first, second = written(capsys, *words)
    assert first != second
