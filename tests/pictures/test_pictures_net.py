import pytest
import torch
from PIL import Image
from torch import nn

from zoo.data.images import PicturePreprocess
from zoo.pictures import PictureClassifier


@pytest.mark.parametrize("shape", [[1, 28, 28], [3, 32, 48], [3, 1, 1], [1, 2, 7]])
def test_any_size_and_colour(shape):
    net = PictureClassifier(shape, classes=7, base=4)
    pictures = torch.rand(3, *shape)
    assert net(pictures).shape == (3, 7)
    assert net.features(pictures).shape == (3, net.num_features) == (3, 16)


def test_the_logits_are_the_head_of_the_features_and_weigh_under_half_a_megabyte():
    net = PictureClassifier([1, 28, 28]).eval()
    pictures = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(net(pictures), net.head(net.features(pictures)))
    assert 4 * sum(p.numel() for p in net.parameters()) < 500_000


def test_predict_takes_images_and_paths_and_names_what_it_cannot_read(tmp_path):
    net = PictureClassifier([1, 8, 8], classes=2, base=4).eval()
    vars(net).update(preprocess=PicturePreprocess(8, 8, 1), labels=["a", "b"])
    nn.init.zeros_(net.head.weight)
    net.head.bias.data = torch.tensor([0.0, 3.0]).log1p()  # logits 0 and log 4
    Image.new("RGB", (20, 9)).save(tmp_path / "图.png")
    found = net.predict([Image.new("L", (8, 8)), tmp_path / "图.png", torch.zeros(1, 8, 8)])
    assert [p.label for p in found] == ["b"] * 3
    assert found[1].probability == pytest.approx(0.8)
    assert net.predict([]) == []
    (tmp_path / "cut.png").write_bytes((tmp_path / "图.png").read_bytes()[:40])
    with pytest.raises(ValueError, match=r"cut.png: "):
        net.predict([tmp_path / "cut.png"])


def test_a_shape_of_two_numbers_is_refused():
    with pytest.raises(ValueError, match=r"shape is \[28, 28\]: expected channels, height and w"):
        PictureClassifier([28, 28])
