from pathlib import Path

import pytest
import torch
from conftest import ROOT

from zoo import cli
from zoo.optim import precision
from zoo.training import cli as training


@pytest.mark.parametrize(("instructions", "chosen"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bf16_is_chosen_where_the_processor_has_the_instructions(monkeypatch, instructions, chosen):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert precision.choose_precision("cpu") == chosen
    assert precision.choose_precision("mps") == "32-true"


def test_what_the_processor_says_is_what_its_flags_say():
    file = Path("/proc/cpuinfo")
    if not file.is_file():
        pytest.skip("no /proc/cpuinfo")
    flags = file.read_text().split()
    assert precision.has_bf16() == ("avx512_bf16" in flags or "amx_tile" in flags)


@pytest.mark.train
def test_a_resumed_run_keeps_its_precision_and_the_recipe_leaves_it_open(
    tmp_path, monkeypatch, capsys
):
    words = ["fit", "pictures_digits", "--config", str(ROOT / "tests/conf/pictures/digits.yaml")]
    words += ["--trainer.precision", "null", "--trainer.default_root_dir", str(tmp_path)]
    monkeypatch.setattr(training, "choose_precision", lambda accelerator: "bf16-mixed")
    cli.run([*words, "--trainer.max_epochs", "1"])
    assert "precision: bf16-mixed\n" in capsys.readouterr().out
    saved = tmp_path / "pictures_digits" / "version_0"
    assert precision.saved_precision(saved / "checkpoints" / "last.ckpt") == "bf16-mixed"
    recipe = (saved / "checkpoint" / "recipe.yaml").read_text()
    assert "bf16" not in recipe
    assert "precision: auto" in recipe
    monkeypatch.setattr(training, "choose_precision", lambda accelerator: "32-true")
    cli.run([*words, "--ckpt_path", "last"])
    assert "precision: bf16-mixed, as it began" in capsys.readouterr().out
