import re
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo import registry
from zoo.models import OWNER

ENTRY = {
    "technique": "gan",
    "summary": "A net.",
    "task": "unconditional-image-generation",
    "build": "torch.nn:Linear",
    "recipe": "gan/none.yaml",
    "paper": "",
    "post": "",
}


def test_a_name_is_registered_once(monkeypatch):
    monkeypatch.setattr(registry, "_entries", {})
    registry.register(registry.Entry(name="gan_x_y", **ENTRY))
    with pytest.raises(ValueError, match="'gan_x_y' is registered already"):
        registry.register(registry.Entry(name="gan_x_y", **ENTRY))


def test_a_name_begins_with_its_technique():
    with pytest.raises(ValueError, match="must begin with its technique, gan_"):
        registry.register(registry.Entry(name="vae_x_y", **ENTRY))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="did you mean adversarial_fgm_poems"):
        zoo.describe("adversarial_fgm_poem")
    with pytest.raises(ValueError, match="`zoo list` names them all"):
        zoo.describe("xyzzy")


def test_models_are_listed_by_technique():
    assert zoo.list_models("adversarial") == [
        name for name in zoo.list_models() if name.startswith("adversarial_")
    ]
    assert zoo.list_models("astrology") == []


@pytest.mark.parametrize("statement", ["import zoo", "import zoo.cli; zoo.cli.run(['list'])"])
def test_the_face_imports_neither_torch_nor_lightning(statement):
    program = f"{statement}\nimport sys\nassert not {{'torch', 'lightning'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_technique_is_an_attribute():
    folders = [path.parent.name for path in Path(zoo.__file__).parent.glob("*/README.md")]
    assert set(folders) <= set(dir(zoo))
    for name in folders:
        program = f"import zoo\nassert zoo.{name}.__name__ == 'zoo.{name}'"
        subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        zoo.nonsense  # noqa: B018


def test_what_the_wheel_leaves_out_names_its_repository():
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8")
    left_out = re.findall(r'"zoo/checkpoints/(\w+)"', project)
    assert left_out
    for name in set(left_out) & {*registry.list_models()}:
        assert registry.describe(name).repo == (f"{OWNER}/{name}" if OWNER else "")
