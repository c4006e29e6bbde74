"""Classes and floors of samples, on one process and two."""

import pytest
import torch
from torch import nn
from two_processes import on_two_processes

from zoo.gan.metrics import SampleMeasures

NET = nn.Flatten()  # 9 pixels for features, and for logits


def pictures(n, seed=0):
    return torch.rand(n, 1, 3, 3, generator=torch.Generator().manual_seed(seed))


def test_a_floor_of_fewer_pictures_is_told():
    measures = SampleMeasures(NET)
    measures.see(pictures(20), torch.arange(20) % 3)
    with pytest.warns(UserWarning, match="the floor is of 12 training pictures, .* of 16 samples"):
        measures.floors([(pictures(12, seed=1), torch.zeros(12))], 16)


def measure(rank, shares):
    measures, seen = SampleMeasures(NET), pictures(24)
    mine = torch.arange(24)[shares[rank]]
    if len(mine):
        measures.see(seen[mine], mine % 4)
    found = measures.of(pictures(20, seed=1), slice(rank, None, len(shares)))
    return {name: float(x) for name, x in {**found, "real": measures.real_classes()}.items()}


@pytest.mark.ddp
def test_two_processes_count_classes_together():
    one = measure(0, [slice(None)])  # a process sees two of the four classes
    assert one["real"] == pytest.approx(4)
    for two in on_two_processes(measure, [slice(0, None, 2), slice(1, None, 2)]):
        assert two == pytest.approx(one, rel=1e-5)
