"""All bundled checkpoints published at once, over loopback."""

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


def test_every_bundled_folder_is_published_whole_and_once(hub, capsys):
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


def test_nothing_is_sent_if_a_folder_is_damaged(hub, tmp_path):
    for name in ("pictures_digits", "pictures_fashion"):
        (tmp_path / "all" / name).mkdir(parents=True)
        for file in registry.describe(name).checkpoint.iterdir():
            (tmp_path / "all" / name / file.name).write_bytes(file.read_bytes())
    (tmp_path / "all" / "pictures_fashion" / "recipe.yaml").write_text("seed: 1\n")
    with pytest.raises(ValueError, match=r"recipe\.yaml"):
        list(publish.publish("someone", root=tmp_path / "all"))
    assert not hub.repos
