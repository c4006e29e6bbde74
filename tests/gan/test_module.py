import logging
import warnings

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.strategies import DDPStrategy
from torch.nn.utils import get_total_norm
from two_processes import as_launched, on_two_processes

from zoo.callbacks.ema import EMA
from zoo.callbacks.random_state import RandomState
from zoo.data.resumable import ResumableLoader
from zoo.gan.batch import PHASES, PartNoise, Scores
from zoo.gan.critic_step import squared_gradient
from zoo.gan.module import CRITIC, GENERATOR, GanTraining
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
    as_launched(rank)
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


@pytest.mark.parametrize(
    "options",
    [
        {"terms": R1},
        {"terms": ["consensus"]},
        {"terms": ["consensus"], "update": "simultaneous"},
        {"update": "extragradient"},
        {"update": "past", "form": "paired"},
    ],
)
def test_batch_norms_change_their_statistics_once_a_step(options):
    module, changes = GanTraining(**SMALL, **options), []
    norm = next(m for m in module.net.generator.modules() if hasattr(m, "running_mean"))
    norm.register_forward_hook(lambda layer, *_: changes.append(layer.momentum > 0))
    fit(module, max_steps=1)
    assert sum(changes) == 1


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


@pytest.mark.parametrize("batch_size", [8, 10])  # 10 in parts of 3, 3, 3 and 1
def test_parts_accumulate_to_the_whole(batch_size):
    found = []
    for parts in (1, 4):
        torch.manual_seed(0)
        module = GanTraining(**SMALL, generator_norm="none", terms=R1, accumulate=parts)
        fit(module, batch_size=batch_size, max_steps=2, precision="64-true")
        found.append(module.state_dict())
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"accumulate": 2, "form": "averaged"}, "accumulate is 2 with form averaged: expected 1"),
        ({"accumulate": 2, "terms": ["consensus"]}, "accumulate is 2 with consensus: expected 1"),
        ({"accumulate": 0}, "accumulate is 0: expected a whole number"),
        ({"fall": -0.25}, "fall is -0.25: expected a share of the steps, from 0 to 1"),
        ({"clip": 0}, "clip is 0: expected a number above 0"),
        ({"watch": -1}, "watch is -1: expected a whole number, at least 0"),
    ],
)
def test_options_without_a_meaning_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        GanTraining(**SMALL, **options)


def test_the_learning_rates_have_fallen_when_the_epochs_are_over():
    module = GanTraining(**SMALL, update="n-critic", fall=0.5)
    trainer = fit(module, max_steps=-1, max_epochs=2)  # 24 batches: 4 steps of 5, and 4 batches
    assert trainer.global_step == 4
    assert [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers] == [0, 0]


def test_a_fall_needs_an_end():
    with pytest.raises(ValueError, match=r"the run has no end, .*--trainer.max_steps"):
        fit(GanTraining(**SMALL, fall=0.5), max_steps=-1, max_epochs=-1)


def test_both_halves_of_extragradient_are_clipped():
    norms = []

    class Watch(Callback):
        def on_train_start(self, trainer, module):
            for optimizer in trainer.optimizers:
                optimizer.register_step_pre_hook(self.keep)

        def keep(self, optimizer, *_):
            norms.append(get_total_norm([p.grad for p in optimizer.param_groups[0]["params"]]))

    fit(GanTraining(**SMALL, update="extragradient", clip=1e-3), Watch(), max_steps=2)
    assert len(norms) == 8
    assert max(norms) == pytest.approx(1e-3, rel=1e-3)


def test_a_lazy_penalty_is_logged_at_its_mean_strength_and_the_loss_without_it():
    module, notes = GanTraining(**SMALL, terms=[{"name": "r1", "every": 4}]), {}
    module.note = notes.update
    (part,) = module.parts((Items().pictures[:8], torch.zeros(8, dtype=torch.int64)))
    loss = module.critic_loss(part, 8)
    torch.testing.assert_close(loss, notes["critic_value"] + 4 * notes["penalty"])
    torch.testing.assert_close(module.critic_loss(part, 9), notes["critic_value"])


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


def test_the_spectrum_sees_lazy_terms_at_their_mean_strength():
    batch, fields = (Items().pictures[:8], torch.zeros(8, dtype=torch.int64)), []
    for every, number in ((1, 0), (4, 0), (4, 1)):
        torch.manual_seed(0)
        module = GanTraining(**SMALL, terms=[{"name": "r1", "every": every}])
        module.critic_number = number
        fields.append(module.game(batch).field(create_graph=False))
    torch.testing.assert_close(fields[1], fields[0])
    torch.testing.assert_close(fields[2], fields[0])


def test_the_spectrum_sees_what_the_players_follow_under_consensus():
    batch = (Items().pictures[:8], torch.zeros(8, dtype=torch.int64))
    module = build("consensus")
    (part,) = module.parts(batch)
    theta, phi = module.weights_of_players()
    followed = [
        *torch.autograd.grad(module.player_loss(GENERATOR, part), theta),
        *torch.autograd.grad(module.player_loss(CRITIC, part), phi),
    ]
    field = module.game(batch).field(create_graph=False)
    torch.testing.assert_close(field, -torch.cat([g.flatten() for g in followed]))


def test_averaged_statistics_are_of_all_classes():
    module, seen = GanTraining(**SMALL, classes=100, conditional=True), []
    module.run_for_statistics(lambda z, labels: seen.append(labels))
    assert len(torch.cat(seen).unique()) == 100


def test_the_approximate_penalty_sees_one_spectral_norm():
    # each pass in training mode takes another step towards it: a false slope of 1 / sigma
    torch.manual_seed(0)
    terms = ["spectral-norm", {"name": "approximate-r1", "sigma": 1e-3}]
    module, found = GanTraining(**SMALL, terms=terms), []
    with torch.no_grad():  # as after many steps of training: its vectors are behind
        for name, weight in module.net.critic.named_parameters():
            weight.normal_() if name.endswith("original") else None
    module.note = lambda **values: found.append(values.get("penalty"))
    (part,) = module.parts((Items().pictures[:8], torch.zeros(8, dtype=torch.int64)))
    module.critic_loss(part, 0)
    exact = squared_gradient(Scores(module.net.eval().critic, None), part.real).mean() / 2
    assert float(found[-1].detach()) < 4 * float(exact.detach())


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
