"""A stranger's pictures: fine-tuned with one command, predicted from files."""

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from torch.nn import functional as F

import zoo
from zoo import cli
from zoo.pictures.data import LabelledPictures
from zoo.pictures.losses import smoothed_cross_entropy
from zoo.pictures.module import PictureTraining

TINY = ["--config", str(ROOT / "tests/conf/pictures/fashion.yaml")]


def test_the_loss_is_the_cross_entropy_with_the_smoothed_distribution():
    logits, labels = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    target = 0.9 * F.one_hot(labels, 3) + 0.1 / 3
    expected = -(target * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(smoothed_cross_entropy(logits, labels, 0.1), expected)
    halves = smoothed_cross_entropy(logits, labels, 0.1, torch.tensor(10))
    torch.testing.assert_close(halves, expected / 2)


def test_the_variations_of_a_step_follow_from_its_seed_and_place():
    pictures = torch.rand(4, 1, 12, 12)
    options = {"shift": 2.0, "angle": 20.0, "scale": 0.1, "mirror": True}
    one, other = (PictureTraining([1, 12, 12], **options, seed=s) for s in (0, 1))
    assert torch.equal(one.vary(pictures, 3), one.vary(pictures, 3))
    assert not torch.equal(one.vary(pictures, 3), one.vary(pictures, 4))
    assert not torch.equal(one.vary(pictures, 3), other.vary(pictures, 3))
    assert torch.equal(PictureTraining([1, 12, 12]).vary(pictures, 3), pictures)


def test_pictures_without_classes_are_refused(tmp_path):
    for i in range(4):
        Image.new("L", (6, 6), i).save(tmp_path / f"{i}.png")
    with pytest.raises(ValueError, match=r"has 1 class: expected at least 2; give --data.root"):
        _ = LabelledPictures(str(tmp_path)).classes


@pytest.mark.train
def test_fine_tuning_on_ones_own_pictures_and_predicting_files(tmp_path, capsys):
    source = tmp_path / "source"
    cli.run(["fit", "pictures_fashion", *TINY, "--output", str(source)])
    rng = np.random.default_rng(0)
    for name, low in (("夜", 0), ("day", 180)):
        for i in range(40):
            path = tmp_path / "mine" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(low, low + 60, size=(30 + i, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    words = ["--from", str(source), "--reset", "head", "--data.root", str(tmp_path / "mine")]
    words += ["--output", str(tmp_path / "tuned"), "--trainer.max_epochs", "6"]
    cli.run(["fit", "pictures_fashion", *TINY, *words, "--data.root", str(tmp_path / "mine")])
    net = zoo.load(str(tmp_path / "tuned"))
    assert net.labels == ["day", "夜"]
    card = (tmp_path / "tuned/README.md").read_text("utf-8")
    assert "`zoo fit pictures_fashion` on mine, a tenth held out" in card
    capsys.readouterr()
    files = [str(tmp_path / "mine" / name / "0.png") for name in ("夜", "day")]
    cli.run(["predict", str(tmp_path / "tuned"), *files])
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], line[2]) for line in lines] == [("夜", files[0]), ("day", files[1])]
