import torch
from torch.nn import functional as F

from zoo.data.images import binarise, flip, move


def test_a_whole_shift_is_a_roll_with_black_coming_in():
    pictures = torch.rand(2, 3, 6, 8)
    uniform = torch.tensor([[1.0, 0.5, 0.5, 0.5], [0.5, 0.0, 0.5, 0.5]])  # right; up
    moved = move(pictures, uniform, shift=2, angle=30, scale=0.2)
    torch.testing.assert_close(moved[0], F.pad(pictures[0], (2, 0))[..., :8], atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[1], F.pad(pictures[1], (0, 0, 0, 2))[:, 2:], atol=1e-5, rtol=0)


def test_a_right_angle_turns_and_a_scale_grows():
    pictures = torch.rand(1, 1, 7, 7)
    turned = move(pictures, torch.tensor([[0.5, 0.5, 1.0, 0.5]]), angle=90)
    torch.testing.assert_close(turned, pictures.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    square = F.pad(torch.ones(1, 1, 8, 8), [6] * 4)
    grown = move(square, torch.tensor([[0.5, 0.5, 0.5, 1.0]]), scale=0.5)
    assert abs(float(grown.sum() / square.sum()) - 1.5**2) < 0.05


def test_a_wide_picture_is_turned_without_shear():
    wide = torch.zeros(1, 1, 9, 21)
    wide[..., 4, 8:13] = 1  # a bar of five pixels across
    turned = move(wide, torch.tensor([[0.5, 0.5, 1.0, 0.5]]), angle=90)
    expected = torch.zeros_like(wide)
    expected[..., 2:7, 10] = 1
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)


def test_mirrors_and_coins_follow_their_numbers():
    pictures = torch.rand(3, 1, 4, 4)
    mirrored = flip(pictures, torch.tensor([0.2, 0.5, 0.9]))
    assert torch.equal(mirrored[0], pictures[0].flip(-1))
    assert torch.equal(mirrored[1:], pictures[1:])
    grey = torch.full((1, 1, 100, 100), 0.3)
    coins = binarise(grey, torch.rand(grey.shape, generator=torch.Generator().manual_seed(0)))
    assert set(coins.unique().tolist()) == {0, 1}
    assert abs(float(coins.mean()) - 0.3) < 0.02
    sure = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert torch.equal(binarise(sure, torch.tensor([0.0, 0.999]).view(1, 1, 1, 2)), sure)
