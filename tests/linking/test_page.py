"""What the page for strangers and the README show can be run."""

import json
import re
import shlex
from pathlib import Path

import pytest

from zoo import cli
from zoo.linking.texts import read_texts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/linking.md").read_text("utf-8")
README = (ROOT / "zoo/linking/README.md").read_text("utf-8")


def blocks(kind):
    found = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [text for language, text in found if language == kind]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    entities, texts = blocks("json")
    (tmp_path / "kb.jsonl").write_text(entities, "utf-8")
    (tmp_path / "train.jsonl").write_text(texts, "utf-8")
    (tmp_path / "more.jsonl").write_text('{"id": "pear", "names": ["梨"]}\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_base_of_the_page_is_built_shown_and_changed(folder, capsys):
    commands = [line for block in blocks("") for line in block.splitlines()]
    knowledge = [c.partition("#")[0] for c in commands if c.startswith("zoo knowledge")]
    assert len(knowledge) == 4
    for command in knowledge:
        cli.run(shlex.split(command)[1:])
    shown = capsys.readouterr().out
    assert '"id":"apple-company"' in shown
    assert "4 entities" in shown.splitlines()[-1]


def test_the_labelled_texts_of_the_page_are_read(folder):
    names = {e["id"]: e["names"] for e in map(json.loads, blocks("json")[0].splitlines())}
    for text in read_texts(folder / "train.jsonl"):
        (name,) = text.names()
        (mention,) = text.mentions
        assert name in names[mention.entity]


def test_every_command_is_one_of_the_zoo():
    commands = re.findall(r"^zoo (\w+)", "\n".join([*blocks(""), README]), re.MULTILINE)
    assert set(commands) <= {*cli.TRAINING, *cli.UTILITIES, *cli.COMMANDS}
