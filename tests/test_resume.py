"""A run that is cut and resumed ends with the weights of the uninterrupted one, bit for bit."""

import multiprocessing
import random
import signal
import time
from functools import partial

import pytest
import torch
from resume_script import BATCH, BATCHES, EPOCHS, train, train_until_killed

# Real processes, but Lightning is imported once for all of them.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["lightning.pytorch"])


def finish(function, *arguments, **options):
    process = processes.Process(target=function, args=arguments, kwargs=options)
    process.start()
    process.join()
    assert process.exitcode == 0


def state(path):
    """Everything in a checkpoint that the rest of the run depends on."""
    saved = torch.load(path, weights_only=True)
    loaders = saved["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    for loader in loaders:
        del loader["ahead"]  # how wrongly Lightning counts; the order does not depend on it
    names = (
        "epoch",
        "global_step",
        "state_dict",
        "current_model_state",
        "averaging_state",
        "optimizer_states",
        "lr_schedulers",
    )
    kept = {name: saved[name] for name in names}
    return kept | {"loaders": loaders, "random": saved["callbacks"]["RandomState"]}


def assert_same(actual, expected, where="checkpoint"):
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


EVERY_STEP = {"every_n_train_steps": 1}
VALIDATION_END = {"monitor": "validation_loss"}
EPOCH_END = {"save_on_train_epoch_end": True}
STEPS = 3 * BATCHES - 1


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
        (EPOCH_END, {"limit_train_batches": 4, "max_steps": 11}),
        pytest.param(
            EPOCH_END,
            {"max_steps": STEPS, "validate": False},
            marks=pytest.mark.xfail(reason="Lightning 2.6.6 adds a batch to the finished epoch"),
        ),
    ],
)
def test_every_checkpoint_continues_the_same_run(tmp_path, checkpoints, options):
    run = partial(train, checkpoints=checkpoints | {"save_top_k": -1}, **options)
    run(tmp_path)
    expected = state(tmp_path / "final.ckpt")
    cuts = sorted(tmp_path.glob("epoch*.ckpt"), key=lambda path: path.stat().st_mtime_ns)[:-1]
    assert len(cuts) >= 2
    if checkpoints is EVERY_STEP and options:  # around a boundary is enough
        cuts = [cut for i, cut in enumerate(cuts, 1) if i % 6 in (0, 1, 4)]
    for cut in cuts:
        run(tmp_path / cut.stem, resume=cut)
        assert_same(state(tmp_path / cut.stem / "final.ckpt"), expected, cut.stem)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "every"),
    [(0, 1), (2, 1), (0, 3)],
    ids=["anywhere", "anywhere-workers", "checkpoints-at-epoch-ends"],
)
def test_killed_at_random_steps(tmp_path, workers, every):
    finish(train_until_killed, tmp_path / "whole", workers, every)
    folder = tmp_path / "killed"
    progress = folder / "progress"
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)
    rng = random.Random(seed)
    for batches in sorted(rng.sample(range(1, EPOCHS * BATCHES - 1), 3)):
        progress.unlink(missing_ok=True)
        process = processes.Process(
            target=train_until_killed, args=(folder, workers, every), kwargs={"pause": 0.02}
        )
        process.start()
        while not progress.exists() or int(progress.read_text() or 0) < batches:
            assert process.is_alive()
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    finish(train_until_killed, folder, workers, every)
    for name in ("final.ckpt", "last.ckpt"):
        assert_same(state(folder / name), state(tmp_path / "whole" / name), name)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_between_epochs(tmp_path, workers):
    finish(train_until_killed, tmp_path / "whole", workers, 1)
    folder = tmp_path / "killed"
    for batches in (BATCHES, 2 * BATCHES):
        process = processes.Process(
            target=train_until_killed, args=(folder, workers, 1), kwargs={"dies_at": batches}
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert state(folder / "last.ckpt")["loaders"][0]["position"] == BATCHES
    finish(train_until_killed, folder, workers, 1)
    for name in ("final.ckpt", "last.ckpt"):
        assert_same(state(folder / name), state(tmp_path / "whole" / name), name)


@pytest.mark.ddp
@pytest.mark.slow
def test_two_processes(tmp_path):
    two = {"devices": 2, "strategy": "ddp_fork", "batch": BATCH // 2}
    finish(train, tmp_path, checkpoints=EVERY_STEP | {"save_top_k": -1}, **two)
    expected = state(tmp_path / "final.ckpt")
    first, second = expected["random"]["ranks"]
    assert not torch.equal(first["torch"], second["torch"])
    for step in (BATCHES, BATCHES + 2):
        (cut,) = tmp_path.glob(f"epoch*step={step}.ckpt")
        finish(train, tmp_path / cut.stem, resume=cut, **two)
        assert_same(state(tmp_path / cut.stem / "final.ckpt"), expected, cut.stem)
    # on one process with the same global batch it goes on, but not with the same noise
    with pytest.warns(UserWarning, match=r"states of 2 process\(es\) and this run has 1"):
        train(tmp_path / "one", resume=cut)
    assert_same(state(tmp_path / "one" / "final.ckpt")["loaders"], expected["loaders"])
    with pytest.raises(ValueError, match="had global_batch=8, this one has global_batch=4"):
        train(tmp_path / "other", resume=cut, batch=BATCH // 2)
