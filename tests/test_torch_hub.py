"""torch.hub from a copied tree, as it finds a GitHub repository in its cache."""

import runpy
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from hub_server import HubServer

from zoo import hub, registry

LIST_AND_LOAD = """
repository = "someone/kexue-zoo:main"
names = torch.hub.list(repository, trust_repo=True)
assert "lightning" not in sys.modules
for name in names:
    assert "pretrained" in torch.hub.help(repository, name, trust_repo=True)
model = torch.hub.load(repository, names[0], trust_repo=True, pretrained=False, vocabulary=9)
for name in sys.argv[1:]:
    model = torch.hub.load(repository, name, trust_repo=True)
    assert model.config["model"] == name and not model.training
print(*names)
print(sys.modules["zoo"].__file__)
"""

LOAD_FROM_THE_HUB = """
repository, name = "someone/kexue-zoo:main", sys.argv[1]
bundled = torch.hub.load(repository, name, trust_repo=True)
pulled = torch.hub.load(
    repository, name, trust_repo=True, pretrained="me/tuned", revision="v1", trainable=True
)
assert all((a == b).all() for a, b in zip(bundled.parameters(), pulled.parameters()))
assert all(p.requires_grad for p in pulled.parameters())
"""


@pytest.fixture
def session(tmp_path):
    """Run a program that finds the project in torch.hub's cache and nowhere else."""
    tree = tmp_path / "hub" / "someone_kexue-zoo_main"
    shutil.copytree(ROOT / "zoo", tree / "zoo", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "hubconf.py", tree)
    places = [path for path in sys.path if path.endswith("site-packages")]
    home = {"TORCH_HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf"), "PATH": ""}

    def run(program, *arguments, **environment):
        prologue = f"import sys; sys.path[1:] += {places!r}; import torch\n"
        found = subprocess.run(
            [sys.executable, "-c", prologue + program, *arguments],
            cwd=tmp_path,
            env={**home, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stderr
        return found.stdout.splitlines()

    return run


@pytest.mark.hub
def test_list_help_and_load(session, tmp_path):
    bundled = [n for n in registry.list_models() if registry.describe(n).checkpoint.is_dir()]
    names, home = session(LIST_AND_LOAD, *bundled)
    assert names.split() == registry.list_models()
    assert home.startswith(str(tmp_path))


@pytest.mark.hub
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the client's own
def test_a_pushed_checkpoint_comes_back_through_torch_hub(session, monkeypatch):
    name = "adversarial_fgm_poems"
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        hub.push(registry.describe(name).checkpoint, "me/tuned", tag="v1")
        session(LOAD_FROM_THE_HUB, name, HF_ENDPOINT=server.url)


@pytest.mark.parametrize("arguments", [{}, {"shap": [1, 8, 8]}])
def test_a_fresh_network_says_which_arguments_it_needs(arguments):
    load = runpy.run_path(str(ROOT / "hubconf.py"))["pictures_digits"]
    with pytest.raises(ValueError, match=r"pretrained=False is built by .* 'shape'"):
        load(pretrained=False, **arguments)
    assert load(pretrained=False, shape=[1, 8, 8]).arguments["shape"] == [1, 8, 8]
