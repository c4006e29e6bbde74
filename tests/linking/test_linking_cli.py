"""`zoo knowledge` and `zoo link` from the command line."""

import json

import pytest

from zoo import cli

LINES = (
    '{"id": "1", "names": ["蘇舜欽", "子美"], "description": "宋"}\n'
    '{"id": "2", "names": ["杜甫", "子美"]}\n'
)


@pytest.fixture
def base(tmp_path, capsys):
    (tmp_path / "kb.jsonl").write_text(LINES, "utf-8")
    cli.run(["knowledge", "build", str(tmp_path / "kb.jsonl"), str(tmp_path / "kb")])
    assert capsys.readouterr().out == f"2 entities, 3 names in {tmp_path / 'kb'}\n"
    return tmp_path / "kb"


def test_a_base_is_built_changed_and_shown(base, tmp_path, capsys):
    (tmp_path / "more.jsonl").write_text('{"id": "3", "names": ["子美"]}\n', "utf-8")
    cli.run(["knowledge", "add", str(tmp_path / "more.jsonl"), str(base)])
    cli.run(["knowledge", "remove", "1", str(base)])
    capsys.readouterr()
    cli.run(["knowledge", "show", str(base)])
    assert capsys.readouterr().out == f"2 entities, 2 names in {base}\n"
    cli.run(["knowledge", "show", str(base), "--name", "子美"])
    shown = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["2", "3"]


def test_an_error_is_one_line_with_the_line_of_the_file(base, tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["knowledge", "add", str(tmp_path / "kb.jsonl"), str(base)])
    assert "the id '1' is taken" in capsys.readouterr().err
    (tmp_path / "bad.jsonl").write_text("{\n", "utf-8")
    with pytest.raises(SystemExit):
        cli.main(["knowledge", "add", str(tmp_path / "bad.jsonl"), str(base)])
    assert "bad.jsonl, line 1" in capsys.readouterr().err


def test_linking_prints_a_line_of_json_a_text(base, monkeypatch, capsys):
    from test_linker import linker

    import zoo
    from zoo.linking.knowledge.base import KnowledgeBase
    from zoo.linking.net import TransformerLinker

    net = linker(TransformerLinker, KnowledgeBase.open(base))
    monkeypatch.setattr(zoo, "load", lambda model: net)
    cli.main(["link", "any", "--keep", "1", "寄子美", "無"])
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert second == {"text": "無", "mentions": []}
    (mention,) = first["mentions"]
    assert (mention["start"], mention["end"], mention["text"]) == (1, 3, "子美")
    assert len(mention["candidates"]) == 1


def test_a_model_that_links_nothing_is_refused():
    with pytest.raises(ValueError, match="links no texts"):
        cli.run(["link", "masks_poems_lm", "x"])
