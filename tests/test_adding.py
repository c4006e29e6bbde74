"""A technique added by CONTRIBUTING's ten lines alone passes every test of the registry.

`tests/toy` holds what one adds: two networks with an optimiser each, by hand, and an average.
"""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

TOY = ROOT / "tests" / "toy"


@pytest.mark.slow
@pytest.mark.ddp
@pytest.mark.timeout(1800)  # all tests of a model
def test_a_technique_with_two_optimisers_passes_every_test_of_the_registry(tmp_path):
    unneeded = shutil.ignore_patterns("__pycache__", "checkpoints", "toy")
    for name in ("zoo", "recipes", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=unneeded)
        shutil.copytree(TOY / name, tmp_path / name, dirs_exist_ok=True)
    for name in ("pyproject.toml", "hubconf.py"):
        shutil.copy(ROOT / name, tmp_path)
    table = tmp_path / "zoo" / "models.py"
    rows = table.read_text("utf-8").rstrip().removesuffix("]") + (TOY / "row.txt").read_text(
        "utf-8"
    )
    table.write_text(f"{rows}]\n", "utf-8")
    face = tmp_path / "zoo" / "__init__.py"
    line = "    from zoo import words as words\n"
    toy = f"    from zoo import toy as toy\n{line}"
    face.write_text(face.read_text("utf-8").replace(line, toy), "utf-8")
    tests = [str(tmp_path / "tests" / f"test_{name}.py") for name in ("models", "registry")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *tests, "-k", "toy_duel_circle or registry"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout.splitlines()[-1]
