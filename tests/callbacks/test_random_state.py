import random

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from zoo.callbacks.random_state import RandomState, get_random_state, set_random_state
from zoo.data.resumable import ResumableLoader


def draw():
    return [random.random(), random.gauss(), np.random.randn(), *torch.rand(2)]  # noqa: NPY002


def test_round_trip_through_a_weights_only_file(tmp_path):
    draw()  # leaves half of a pair of normals in Python's and NumPy's state
    torch.save(get_random_state(), tmp_path / "state")
    expected = draw()
    draw()
    set_random_state(torch.load(tmp_path / "state", weights_only=True))
    assert draw() == expected


class Draws(LightningModule):
    """Notes the random numbers that each step draws."""

    def __init__(self, validation_draws=0):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.validation_draws = validation_draws
        self.drawn = []

    def training_step(self, batch, batch_idx):
        self.drawn.append(draw())
        return self.weight * 0

    def validation_step(self, batch, batch_idx):
        for _ in range(self.validation_draws):
            draw()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(module, folder, resume=None, every=1, **options):
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        max_epochs=2,
        callbacks=[
            RandomState(),
            ModelCheckpoint(folder, every_n_train_steps=every, save_top_k=-1, filename="{step}"),
        ],
        **options,
    )
    trainer.fit(
        module, ResumableLoader(range(8), 2), ResumableLoader(range(2), 2), ckpt_path=resume
    )
    return module.drawn


def test_a_resumed_run_draws_what_the_first_one_drew(tmp_path):
    expected = fit(Draws(), tmp_path)
    assert len(expected) == 8
    torch.manual_seed(1)
    assert fit(Draws(), tmp_path / "again", resume=tmp_path / "step=3.ckpt") == expected[3:]


def test_validation_does_not_move_training(tmp_path):
    start = get_random_state()
    expected = fit(Draws(validation_draws=0), tmp_path / "none", val_check_interval=2)
    set_random_state(start)
    assert fit(Draws(validation_draws=3), tmp_path / "some", val_check_interval=2) == expected


def test_warns_of_a_checkpoint_between_optimizer_steps(tmp_path, recwarn):
    every_two = {"accumulate_grad_batches": 2, "val_check_interval": 3}
    fit(Draws(), tmp_path / "steps", **every_two)
    assert not any("accumulated gradients" in str(warning.message) for warning in recwarn)
    with pytest.warns(UserWarning, match="lacks the accumulated gradients"):
        fit(Draws(), tmp_path / "validations", every=None, **every_two)


@pytest.mark.parametrize("kind", ["cuda", "xpu", "mps"])
def test_the_generators_of_every_kind_of_device_are_saved(kind, monkeypatch):
    states = [torch.zeros(4, dtype=torch.uint8), torch.ones(4, dtype=torch.uint8)]
    states = states[:1] if kind == "mps" else states

    class Device:
        is_available = staticmethod(lambda: True)
        is_initialized = staticmethod(lambda: True)
        device_count = staticmethod(lambda: len(states))

        @staticmethod
        def get_rng_state(device=0):
            return states[device].clone()

        @staticmethod
        def set_rng_state(state, device=0):
            states[device] = state

    monkeypatch.setattr(torch, kind, Device)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: kind == "mps")
    saved = get_random_state()
    before = [state.clone() for state in states]
    for state in states:
        state += 7
    set_random_state(saved)
    assert all(torch.equal(now, then) for now, then in zip(states, before, strict=True))
    older = {key: value for key, value in saved.items() if key != kind}
    set_random_state(older)
