"""Su 7234: an attack is a penalty on the gradient up to epsilon squared; the penalty flattens."""

import pytest
import torch
from torch import nn

from zoo.adversarial.plot import draw_gaps, draw_pits
from zoo.adversarial.theory import dig, first_order

EPSILONS = torch.logspace(-3, -1, 5, dtype=torch.float64)


@pytest.mark.parametrize("normalised", [False, True])
def test_the_gap_falls_with_the_square_of_epsilon(normalised):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x = torch.randn(5, dtype=torch.float64)
    found = first_order(lambda z: net(z).square().sum(), x, EPSILONS, normalised)
    assert found.slope() == pytest.approx(2.0, abs=0.1)


def test_a_linear_loss_has_no_gap():
    weight = torch.tensor([3.0, -4.0], dtype=torch.float64)
    found = first_order(lambda z: weight @ z, torch.ones(2).double(), EPSILONS, normalised=True)
    torch.testing.assert_close(found.losses, -1 + 5 * EPSILONS)
    torch.testing.assert_close(found.penalised, found.losses)


def test_the_penalty_flattens_the_bottom_of_the_pit_and_is_drawn(tmp_path):
    pits = {"plain": dig(0.0, steps=100), "penalty": dig(1.0, steps=100)}
    flat, steep = pits["penalty"], pits["plain"]
    assert flat.gradient < steep.gradient / 2
    assert flat.rise < steep.rise / 2
    draw_pits(tmp_path / "pits.png", pits)
    line = first_order(lambda z: z.square().sum(), torch.ones(2).double(), EPSILONS)
    draw_gaps(tmp_path / "gaps.png", {"a parabola": line})
    for name in ("pits.png", "gaps.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
