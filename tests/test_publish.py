"""All bundled checkpoints published at once, over loopback."""

import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import publish
import pytest
from hub_server import HubServer
from huggingface_hub import constants
from test_checkpoint import contents

import zoo
from zoo import registry

pytestmark = [
    pytest.mark.hub,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),  # the client's own
]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def test_every_bundled_folder_is_published_whole_and_once(hub, capsys, tmp_path, monkeypatch):
    models = Path(shutil.copy(publish.MODELS, tmp_path))
    monkeypatch.setattr(publish, "MODELS", models)
    publish.main(["someone", "--tag", "v1"])
    printed = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    folders = [path for path in publish.CHECKPOINTS.iterdir() if path.is_dir()]
    assert printed.keys() == hub.repos.keys() == {f"someone/{path.name}" for path in folders}
    for folder in folders:
        repo = hub.repos[f"someone/{folder.name}"]
        files = {name: data for name, data in repo.commits[repo.head].items() if name[0] != "."}
        assert files == contents(folder)
        assert repo.tags == {"v1": printed[f"someone/{folder.name}"]}
    publish.main(["someone", "--tag", "v1"])
    assert dict(line.split("\t") for line in capsys.readouterr().out.splitlines()) == printed
    loaded = zoo.load("someone/pictures_digits")
    ours = zoo.load("pictures_digits").state_dict()
    assert all((value == ours[name]).all() for name, value in loaded.state_dict().items())
    rows = {row["name"]: row for row in runpy.run_path(str(models))["TABLE"]}
    left_out = "masks_small_zh"
    assert rows[left_out]["repo"] == f"someone/{left_out}"
    without = replace(registry.describe(left_out), repo="")
    monkeypatch.setattr(registry, "PACKAGE", tmp_path)  # an installed wheel, which has it not
    monkeypatch.setitem(registry._entries, left_out, without)
    with pytest.raises(FileNotFoundError, match=r"does not come with the zoo: train it"):
        zoo.load(left_out)
    with_repo = replace(without, repo=rows[left_out]["repo"])
    monkeypatch.setitem(registry._entries, left_out, with_repo)
    assert zoo.load(left_out).config["model"] == left_out


def test_an_owner_is_written_once(tmp_path):
    models = tmp_path / "models.py"
    models.write_text('A = 1\nOWNER = ""  # of the repositories\n')
    publish.set_owner("someone", models)
    publish.set_owner("someone-else", models)
    assert models.read_text() == 'A = 1\nOWNER = "someone-else"  # of the repositories\n'
    models.write_text("A = 1\n")
    with pytest.raises(ValueError, match="no line OWNER"):
        publish.set_owner("someone", models)


def test_nothing_is_sent_if_a_folder_is_damaged(hub, tmp_path):
    for name in ("pictures_digits", "pictures_fashion"):
        (tmp_path / "all" / name).mkdir(parents=True)
        for file in registry.describe(name).checkpoint.iterdir():
            (tmp_path / "all" / name / file.name).write_bytes(file.read_bytes())
    (tmp_path / "all" / "pictures_fashion" / "recipe.yaml").write_text("seed: 1\n")
    with pytest.raises(ValueError, match=r"recipe\.yaml"):
        list(publish.publish("someone", root=tmp_path / "all"))
    assert not hub.repos
