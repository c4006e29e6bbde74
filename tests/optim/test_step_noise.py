import pytest
import torch
from two_processes import on_two_processes

from zoo.optim.step_noise import StepNoise


def draw(rank, world, items):
    noise = StepNoise(3, 1, 4)
    mine = len(range(items)[rank::world])
    return noise.normal(mine, 5, phase=0), noise.uniform(mine, phase=1)


@pytest.mark.ddp
@pytest.mark.parametrize("items", [8, 7])
def test_two_processes_draw_the_numbers_of_one(items):
    one = draw(0, 1, items)
    for rank, two in enumerate(on_two_processes(draw, 2, items)):
        assert all(torch.equal(mine, all_[rank::2]) for mine, all_ in zip(two, one, strict=True))


def test_each_of_seed_epoch_batch_and_phase_changes_the_numbers_and_no_global_state_moves():
    before = torch.get_rng_state()
    at = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    drawn = [StepNoise(s, e, b).normal(50, phase=p) for s, e, b, p in at]
    assert torch.equal(before, torch.get_rng_state())
    assert all(not torch.equal(drawn[i], drawn[j]) for i in range(5) for j in range(i))
    assert torch.equal(drawn[0], StepNoise(0, 0, 0).normal(50, phase=0))
