"""`zoo generate`: what it makes of its words."""

import io

import pytest

import zoo
from zoo import cli


class Writer:
    """A model that writes down the options it was given."""

    def generate(self, texts, **options):
        return [f"{text} {sorted(options.items())}" for text in texts]


@pytest.fixture(autouse=True)
def writer(monkeypatch):
    monkeypatch.setattr(zoo, "load", lambda name: Writer() if name == "writer" else object())


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {"method": "greedy"}),
        (["--beam", "4"], {"method": "beam", "beam": 4}),
        (["--beam", "4", "--method", "diverse_beam"], {"method": "diverse_beam", "beam": 4}),
        (["--top_p", "0.9", "--seed", "0"], {"method": "sample", "top_p": 0.9, "generator": 0}),
        (["--temperature", "0.5"], {"method": "sample", "temperature": 0.5}),
        (["--max_new_tokens", "9"], {"method": "greedy", "max_new_tokens": 9}),
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
