import io
import os
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from lightning.pytorch import LightningModule, Trainer
from PIL import Image
from torch import nn

from zoo.callbacks.ema import EMA
from zoo.callbacks.sample_grid import SampleGrid, draw_grid
from zoo.data.resumable import ResumableLoader


class Grey(nn.Module):
    """Makes pictures of one grey, its weight."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.2))

    def sample(self, n, *, seed=None, temperature=1.0, labels=None):
        assert not self.training
        return self.level.expand(n, 1, 4, 4)


class Brighten(LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Grey()

    def training_step(self, x, i):
        return -self.net.level

    def validation_step(self, x, i): ...

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(folder, *callbacks, **options):
    module = Brighten()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        default_root_dir=folder,
        callbacks=[*callbacks],
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(module, ResumableLoader(torch.zeros(6), 2), ResumableLoader(torch.zeros(6), 2))
    return module


def levels(png):
    return set(Image.open(io.BytesIO(png)).tobytes()) - {255}


def test_the_grid_shows_the_averaged_network_and_training_goes_on(tmp_path):
    grid = SampleGrid(n=4)
    module = fit(tmp_path, EMA(decay=0.999), grid, logger=False)
    average, raw = 0.2, 0.2
    for n in range(3):
        raw += 0.1
        d = min(0.999, (1 + n) / (10 + n))
        average = d * average + (1 - d) * raw
    assert levels((tmp_path / "samples" / "step=000003.png").read_bytes()) == {round(average * 255)}
    assert levels(grid.pictures(module.net)["samples.png"]) == {round(average * 255)}
    assert module.net.training


def test_a_grid_has_rows_and_columns_and_colour():
    image = Image.open(io.BytesIO(draw_grid(torch.rand(6, 3, 5, 7), columns=3, scale=1)))
    assert (image.mode, image.size) == ("RGB", (3 * 8 + 1, 2 * 6 + 1))
    with pytest.raises(ValueError, match=r"shape \(6, 2, 5, 7\): expected"):
        draw_grid(torch.rand(6, 2, 5, 7))


@pytest.mark.parametrize("columns", [-3, 0, 1.5])
def test_a_number_of_columns_that_no_grid_has_is_refused(columns):
    for use in (SampleGrid, lambda columns: draw_grid(torch.rand(6, 1, 4, 4), columns)):
        with pytest.raises(ValueError, match=f"columns is {columns}: expected a whole number"):
            use(columns=columns)


@pytest.mark.ddp
def test_two_processes_draw_one_grid_and_none_is_left_waiting(tmp_path):
    subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        check=True,
        timeout=300,
    )
    assert [p.name for p in tmp_path.rglob("*.png")] == ["step=000001.png", "step=000002.png"]


if __name__ == "__main__":
    fit(sys.argv[1], SampleGrid(n=4), devices=2, strategy="ddp", val_check_interval=1)
