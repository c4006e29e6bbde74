"""Low-rank adapters: nothing at first, the same after merging, and of the rank they say."""

import pytest
import torch
from torch import nn

from zoo.layers.low_rank import LowRank, add_adapters, merge_adapters


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Sequential(nn.Linear(8, 5, bias=False)))


def adapter_parameters(model):
    return [p for part in model.modules() if isinstance(part, LowRank) for p in part.parameters()]


def test_an_adapter_changes_nothing_at_first_and_merged_computes_the_same():
    model, x = net().double(), torch.randn(3, 6, dtype=torch.float64)
    plain, names = model(x), list(model.state_dict())
    assert add_adapters(model, rank=2, alpha=3.0) == ["0", "2.0"]
    assert torch.equal(model(x), plain)
    for parameter in adapter_parameters(model):
        nn.init.normal_(parameter)
    adapted, before = model(x), model[0].weight.detach().clone()
    assert not torch.allclose(adapted, plain)
    merge_adapters(model)
    torch.testing.assert_close(model(x), adapted)
    assert list(model.state_dict()) == names
    assert not any(part._forward_hooks for part in model.modules())
    assert torch.linalg.matrix_rank(model[0].weight - before) == 2


def test_the_update_is_that_of_the_paper():
    model, x = nn.Linear(4, 3), torch.randn(2, 4)
    add_adapters(model, rank=2, alpha=6.0)
    down, up = adapter_parameters(model)
    nn.init.normal_(up)
    expected = x @ (model.weight + 3 * up @ down).T + model.bias
    torch.testing.assert_close(model(x), expected)


def test_only_layers_that_are_called_are_adapted():
    model = nn.ModuleDict({"attention": nn.MultiheadAttention(4, 2), "output": nn.Linear(4, 4)})
    assert add_adapters(model, rank=1, alpha=1.0) == ["output"]
    with pytest.raises(ValueError, match=r"layers is 'nowhere\*': .* it has output"):
        add_adapters(model, rank=1, alpha=1.0, layers="nowhere*")
    with pytest.raises(ValueError, match="rank is 0"):
        add_adapters(model, rank=0, alpha=1.0)
