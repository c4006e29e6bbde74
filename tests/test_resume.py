"""A run that is cut and resumed ends with the weights of the uninterrupted one, bit for bit."""

import multiprocessing
import os
import random
import signal
import time
from functools import partial

import pytest
import torch
from lightning.pytorch import Trainer
from resume_script import BATCH, BATCHES, EPOCHS, Data, Net, train, train_until_killed
from torch.utils.data import Subset

from zoo.data.resumable import ResumableLoader

# Real processes, but Lightning is imported once for all of them.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["lightning.pytorch"])

EVERY_STEP = {"every_n_train_steps": 1}
VALIDATION_END = {"monitor": "validation_loss"}
EPOCH_END = {"save_on_train_epoch_end": True}
STEPS = EPOCHS * BATCHES - 1


def start(function, *arguments, **options):
    process = processes.Process(target=function, args=arguments, kwargs=options)
    process.start()
    return process


def finish(process, exitcode=0):
    process.join()
    assert process.exitcode == exitcode


def state(path):
    """Everything in a checkpoint that the rest of the run depends on."""
    saved = torch.load(path, weights_only=True)
    names = (
        "epoch",
        "global_step",
        "state_dict",
        "current_model_state",
        "averaging_state",
        "optimizer_states",
        "lr_schedulers",
    )
    return {name: saved[name] for name in names} | {
        "loaders": saved["loops"]["fit_loop"]["state_dict"]["combined_loader"],
        "random": saved["callbacks"]["RandomState"],
    }


def assert_same(actual, expected, where=""):
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), where
        for key in expected:
            assert_same(actual[key], expected[key], f"{where}/{key}")
    elif isinstance(expected, list | tuple):
        assert len(actual) == len(expected), where
        for i, pair in enumerate(zip(actual, expected, strict=True)):
            assert_same(*pair, f"{where}/{i}")
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(actual, expected), where
    else:
        assert actual == expected, where


def cuts(folder):
    """The checkpoints of a run but the last, in the order they were written."""
    return sorted(folder.glob("epoch*.ckpt"), key=lambda path: path.stat().st_mtime_ns)[:-1]


@pytest.mark.parametrize(
    ("checkpoints", "options"),
    [
        (EVERY_STEP, {}),
        (EVERY_STEP, {"accumulate_grad_batches": 4}),
        (EVERY_STEP, {"max_steps": STEPS, "validate": False}),
        (EVERY_STEP, {"limit_train_batches": 4}),
        (EVERY_STEP, {"limit_train_batches": 4, "max_steps": 11}),
        (EVERY_STEP, {"val_check_interval": 2}),
        (EVERY_STEP, {"reload_dataloaders_every_n_epochs": 1}),
        (EVERY_STEP, {"bucket": True}),
        (VALIDATION_END, {}),
        (VALIDATION_END, {"max_steps": STEPS}),
        (VALIDATION_END, {"val_check_interval": 2}),
        (VALIDATION_END, {"max_steps": STEPS, "val_check_interval": 4}),
        (EPOCH_END, {"validate": False}),
        (EPOCH_END, {"validate": False, "max_steps": STEPS}),
        (EPOCH_END, {"limit_train_batches": 4, "max_steps": 11}),
    ],
)
def test_every_checkpoint_continues_the_same_run(tmp_path, checkpoints, options):
    run = partial(train, checkpoints=checkpoints | {"save_top_k": -1}, **options)
    run(tmp_path)
    expected = state(tmp_path / "final.ckpt")
    chosen = cuts(tmp_path)
    assert len(chosen) >= 2
    if checkpoints is EVERY_STEP and options:  # then the ends of epochs and one amid each will do
        length = options.get("limit_train_batches", BATCHES)
        chosen = [cut for i, cut in enumerate(chosen, 1) if i % length in (0, 3)]
    for cut in chosen:
        once = tmp_path / cut.stem
        run(once, resume=cut)
        assert_same(state(once / "final.ckpt"), expected, cut.stem)
        for again in cuts(once)[:1]:  # a second cut shows what the first left wrong in the counters
            run(once / "again", resume=again)
            assert_same(state(once / "again" / "final.ckpt"), expected, f"{cut} {again}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "every"),
    [(0, 1), (2, 1), (0, 3)],
    ids=["anywhere", "anywhere-workers", "checkpoints-at-epoch-ends"],
)
def test_killed_at_random_steps(tmp_path, workers, every):
    finish(start(train_until_killed, tmp_path / "whole", workers, every))
    folder = tmp_path / "killed"
    folder.mkdir()
    progress = folder / "progress"
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)
    rng = random.Random(seed)
    for batches in sorted(rng.sample(range(1, STEPS), 3)):
        progress.unlink(missing_ok=True)
        process = start(train_until_killed, folder, workers, every, pause=0.02)
        while not progress.exists() or int(progress.read_text() or 0) < batches:
            assert process.is_alive()
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.03))
        os.killpg(process.pid, signal.SIGKILL)
        finish(process, -signal.SIGKILL)
    finish(start(train_until_killed, folder, workers, every))
    for name in ("final.ckpt", "last.ckpt"):
        assert_same(state(folder / name), state(tmp_path / "whole" / name), name)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_between_epochs(tmp_path, workers):
    finish(start(train_until_killed, tmp_path / "whole", workers, 1))
    folder = tmp_path / "killed"
    for batches in (BATCHES, 2 * BATCHES):
        finish(
            start(train_until_killed, folder, workers, 1, dies_at=batches),
            -signal.SIGKILL,
        )
        assert state(folder / "last.ckpt")["loaders"][0]["position"] == BATCHES
    finish(start(train_until_killed, folder, workers, 1))
    for name in ("final.ckpt", "last.ckpt"):
        assert_same(state(folder / name), state(tmp_path / "whole" / name), name)


