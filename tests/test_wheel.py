"""The wheel: small enough, complete, and at home where its user may write nowhere."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT

from zoo import registry

pytestmark = pytest.mark.slow
MOST = 80e6  # bytes
NOBODY = 65534


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel of the checkout, without a network."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel):
    """Install it where nobody may write; not below pytest's folder, which others may not enter."""
    with tempfile.TemporaryDirectory(prefix="zoo-wheel-") as made:
        site = Path(made)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        subprocess.run([*pip, "--target", made, str(wheel)], check=True, capture_output=True)
        paths = [site, *site.rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield site
        for path in paths:
            path.chmod(0o755)


LIBRARIES = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]


def start(python, site, *arguments):
    """Start a Python from / with HOME unset, and if we are root as a user without permissions."""
    path = os.pathsep.join(map(str, [site, *LIBRARIES]))
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    return subprocess.run(
        [python, *arguments],
        cwd="/",
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        **nobody,
    )


@cache
def python():
    """Return a Python that such a user may run: root's own may lie where only root can read."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        with contextlib.suppress(OSError):
            if start(candidate, "", "-c", "import torch").returncode == 0:
                return candidate
    pytest.skip("no Python here that a user without permissions may run")


def run(site, *arguments):
    """Run the installed command."""
    return start(python(), site, "-m", "zoo", *arguments)


def left_out():
    """Return the folders that stay in the checkout."""
    (line,) = [x for x in (ROOT / "pyproject.toml").open() if x.startswith("exclude = ")]
    return re.findall(r'"([^"]+)"', line)


def test_the_wheel_is_below_80_mb(wheel):
    assert wheel.stat().st_size < MOST


def test_the_wheel_has_the_recipes_the_checkpoints_and_the_notices(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in registry.list_models():
        entry = registry.describe(name)
        assert f"zoo/recipes/{entry.recipe}" in names
        if entry.checkpoint.is_dir() and f"zoo/checkpoints/{name}" not in left_out():
            files = {f"zoo/checkpoints/{name}/{path.name}" for path in entry.checkpoint.iterdir()}
            assert files <= names
    assert not [name for name in names if name.startswith(tuple(left_out()))]
    licences = {Path(name).name for name in names if ".dist-info/licenses/" in name}
    ours = {path.name for path in ROOT.glob("zoo/**/LICENSE.*")}
    assert licences == {"LICENSE", *ours}
    assert "LICENSE.multilingual-e5" in licences


def test_it_lists_and_predicts_where_nothing_can_be_written(installed):
    listed = run(installed, "list")
    assert listed.stderr == ""
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == registry.list_models()
    predicted = run(installed, "predict", "adversarial_fgm_poems", "床前明月光，疑是地上霜。")
    assert predicted.returncode == 0, predicted.stderr
    assert predicted.stdout.split("\t")[0] in ("Tang", "Song")


def test_what_runs_is_the_wheel(installed):
    shown = run(installed, "show", "pictures_digits").stdout
    assert f"recipe   {installed}/zoo/recipes/pictures/digits.yaml" in shown
    assert f"weights  {installed}/zoo/checkpoints/pictures_digits" in shown


def test_a_run_that_cannot_be_written_is_one_line(installed):
    done = run(installed, "fit", "adversarial_fgm_poems", "--trainer.max_steps", "1")
    assert done.returncode == 2
    (line,) = [part for part in done.stderr.splitlines() if part.startswith("zoo: ")]
    assert "runs" in line
