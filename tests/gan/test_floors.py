"""Beside each distance of samples stands that of real training pictures."""

from itertools import islice

import pytest
import torch
from conftest import assemble

import zoo
from zoo.checkpoint import card
from zoo.metrics.feature_distances import all_distances, describe


def test_the_floors_are_the_distances_of_training_pictures():
    parts = assemble("gan_r1_digits")  # its twin tests on two batches
    (found,) = parts.trainer.test(parts.model, parts.datamodule, verbose=False)
    net = zoo.load("pictures_digits")
    real, training = (
        torch.cat([pictures for pictures, _ in islice(loader, 2)])
        for loader in (parts.datamodule.test_dataloader(), parts.datamodule.train_dataloader())
    )
    assert len(training) == parts.model.samples
    expected = all_distances(describe(net, real), describe(net, training))
    for name, value in expected.items():
        assert found[f"test_{name}_floor"] == pytest.approx(float(value), rel=1e-4, abs=1e-6)
        assert f"test_{name}" in found


def test_the_card_says_whose_features_they_are():
    row = {"metric": "test_frechet", "value": 3.9, "features": "pictures_digits"}
    assert "Distances are on the features of pictures_digits" in card._table([row])
    assert "features" not in card._table([{"metric": "test_accuracy", "value": 0.9}])
