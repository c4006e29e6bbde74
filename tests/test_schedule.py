"""The schedule against torch's own one-cycle schedule, and against the straight lines it says."""

import math

import pytest
import torch
from conftest import assemble
from torch.optim.lr_scheduler import OneCycleLR

from zoo.optim.schedule import rise_and_fall, warm_up


def rates(make, steps):
    """The learning rate at each step."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.012)
    schedule, found = make(optimizer), []
    for _ in range(steps):
        found += schedule.get_last_lr()
        optimizer.step()
        schedule.step()
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("total", [20, 100, 1000])
def test_it_is_the_one_cycle_schedule(total):
    shape = {"pct_start": 0.1, "anneal_strategy": "linear", "cycle_momentum": False}
    theirs = rates(lambda o: OneCycleLR(o, 0.012, total_steps=total, **shape), total)
    rising = total // 10 - 1
    ours = rates(lambda o: rise_and_fall(o, rising, total - 1 - rising, 1 / 25, 4e-6), total)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-15)


def test_it_goes_in_straight_lines_to_the_end_and_stays_there():
    found = rates(lambda o: rise_and_fall(o, 4, 5, first=0.2), 12) / 0.012
    expected = [0.2, 0.4, 0.6, 0.8, 1, 0.8, 0.6, 0.4, 0.2, 0, 0, 0]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize(("rising", "falling"), [(0, 0), (1, 0), (0, 1), (1, -1)])
def test_a_line_has_at_least_a_step(rising, falling):
    found = rates(lambda o: rise_and_fall(o, rising, falling, first=0.5), 4) / 0.012
    torch.testing.assert_close(found, torch.tensor([0.5, 1, 0, 0], dtype=torch.float64))


def test_a_run_without_end_is_refused():
    with pytest.raises(ValueError, match=r"has no end.*give --trainer\.max_steps or"):
        warm_up(torch.optim.SGD([torch.zeros(1)], lr=0.1), 0.1, math.inf)


@pytest.mark.parametrize("optimizer", [[], ["--optimizer", "SGD", "--optimizer.lr", "0.1"]])
@pytest.mark.parametrize(("end", "counted"), [("max_steps", "step"), ("max_epochs", "epoch")])
def test_a_chosen_schedule_counts_what_ends_the_run(optimizer, end, counted):
    schedule = ["--lr_scheduler", "StepLR", "--lr_scheduler.step_size", "1"]
    parts = assemble("pictures_digits", *optimizer, *schedule, f"--trainer.{end}", "3")
    parts.model.trainer = parts.trainer
    _, (made,) = parts.model.configure_optimizers()
    assert made["interval"] == counted


@pytest.mark.parametrize(
    "schedule",
    [
        ["ReduceLROnPlateau", "--lr_scheduler.monitor", "valid_frechet"],
        ["torch.optim.lr_scheduler.ReduceLROnPlateau"],
    ],
)
def test_a_schedule_that_waits_for_a_metric_is_refused_where_steps_are_by_hand(schedule):
    with pytest.raises(ValueError, match="without a metric: choose another"):
        assemble("gan_r1_digits", "--lr_scheduler", *schedule)


@pytest.mark.parametrize("name", ["decoding_lstm_poems", "nvae_tiny_digits", "pictures_digits"])
def test_every_schedule_that_falls_asks_for_an_end(name):
    parts = assemble(name, "--trainer.max_epochs", "-1", "--trainer.max_steps", "-1")
    parts.model.trainer = parts.trainer
    with pytest.raises(ValueError, match="the run has no end"):
        parts.model.configure_optimizers()
