import copy
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from torch import distributed
from two_processes import on_two_processes

from zoo.nvae import losses
from zoo.nvae.data import ModelledPictures
from zoo.nvae.module import NVAETraining

SHAPE = {"shape": [1, 8, 8], "groups": [1, 2], "width": 4, "latents": 2, "cells": 1}


def module(**options):
    torch.manual_seed(0)
    return NVAETraining(**{**SHAPE, **options}).train()


def batch(items=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(items, 1, 8, 8, generator=generator), torch.zeros(items, dtype=torch.int64)


def step(rank, processes, total_steps):
    """The loss and the averaged gradients of a step, and the batch statistics after it."""
    pictures, labels = batch()
    training = module(flows=1)
    training.total_steps = total_steps
    loss = training.losses((pictures[rank::processes], labels[rank::processes]), 3)["loss"]
    loss.backward()
    gradients = {name: p.grad for name, p in training.named_parameters()}
    if distributed.is_initialized():
        for gradient in gradients.values():
            distributed.all_reduce(gradient)
            gradient /= processes
    return loss.detach(), gradients, dict(training.net.named_buffers())


@pytest.mark.ddp
@pytest.mark.parametrize("total_steps", [0, 1000])  # after and in the warm-up, which balances
def test_two_processes_equal_one_with_batch_norm(total_steps):
    loss, gradients, buffers = step(0, 1, total_steps)
    two = on_two_processes(step, 2, total_steps)
    assert sum(part[0] for part in two).item() / 2 == pytest.approx(loss.item(), rel=1e-5)
    for _, found, kept in two:
        for name, gradient in gradients.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5, msg=name)
        for name, buffer in buffers.items():
            torch.testing.assert_close(kept[name], buffer, rtol=1e-5, atol=1e-5)


def test_a_step_repeats_itself_and_another_step_does_not():
    first, again, other = (module().losses(batch(), i)["loss"] for i in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_bad_batch_moves_neither_weights_nor_statistics():
    training = module()
    training.log = training.log_dict = lambda *args, **options: None
    optimizer = torch.optim.Adamax(training.net.parameters(), lr=0.1)
    before = copy.deepcopy(training.net.state_dict())
    training.net.encoder.stem.register_forward_hook(lambda m, i, o: o * float("nan"))
    training.training_step(batch(), 0).backward()
    training.on_before_optimizer_step(optimizer)
    optimizer.step()
    for name, tensor in training.net.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert int(training.guard.skipped) == 1


def test_a_bad_batch_moves_no_statistics_whatever_its_place_in_an_accumulation():
    training = module()
    training.log = training.log_dict = lambda *args, **options: None
    optimizer = torch.optim.Adamax(training.net.parameters(), lr=0.1)
    before = copy.deepcopy(training.net.state_dict())
    spoil = training.net.encoder.stem.register_forward_hook(lambda m, i, o: o * float("nan"))
    training.training_step(batch(), 0).backward()
    spoil.remove()
    training.training_step(batch(), 1).backward()
    training.on_before_optimizer_step(optimizer)
    for name, tensor in training.net.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    training.training_step(batch(), 2).backward()  # a good step keeps its own
    training.on_before_optimizer_step(optimizer)
    assert not torch.equal(training.net.encoder.before[0].branch.norm0.running_mean, torch.zeros(4))
    assert training._statistics is None


def test_balancing_takes_the_size_of_each_kl(monkeypatch):
    """With flows a KL of one draw may be negative, and their mean then near zero."""
    training, seen = module(flows=1), []
    training.total_steps = 1000
    output = training.net(batch()[0].round())
    output.kl = torch.tensor([[1.0, -3.0, 0.0], [-1.0, 3.0, 2.0]]).repeat(3, 1)
    monkeypatch.setattr(training.net, "forward", lambda *_: output)
    balance = losses.balance
    monkeypatch.setattr(losses, "balance", lambda kl, a: seen.append(kl) or balance(kl, a))
    training.losses(batch())
    assert seen[0].tolist() == [1, 3, 1]


@pytest.mark.parametrize(("start", "end"), [(0, 1e-2), (1e-2, 0), (-1e-2, None), (1e-2, -1)])
def test_regularisation_is_two_numbers_above_zero_or_none(start, end):
    with pytest.raises(ValueError, match=r"regularisation is .*: expected two numbers above 0"):
        module(regularisation=start, regularisation_end=end)


def test_no_regularisation_is_no_penalty():
    training = module(regularisation=0)
    assert training.losses(batch())["loss"].isfinite()
    assert training.penalty(0.5) == 0


def test_one_picture_has_no_batch_statistics():
    with pytest.raises(ValueError, match="a batch of 1 picture with norm batch"):
        module().losses(batch(items=1))
    assert module(norm="none").losses(batch(items=1))["loss"].isfinite()


@pytest.mark.parametrize(
    "options",
    [
        {"spectral": False},
        {"balancing": False},
        {"guard": 0},
        {"scale": "softplus"},
        {"residual": False},
        {"squeeze": False},
        {"likelihood": "mixture", "mixtures": 2, "mirror": True},
        {"likelihood": "normal"},
        {"recompute": True, "optimizer": "adamw"},
    ],
)
def test_every_option_has_a_finite_loss_with_gradients(options):
    training = module(**options)
    training.total_steps = 100
    training.losses(batch())["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in training.net.parameters())


def test_places_of_an_evaluation_run_through_the_data_set():
    training = module()
    training.on_test_epoch_start()
    assert [list(training._places(n)) for n in (3, 2)] == [[0, 1, 2], [3, 4]]


def test_pictures_of_one_colour_are_refused(monkeypatch):
    data = ModelledPictures(batch_size=4)
    data.setup("fit")
    monkeypatch.setattr(data, "some", lambda count, seed: torch.zeros(count, 1, 28, 28))
    with pytest.raises(ValueError, match="all pixels of 256 training pictures are 0"):
        data.setup("fit")


def test_no_two_pictures_for_statistics_have_the_same_noise(monkeypatch):
    class Recorder:
        places: ClassVar[list] = []

        def bound(self, x, seed, places):
            assert len(x) == len(places)
            self.places += places

    data = ModelledPictures(batch_size=5)
    training, recorder = module(), Recorder()
    trainer = SimpleNamespace(datamodule=data, world_size=1)
    monkeypatch.setattr(NVAETraining, "trainer", trainer)
    training.run_for_statistics(recorder)
    assert sorted(recorder.places) == list(range(5 * training.statistics_passes))


def test_all_processes_run_equally_many_passes_for_statistics(monkeypatch):
    data = ModelledPictures(batch_size=4)
    monkeypatch.setattr(data, "some", lambda count, seed: seed - 1)
    places = []
    for rank in range(3):
        monkeypatch.setattr("zoo.nvae.data.rank_and_world_size", lambda rank=rank: (rank, 3))
        places.append(list(data.for_statistics(passes=4, batch=5)))
    assert places == [[0, 3], [1, 4], [2, 5]]


def test_pictures_for_statistics_are_of_the_training_set_and_repeat():
    data = ModelledPictures(batch_size=4)
    first, again = (list(data.for_statistics(passes=3, batch=5, seed=0)) for _ in range(2))
    assert len(first) == 3
    assert first[0].shape == (5, 1, 28, 28)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_no_net_has_a_strided_1x1_convolution_whose_gradient_torch_writes_into_foreign_memory():
    """oneDNN's for AVX2 does so for less than eight channels; a step of a tiny net crashed."""
    for part in module().modules():
        if isinstance(part, torch.nn.Conv2d) and part.kernel_size == (1, 1):
            assert part.stride == (1, 1)
