"""A run that is asked to end saves and says so; one that goes wrong stops at that step."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from conftest import ROOT, assemble, twin
from lightning.pytorch import Callback, LightningModule, Trainer

from zoo import cli, registry
from zoo.callbacks.run_guard import RunGuard
from zoo.data.resumable import ResumableLoader

NAME = "decoding_lstm_poems"


class SignalItself(Callback):
    """Sends a signal to its own process in the third step."""

    def __init__(self, number: int):
        self.number = number

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == 2:
            os.kill(os.getpid(), self.number)


def words(root, *options):
    return ["fit", NAME, *twin(NAME), "--trainer.default_root_dir", str(root), *options]


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_the_last_step_and_ends_with_its_status(number, status, tmp_path):
    (tmp_path / "whole").mkdir()
    cli.run(words(tmp_path / "whole"))
    steps = ["--checkpoint.every_n_train_steps", "1000"]  # nothing but the signal saves
    kill = ["--trainer.callbacks+=test_run_guard.SignalItself", "--trainer.callbacks.number"]
    done = subprocess.run(
        [sys.executable, "-m", "zoo", *words(tmp_path, *steps, *kill, str(int(number)))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT / 'tests' / 'callbacks'}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stderr
    run = tmp_path / NAME / "version_0"
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 3
    assert not (run / "checkpoint").exists()
    cli.run([*words(tmp_path, *steps), "--ckpt_path", "last"])
    folders = (tmp_path / "whole" / NAME / "version_0", tmp_path / NAME / "version_1")
    one, two = ((f / "checkpoint" / "model.safetensors").read_bytes() for f in folders)
    assert one == two


@pytest.mark.train
def test_a_loss_that_is_not_finite_stops_the_run_at_that_step(tmp_path):
    every = ["--checkpoint.every_n_train_steps", "1", "--checkpoint.save_top_k", "-1"]
    parts = assemble(NAME, "--trainer.default_root_dir", str(tmp_path), *every)
    step = parts.model.training_step

    def breaking(*arguments):
        return step(*arguments) * (float("nan") if arguments[1] == 3 else 1.0)

    parts.model.training_step = breaking
    with pytest.raises(ValueError, match=r"the loss of step 4 \(epoch 0, batch 3\) is not finite"):
        parts.trainer.fit(parts.model, parts.datamodule)
    (last,) = tmp_path.rglob("last.ckpt")
    saved = torch.load(last, weights_only=True)
    assert saved["global_step"] == 3
    assert all(value.isfinite().all() for value in saved["state_dict"].values())


@pytest.mark.parametrize("strategy", ["fsdp", "deepspeed"])
def test_weights_in_parts_are_refused(strategy):
    class Strategy:
        pass

    Strategy.__name__ = {"fsdp": "FSDPStrategy", "deepspeed": "DeepSpeedStrategy"}[strategy]

    class Parts:
        strategy = Strategy()

    with pytest.raises(ValueError, match="spreads the weights over processes"):
        RunGuard().setup(Parts(), None, "fit")


class Silent(LightningModule):
    """Has no loss on the second process."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch, batch_idx):
        return None if self.global_rank == 1 and batch_idx == 1 else (self.weight * batch).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def fit_silent():
    trainer = Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[RunGuard()],
    )
    trainer.fit(Silent(), ResumableLoader(torch.arange(8.0), 1))


@pytest.mark.ddp
def test_a_process_without_a_loss_leaves_none_waiting():
    done = subprocess.run(
        [sys.executable, __file__],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "training_step returned None on one of several processes" in done.stderr


def test_the_guard_is_in_every_run():
    callbacks = assemble(registry.list_models()[0]).trainer.callbacks
    assert any(isinstance(callback, RunGuard) for callback in callbacks)


if __name__ == "__main__":
    fit_silent()
