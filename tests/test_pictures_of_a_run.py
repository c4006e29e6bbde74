"""Models that make pictures: grids in the run, the folder and the card; `zoo sample`."""

import io

import pytest
import torch
from conftest import assemble, twin
from PIL import Image
from torch import nn

import zoo
from zoo import checkpoint, cli
from zoo.checkpoint import card
from zoo.layers.batch_norm import BatchNormOverProcesses
from zoo.pictures import net as pictures_net


@pytest.fixture
def makes_pictures(monkeypatch):
    """Let the classifier of digits make pictures, of its own weights."""

    def sample(self, n, *, seed=None, temperature=1.0, labels=None):
        generator = torch.Generator().manual_seed(seed)
        noise = torch.rand(n, 1, 6, 6, generator=generator)
        return (temperature * noise * self.head.weight.abs().mean()).clamp(0, 1)

    monkeypatch.setattr(pictures_net.PictureClassifier, "sample", sample, raising=False)


@pytest.mark.train
def test_grids_lie_in_the_run_the_folder_and_the_card_and_zoo_sample_draws_one(
    tmp_path, makes_pictures, capsys
):
    words = ["--trainer.default_root_dir", str(tmp_path)]
    words += [
        "--trainer.callbacks+=zoo.callbacks.sample_grid.SampleGrid",
        "--trainer.callbacks.n=9",
    ]
    cli.run(["fit", "pictures_digits", *twin("pictures_digits"), *words])
    run = tmp_path / "pictures_digits" / "version_0"
    assert [p.name for p in sorted((run / "samples").iterdir())] == [
        "step=000006.png",
        "step=000012.png",
    ]
    folder = checkpoint.verify(run / "checkpoint")
    card.check(folder)
    assert "![samples](samples.png)" in (folder / "README.md").read_text("utf-8")
    net = zoo.load(str(folder))
    drawn = Image.open(io.BytesIO((folder / "samples.png").read_bytes()))
    level = round(255 * float(net.sample(9, seed=0)[0, 0, 0, 0]))
    assert drawn.getpixel((2, 2)) == level  # the averaged weights, as in the folder
    out = tmp_path / "grid.png"
    cli.run(["sample", str(folder), "-n", "6", "-o", str(out), "--seed", "0", "--columns", "3"])
    assert Image.open(out).size == (2 * (3 * 7 + 1), 2 * (2 * 7 + 1))
    cli.run(["sample", str(folder), "-n", "6", "-o", f"{out}.2.png", "--temperature", "0.5"])
    assert out.read_bytes() != (tmp_path / "grid.png.2.png").read_bytes()


def test_zoo_sample_says_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="adversarial_fgm_poems makes no pictures"):
        cli.run(["sample", "adversarial_fgm_poems", "-o", str(tmp_path / "a.png")])
    with pytest.raises(ValueError, match="n is 0: expected at least 1 picture"):
        cli.run(["sample", "adversarial_fgm_poems", "-n", "0"])
    with pytest.raises(ValueError, match="columns is -3: expected a whole number"):
        cli.run(["sample", "adversarial_fgm_poems", "--columns", "-3"])
    with pytest.raises(FileNotFoundError, match=r"none/a.png: no such folder; make it"):
        cli.run(["sample", "adversarial_fgm_poems", "-o", str(tmp_path / "none" / "a.png")])


def test_a_recipe_asks_for_batch_norm_over_all_processes(monkeypatch):
    monkeypatch.setattr(pictures_net, "BatchNormOverProcesses", nn.BatchNorm2d)
    for asked in (False, True):
        net = assemble("pictures_digits", "--trainer.sync_batchnorm", str(asked).lower()).model.net
        layers = [type(m) for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        assert set(layers) == {BatchNormOverProcesses if asked else nn.BatchNorm2d}