@pytest.mark.ddp
def test_two_processes(tmp_path):
    two = {
        "devices": 2,
        "strategy": "ddp_fork",
        "batch": BATCH // 2,
        "checkpoints": EVERY_STEP | {"save_top_k": -1},
    }
    last = f"epoch={EPOCHS - 1}-step={EPOCHS * BATCHES}.ckpt"
    finish(start(train, tmp_path, **two))
    expected = state(tmp_path / last)
    first, second = expected["random"]["ranks"]
    assert not torch.equal(first["torch"], second["torch"])
    for step in (BATCHES, BATCHES + 2):
        (cut,) = tmp_path.glob(f"epoch*step={step}.ckpt")
        finish(start(train, tmp_path / cut.stem, resume=cut, **two))
        assert_same(state(tmp_path / cut.stem / last), expected, cut.stem)
    # one process with the same global batch can go on, though with other noise
    with pytest.warns(UserWarning, match=r"states of 2 process\(es\) and this run has 1"):
        train(tmp_path / "one", resume=cut, checkpoints=two["checkpoints"])
    assert_same(state(tmp_path / "one" / "final.ckpt")["loaders"], expected["loaders"])
    # and so can two where there was one, the second with a state of its own
    finish(
        start(train, tmp_path / "two", resume=next((tmp_path / "one").glob("epoch*.ckpt")), **two)
    )
    with pytest.raises(ValueError, match="global_batch of the loader is 4: expected 8"):
        train(tmp_path / "other", resume=cut, batch=BATCH // 2)


def evaluate(path, items):
    """Fit with uneven validation on two processes, and note what each validates."""

    class Notes(Net):
        def validation_step(self, batch, batch_idx):
            super().validation_step(batch, batch_idx)
            with path.open("a") as file:
                file.write(f"{self.global_rank} {len(batch[0])}\n")

    trainer = Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp_fork",
        max_epochs=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
    )
    data = Data(augment=False)
    validation = ResumableLoader(Subset(data, range(items)), 2)
    trainer.fit(Notes(), ResumableLoader(data, 4, shuffle=True), validation)


@pytest.mark.ddp
@pytest.mark.parametrize("items", [8, 7, 5])
def test_uneven_evaluation_on_two_processes(tmp_path, items):
    # batch statistics, so that training synchronises buffers; with 5 items a rank has no 2nd batch
    finish(start(evaluate, tmp_path / "seen", items))
    seen = sorted((tmp_path / "seen").read_text().split("\n")[:-1])
    assert (
        seen
        == {
            8: ["0 2", "0 2", "1 2", "1 2"],
            7: ["0 2", "0 2", "1 1", "1 2"],
            5: ["0 1", "0 2", "1 2"],
        }[items]
    )
