"""What travels with a network: written, sealed, carried everywhere, and nothing unlisted."""

import json

import pytest
import torch
from conftest import ROOT
from hub_server import HubServer
from huggingface_hub import constants
from test_checkpoint import RESULT, TINY, contents, edit, seal, write

import zoo
from zoo import checkpoint, hub, registry
from zoo.callbacks.sample_grid import draw_grid
from zoo.checkpoint import card


class Names:
    """A list of names and one of numbers, in two files."""

    def __init__(self, names, numbers):
        self.names, self.numbers = names, numbers

    def write(self, folder, name):
        (folder / f"{name}.names.json").write_text(json.dumps(self.names), "utf-8")
        (folder / f"{name}.bin16").write_bytes(bytes(self.numbers))
        return [f"{name}.names.json", f"{name}.bin16"]

    @classmethod
    def open(cls, folder, name):
        names = json.loads((folder / f"{name}.names.json").read_text("utf-8"))
        return cls(names, [*(folder / f"{name}.bin16").read_bytes()])


Names.__module__ = "zoo.registry"
GRID = draw_grid(torch.rand(4, 1, 5, 5))


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Let the class be one of zoo, and Tiny a model."""
    monkeypatch.setattr(registry, "Names", Names, raising=False)
    monkeypatch.setitem(registry._entries, TINY.name, TINY)


@pytest.fixture
def folder(tmp_path):
    return write(
        tmp_path / "tiny",
        attachments={"knowledge": Names(["李白", "Du Fu"], [3, 1])},
        pictures={"samples.png": GRID},
    )[0]


def carries(net):
    return net.knowledge.names == ["李白", "Du Fu"] and net.knowledge.numbers == [3, 1]


def test_an_attachment_and_a_picture_are_saved_sealed_listed_shown_and_opened(folder):
    net = checkpoint.load(folder)
    assert carries(net)
    assert net.config["attachments"]["knowledge"] == {
        "class": "zoo.registry:Names",
        "files": ["knowledge.bin16", "knowledge.names.json"],
    }
    assert contents(folder)["samples.png"] == GRID
    assert "![samples](samples.png)" in (folder / "README.md").read_text("utf-8")
    sums = (folder / "SHA256SUMS").read_text()
    assert all(name in sums for name in ("knowledge.bin16", "knowledge.names.json", "samples.png"))
    card.check(folder)


def test_record_keeps_them(folder):
    before = contents(folder)
    checkpoint.record(folder, [RESULT | {"seed": 1}])
    after = contents(folder)
    assert {n for n in before if before[n] != after[n]} == {
        "metrics.json",
        "README.md",
        "SHA256SUMS",
    }
    assert carries(checkpoint.load(folder))
    card.check(folder)


@pytest.mark.hub
def test_push_pull_load_and_torch_hub_carry_them(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        hub.push(folder, "me/tiny")
        assert contents(hub.pull("me/tiny", to=str(tmp_path / "copy"))) == contents(folder)
        assert carries(zoo.load("me/tiny"))
        name = zoo.list_models()[0]
        monkeypatch.setitem(registry._entries, TINY.name, TINY)
        with pytest.raises(ValueError, match=f"holds {TINY.name}, not {name}"):
            torch.hub.load(str(ROOT), name, source="local", pretrained="me/tiny")


@pytest.mark.parametrize("name", ["knowledge.bin16", "samples.png"])
def test_a_flipped_byte_and_a_missing_file_are_refused(folder, name):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises(ValueError, match=f"{name}: expected SHA-256"):
        checkpoint.load(folder)
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f"{name}: expected SHA-256 .* found no such file"):
        checkpoint.load(folder)


def test_a_missing_file_is_refused_though_the_sums_forget_it(folder):
    (folder / "knowledge.bin16").unlink()
    seal(folder)
    with pytest.raises(ValueError, match=r"attachment knowledge lacks its file knowledge.bin16"):
        checkpoint.load(folder)


@pytest.mark.parametrize("name", ["knowledge.more", "notes.txt"])
def test_an_extra_file_is_refused_and_a_hidden_one_is_not(folder, name):
    (folder / ".gitattributes").write_text("* -text\n")
    checkpoint.load(folder)
    (folder / name).write_text("x")
    with pytest.raises(ValueError, match=f"{name}: expected a line in SHA256SUMS, found none"):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        ({"class": "os:system", "files": []}, "class is 'os:system', expected one of zoo"),
        ({"class": "zoo.registry:Nobody", "files": []}, "attachment knowledge cannot be opened"),
        ({"class": "zoo.registry:Names", "files": ["../x"]}, "has a file '../x': expected"),
        ({"class": "zoo.registry:Names", "files": ["knowledge.pkl"]}, "and no pickle"),
        ({"files": []}, "attachment knowledge cannot be opened: 'class'"),
        ("zoo.registry:Names", "attachment knowledge cannot be opened"),
    ],
)
def test_a_list_from_a_stranger_runs_and_reads_nothing_else(folder, listed, sentence):
    edit(folder / "config.json", attachments={"knowledge": listed})
    with pytest.raises(ValueError, match=sentence):
        checkpoint.load(folder)


@pytest.mark.parametrize("listed", [[], "x"])
def test_a_list_of_another_form_is_refused(folder, listed):
    edit(folder / "config.json", attachments=listed)
    with pytest.raises(ValueError, match=r"attachments is .* expected an object"):
        checkpoint.load(folder)


def test_what_cannot_travel_is_refused_and_nothing_is_written(tmp_path):
    class Elsewhere(Names):
        pass

    Elsewhere.__module__ = "somewhere"
    wrong = [
        ({"attachments": {"knowledge": Elsewhere([], [])}}, "its class must be in zoo"),
        ({"attachments": {"labels": Names([], [])}}, "attachment 'labels': expected a lower-case"),
        ({"pictures": {"samples.png": b"GIF"}}, "samples.png: expected the bytes of a PNG file"),
        ({"pictures": {"../a.png": GRID}}, "expected the bytes of a PNG file under a name.png"),
    ]
    for given, sentence in wrong:
        with pytest.raises(ValueError, match=sentence):
            write(tmp_path / "tiny", **given)
        assert not (tmp_path / "tiny").exists()


def test_a_card_without_the_picture_is_found(folder):
    path = folder / "README.md"
    path.write_text(path.read_text("utf-8").replace("![samples](samples.png)", ""), "utf-8")
    with pytest.raises(ValueError, match=r"README.md does not show samples.png"):
        card.check(folder)
