"""torch.hub from a copied tree, as it finds a GitHub repository in its cache."""

import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from zoo import registry

SESSION = """
import sys, torch
repository = "someone/kexue-zoo:main"
names = torch.hub.list(repository, trust_repo=True)
assert "torch" in sys.modules and "lightning" not in sys.modules
print(*names)
for name in names:
    assert "pretrained" in torch.hub.help(repository, name, trust_repo=True)
model = torch.hub.load(repository, names[0], trust_repo=True, pretrained=False, vocabulary=9)
print(type(model).__module__, sys.modules["zoo"].__file__)
for name in sys.argv[1:]:
    model = torch.hub.load(repository, name, trust_repo=True)
    assert model.config["model"] == name and not model.training
    again = torch.hub.load(repository, name, trust_repo=True, pretrained=sys.modules[
        "zoo.registry"].describe(name).checkpoint.as_posix())
    assert all((a == b).all() for a, b in zip(model.parameters(), again.parameters()))
"""


@pytest.mark.hub
def test_list_help_and_load(tmp_path):
    tree = tmp_path / "hub" / "someone_kexue-zoo_main"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "zoo", tree / "zoo", ignore=ignored)
    shutil.copy(ROOT / "hubconf.py", tree)
    bundled = [n for n in registry.list_models() if registry.describe(n).checkpoint.is_dir()]
    site = [path for path in sys.path if path.endswith("site-packages")]
    program = f"import sys; sys.path[1:] = sys.path[1:] + {site!r}\n" + SESSION
    found = subprocess.run(
        [sys.executable, "-c", program, *bundled],
        cwd=tmp_path,
        env={"TORCH_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    listed, home = found.stdout.splitlines()[:2]
    assert listed.split() == registry.list_models()
    assert home.startswith("zoo.masks.net ")
