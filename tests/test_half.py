import pytest
import torch

from zoo import checkpoint
from zoo.checkpoint.halve import halve
from zoo.masks import Transformer


@pytest.fixture
def folder(tmp_path):
    def save(net):
        return checkpoint.save(
            tmp_path / "checkpoint",
            name="masks_poems_lm",
            model=net,
            arguments=net.arguments,
            preprocess=None,
            recipe="name: masks_poems_lm\n",
            metrics=[],
            log=[],
        )

    return save


def test_weights_are_the_nearest_float16_and_the_file_half_as_long(folder):
    net = Transformer(200, width=32, depth=1)
    path = folder(net)
    size = (path / checkpoint.WEIGHTS).stat().st_size
    halve(path)
    assert (path / checkpoint.WEIGHTS).stat().st_size < 0.52 * size
    loaded = checkpoint.load(path)
    for name, tensor in net.state_dict().items():
        found = loaded.state_dict()[name]
        assert found.dtype == torch.float32
        assert torch.equal(found, tensor.half().float())


def test_halving_twice_changes_nothing(folder):
    path = halve(folder(Transformer(50, width=16, depth=1)))
    before = (path / checkpoint.WEIGHTS).read_bytes()
    assert (halve(path) / checkpoint.WEIGHTS).read_bytes() == before


def test_a_weight_beyond_float16_is_named_and_nothing_changed(folder):
    net = Transformer(50, width=16, depth=1)
    with torch.no_grad():
        net.head.bias[3] = 1e6
    path = folder(net)
    before = (path / checkpoint.WEIGHTS).read_bytes()
    with pytest.raises(ValueError, match=r"head\.bias has 1000000"):
        halve(path)
    assert (path / checkpoint.WEIGHTS).read_bytes() == before
