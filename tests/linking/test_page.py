"""What the page for strangers and the README show can be run."""

import json
import re
import shlex
from dataclasses import asdict
from pathlib import Path

import pytest

import zoo
from zoo import cli
from zoo.linking.knowledge.entities import read_entities
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


@pytest.mark.slow
@pytest.mark.train
def test_a_stranger_trains_on_own_texts_and_links_over_a_changed_base(tmp_path, capsys):
    """Step 3 and 4 of the page, with sixty texts and two epochs."""
    source, mine = ROOT / "tests/conf/data/ccks2019", tmp_path / "mine"
    mine.mkdir()
    entities = [entity.to_line() for entity in read_entities(source / "kb_data")]
    (mine / "kb.jsonl").write_text("".join(entities), "utf-8")
    texts = [asdict(text) for text in read_texts(source / "train.json")][:60]
    (mine / "train.jsonl").write_text("".join(json.dumps(t) + "\n" for t in texts), "utf-8")
    command = f"fit linking_ccks2019 --data.root {mine} --data.batch_size 16 --model.width 16"
    options = f"--trainer.max_epochs 2 --trainer.accelerator cpu --output {tmp_path / 'linker'}"
    cli.run(f"{command} --model.heads 2 {options} --trainer.default_root_dir {tmp_path}".split())
    cli.run(["knowledge", "build", str(mine / "kb.jsonl"), str(tmp_path / "kb")])
    capsys.readouterr()
    cli.run(["link", str(tmp_path / "linker"), "苹果手机", "--knowledge", str(tmp_path / "kb")])
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["text"] == "苹果手机"
    net = zoo.load(tmp_path / "linker")
    assert "on LabelledTexts, mine" in (tmp_path / "linker/README.md").read_text("utf-8")
    assert len(net.knowledge) == len(entities)
    assert net.behaviour.marked["苹果"] > 0
    found = net.link("苹果手机", mentions=[(0, 2)])
    assert {id_ for id_, _ in found[0].candidates} <= {"1", "2"}


def test_every_command_is_one_of_the_zoo():
    commands = re.findall(r"^zoo (\w+)", "\n".join([*blocks(""), README]), re.MULTILINE)
    assert set(commands) <= {*cli.PROGRAMS, *cli.COMMANDS}
