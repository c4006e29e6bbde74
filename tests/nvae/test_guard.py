import pytest
import torch

from zoo.nvae.guard import Guard


def steady(guard, count=50, norm=1.0):
    for _ in range(count):
        assert guard(torch.tensor(norm))


def test_a_gradient_far_above_the_median_is_left_out_and_counted():
    guard = Guard(multiple=10)
    steady(guard)
    assert not guard(torch.tensor(11.0))
    assert guard(torch.tensor(9.0))
    assert int(guard.skipped) == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_always_left_out(bad):
    guard = Guard()
    assert not guard(torch.tensor(bad))
    steady(guard)
    assert not guard(torch.tensor(bad))
    assert int(guard.skipped) == 2


def test_gradients_that_stay_large_do_not_stop_a_run_for_good():
    """VDVAE's fixed threshold of 400 skipped every step of a run whose norms were 420 to 450."""
    guard = Guard(multiple=10, in_a_row=10)
    steady(guard, norm=1.0)
    taken = [guard(torch.tensor(430.0)) for _ in range(200)]
    assert taken[:11] == [False] * 10 + [True]
    assert all(taken[60:])
    longest = max(len(run) for run in "".join("x" if t else "." for t in taken).split("x"))
    assert longest == 10


def test_nothing_but_gradients_that_are_not_finite_ends_the_run():
    guard = Guard(in_a_row=3)
    for _ in range(3):
        assert not guard(torch.tensor(float("nan")))
    with pytest.raises(ValueError, match="in a row"):
        guard(torch.tensor(float("nan")))


def test_its_state_goes_with_a_checkpoint():
    guard, resumed = Guard(), Guard()
    steady(guard)
    guard(torch.tensor(50.0))
    resumed.load_state_dict(guard.state_dict())
    for norm in (0.5, 30.0, 2.0, 40.0):
        assert guard(torch.tensor(norm)) == resumed(torch.tensor(norm))
    assert int(resumed.skipped) == int(guard.skipped) == 3
