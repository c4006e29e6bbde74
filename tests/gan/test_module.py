import logging
import os
import warnings

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.strategies import DDPStrategy
from two_processes import on_two_processes

from zoo.callbacks.ema import EMA
from zoo.callbacks.random_state import RandomState
from zoo.data.resumable import ResumableLoader
from zoo.gan.batch import PHASES, PartNoise, Scores
from zoo.gan.critic_step import squared_gradient
from zoo.gan.module import GENERATOR, GanTraining
from zoo.gan.spectrum import spectrum

SMALL = {"shape": [1, 8, 8], "base": 4, "latent": 8, "lr": 1e-3}
R1 = [{"name": "r1", "gamma": 1.0}]
CHOICES = {
    "batch norm in both nets under a penalty": {"critic_norm": "batch", "terms": R1},
    "five critic steps": {"update": "n-critic", "terms": R1},
    "averaged": {"form": "averaged", "terms": R1, "generator_norm": "none"},
    "consensus": {"terms": ["consensus"], "update": "simultaneous", "generator_norm": "none"},
    "extragradient": {"terms": ["approximate-r1"], "update": "extragradient"},
    "optimistic": {"terms": ["one-centred", "instance-noise"], "update": "optimistic"},
    "spectral norm": {"terms": ["spectral-norm"], "loss": "hinge"},
}


class Items:
    def __init__(self):
        self.pictures = torch.rand(96, 1, 8, 8, generator=torch.Generator().manual_seed(1))

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, place):
        return self.pictures[place], torch.tensor(place % 3)


def fit(module, *callbacks, batch_size=8, world=1, resume=None, **options):
    strategy = DDPStrategy(process_group_backend="gloo") if world > 1 else "auto"
    quiet = ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary")
    options = {"max_steps": 6, **dict.fromkeys(quiet, False), **options}
    trainer = Trainer(
        accelerator="cpu",
        devices=world,
        strategy=strategy,
        callbacks=[RandomState(), *callbacks],
        **options,
    )
    loader = ResumableLoader(Items(), batch_size, shuffle=True, drop_last=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(module, loader, ckpt_path=resume, weights_only=resume and True)
    return trainer


def build(choice, **changes):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GanTraining(**SMALL, **CHOICES[choice], **changes)


def fit_in_64_bits(choice, **options):
    # in 32 bits Adam makes a step of full length of a gradient that is rounding alone
    module = build(choice)
    return fit(module, max_steps=3, precision="64-true", **options).global_step, module.state_dict()


def fit_on_a_rank(rank):
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    os.environ |= {"LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "GROUP_RANK": "0"}
    os.environ["LOCAL_WORLD_SIZE"], os.environ["TORCHELASTIC_RUN_ID"] = "2", "test"
    return {choice: fit_in_64_bits(choice, batch_size=4, world=2) for choice in CHOICES}


@pytest.mark.ddp
@pytest.mark.slow
def test_two_processes_equal_one_and_a_step_is_a_generator_step():
    first, second = on_two_processes(fit_on_a_rank)
    for choice in CHOICES:
        step, state = fit_in_64_bits(choice)
        assert [step, first[choice][0], second[choice][0]] == [3, 3, 3]
        for name, value in state.items():
            for other in (first, second):
                found = other[choice][1][name]
                torch.testing.assert_close(found, value, rtol=1e-7, atol=1e-9)


class SaveAt(Callback):
    """Save a checkpoint after a batch, and stop there."""

    def __init__(self, path, batches):
        self.path, self.batches, self.done = path, batches, 0

    def on_train_batch_end(self, trainer, *_):
        self.done += 1
        if self.done == self.batches:
            trainer.save_checkpoint(self.path)
            trainer.should_stop = True


@pytest.mark.parametrize("choice", CHOICES)
def test_a_run_resumes_exactly_in_the_middle_of_a_critic_phase(choice, tmp_path):
    whole = build(choice)
    average = EMA("net.generator", decay=0.9)
    fit(whole, average)
    batches = 7 if choice == "five critic steps" else 3
    fit(build(choice), EMA("net.generator", decay=0.9), SaveAt(tmp_path / "half.ckpt", batches))
    resumed = build(choice)
    fit(resumed, EMA("net.generator", decay=0.9), resume=tmp_path / "half.ckpt")
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_the_generator_moves_after_the_last_critic_step():
    module, seen = build("five critic steps"), []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, *_):
            seen.append((trainer.global_step, module.critic_number))

    fit(module, Watch(), max_steps=2)
    assert seen == [(n // 5, n) for n in range(1, 11)]


def test_batch_statistics_are_kept_once_a_step():
    choice = "batch norm in both nets under a penalty"
    module, fresh = build(choice), build(choice)
    fit(module, max_steps=1)
    (part,) = fresh.parts((Items().pictures[:8], torch.zeros(8, dtype=torch.int64)))
    fresh.net.generator.train()(PartNoise(part, GENERATOR * PHASES).normal(8, 8))
    kept, once = (
        next(m.running_mean for m in net.modules() if hasattr(m, "running_mean"))
        for net in (module.net.generator, fresh.net.generator)
    )
    torch.testing.assert_close(kept, once)


def test_parts_accumulate_to_the_whole():
    found = []
    for parts in (1, 4):
        torch.manual_seed(0)
        module = GanTraining(**SMALL, generator_norm="none", terms=R1, accumulate=parts)
        fit(module, max_steps=2, precision="64-true")
        found.append(module.state_dict())
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-7, atol=1e-9)


def test_a_nan_stops_the_run_with_its_step_and_what_to_try():
    class Spoil(Callback):
        def on_train_batch_start(self, trainer, module, *_):
            if trainer.global_step == 3:
                module.net.generator.start.weight.data[0, 0] = float("nan")

    with pytest.raises(ValueError, match=r"loss is nan at step 3: .* lower --model.lr"):
        fit(build("five critic steps"), Spoil())


def test_a_penalty_under_batch_norm_is_warned_of():
    with pytest.warns(UserWarning, match="batch norm under r1"):
        GanTraining(**SMALL, critic_norm="batch", terms=R1)


def test_the_spectrum_of_a_module_is_that_of_its_dense_jacobian():
    torch.manual_seed(0)
    tiny = {"shape": [1, 4, 4], "base": 1, "latent": 2, "generator_norm": "none"}
    module = GanTraining(**tiny, form="averaged", terms=R1).double()
    pictures = torch.rand(8, 1, 4, 4, dtype=torch.float64)
    batch = (pictures, torch.zeros(8, dtype=torch.int64))
    found = spectrum(module, batch, k=6)
    dense = torch.linalg.eigvals(module.game(batch).jacobian()).abs().sort(descending=True).values
    torch.testing.assert_close(torch.from_numpy(abs(found)), dense[:6], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("bits", [torch.bfloat16, torch.float16])
def test_penalties_under_autocast_agree_with_those_in_32_bits(bits):
    module = build("batch norm in both nets under a penalty")
    batch = (Items().pictures[:8], torch.zeros(8, dtype=torch.int64))
    (part,) = module.parts(batch)
    real = part.real
    full = squared_gradient(Scores(module.net.critic, None), real).mean()
    with torch.autocast("cpu", bits):
        half = squared_gradient(Scores(module.net.critic, None), real).mean()
    torch.testing.assert_close(half, full, rtol=1e-2, atol=0)
