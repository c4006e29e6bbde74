"""The notebooks of `docs/notebooks` run from top to bottom."""

import os
import runpy

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

pictures = runpy.run_path(str(ROOT / "tools" / "notebook_pictures.py"))["pictures"]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=500, kernel_name="python3", resources=place).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_no_warnings_and_no_path_of_the_machine_that_ran_it(path):
    cells = nbformat.read(path, as_version=4).cells
    streams = {out.get("name") for cell in cells for out in cell.get("outputs", ())}
    assert "stderr" not in streams
    assert "site-packages" not in path.read_text("utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_both_readmes_show_the_first_picture_of_a_notebook(path):
    file = path.with_suffix(".png")
    assert file.read_bytes() == next(pictures(path))  # else: python tools/notebook_pictures.py
    for readme in ("README.md", "README.zh.md"):
        assert f"({file.relative_to(ROOT)})" in (ROOT / readme).read_text("utf-8")


def test_each_technique_with_a_checkpoint_has_a_notebook():
    from zoo import registry

    bundled = {
        registry.describe(name).technique
        for name in registry.list_models()
        if registry.describe(name).checkpoint.is_dir()
    }
    assert bundled <= {path.stem for path in NOTEBOOKS}
