"""Generators are fine-tuned on a stranger's pictures, whose classes are others or none."""

import json

import pytest
import torch
from conftest import twin
from PIL import Image

import zoo
from zoo import cli


@pytest.fixture
def by_class(tmp_path):
    for kind in ("cat", "dog"):
        (tmp_path / "kinds" / kind).mkdir(parents=True)
        for i in range(40):
            Image.new("L", (28, 28), 6 * i).save(tmp_path / "kinds" / kind / f"{i}.png")
    return str(tmp_path / "kinds")


@pytest.fixture
def flat(tmp_path):
    (tmp_path / "flat").mkdir()
    for i in range(80):
        Image.new("L", (28, 28), 3 * i).save(tmp_path / "flat" / f"{i}.png")
    return str(tmp_path / "flat")


def trained(name, tmp_path, folder, *options):
    output = tmp_path / folder
    words = ["--output", str(output), "--trainer.default_root_dir", str(tmp_path), *options]
    cli.run(["fit", name, *twin(name), *words])
    return output


@pytest.mark.train
@pytest.mark.parametrize(
    ("name", "untold"),
    [("gan_r1_digits", ["--model.conditional", "false"]), ("nvae_tiny_digits", [])],
)
def test_labels_are_nothing_to_a_net_that_is_not_told_them(name, untold, tmp_path, by_class, flat):
    source = str(trained(name, tmp_path, "source", *untold))
    for root in (by_class, flat):
        words = [*untold, "--from", source, "--data.root", root]
        tuned = trained(name, tmp_path, "tuned", *words)
        assert "labels" not in json.loads((tuned / "config.json").read_text("utf-8"))
        assert zoo.load(tuned).sample(2, seed=0).shape[0] == 2


@pytest.mark.train
def test_a_net_by_class_starts_afresh_what_knows_the_classes(tmp_path, by_class, flat):
    name = "gan_r1_fashion"
    source = str(trained(name, tmp_path, "source"))
    with pytest.raises(ValueError, match=r"labels of the data are cat, dog.*\(--reset head\)"):
        trained(name, tmp_path, "tuned", "--from", source, "--data.root", by_class)
    words = ["--from", source, "--reset", "head", "--trainer.max_steps", "1"]
    tuned = zoo.load(trained(name, tmp_path, "tuned", *words, "--data.root", by_class))
    assert (tuned.labels, tuned.count) == (["cat", "dog"], 2)
    drawn = tuned.sample(3, seed=0, labels=[0, 1, 1])
    assert torch.equal(drawn, tuned.sample(3, seed=0, labels=["cat", "dog", "dog"]))
    grid = str(tmp_path / "grid.png")
    cli.run(["sample", str(tmp_path / "tuned"), "-n", "3", "--labels", "dog", "-o", grid])
    with pytest.raises(ValueError, match="no label 'cow': expected some of cat, dog"):
        cli.run(["sample", str(tmp_path / "tuned"), "--labels", "cow", "-o", grid])
    assert zoo.load(trained(name, tmp_path, "flat_one", *words, "--data.root", flat)).count == 1
