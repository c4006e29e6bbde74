import math

import pytest

from zoo.data.images import Pictures
from zoo.gan import sweep
from zoo.pictures import PictureClassifier


@pytest.mark.train
def test_a_sweep_tries_every_gamma_and_puts_the_best_first():
    data = Pictures(batch_size=16)
    features = PictureClassifier([1, 28, 28], base=2)
    small = {"base": 4, "latent": 8, "samples": 32, "accelerator": "cpu"}
    found = sweep(data, [0.5, 2.0], steps=2, features=features, **small)
    assert sorted(run.gamma for run in found) == [0.5, 2.0]
    assert found[0].values["valid_frechet"] <= found[1].values["valid_frechet"]
    assert found[0].rank == found[0].values["valid_frechet"]
    penalties = {run.gamma: run.values["penalty"] for run in found}
    assert penalties[2.0] > penalties[0.5]


@pytest.mark.train
def test_a_gamma_that_diverges_does_not_end_the_sweep():
    data = Pictures(batch_size=16)
    small = {"base": 4, "latent": 8, "accelerator": "cpu"}
    found = sweep(data, [1e300, 1.0], steps=3, **small)
    assert [run.gamma for run in found] == [1.0, 1e300]
    assert found[1].values == {"wins": math.inf}


def test_a_gamma_without_a_meaning_is_refused_before_any_run():
    with pytest.raises(ValueError, match=r"gamma of term r1 is -1: expected a number above 0"):
        sweep(Pictures(batch_size=16), [1.0, -1], steps=-1)  # a run would have no end


def test_a_sweep_needs_gammas():
    with pytest.raises(ValueError, match="gammas is empty: expected at least one"):
        sweep(Pictures(batch_size=16), [])
