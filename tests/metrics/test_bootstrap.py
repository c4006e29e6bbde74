import math

import pytest
import torch

from zoo.metrics.bootstrap import bootstrap_interval


def test_of_two_examples_the_mean_is_one_of_three():
    """0 and 1 come out with probability 1/4 each, 1/2 with 1/2."""
    pair = torch.tensor([[0.0], [1.0]])
    assert bootstrap_interval(pair, level=0.6).flatten().tolist() == [0, 1]
    assert bootstrap_interval(pair, level=0.4).flatten().tolist() == [0.5, 0.5]


def test_of_many_examples_the_interval_is_that_of_the_normal_law():
    n, p = 2000, 0.3
    coins = (torch.arange(n) < p * n).float()[:, None]
    low, high = bootstrap_interval(coins, resamples=4000).flatten().tolist()
    deviation = math.sqrt(p * (1 - p) / n)
    assert low == pytest.approx(p - 1.96 * deviation, abs=0.1 * deviation)
    assert high == pytest.approx(p + 1.96 * deviation, abs=0.1 * deviation)


def test_it_covers_the_truth_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    hits = 0
    for seed in range(200):
        sample = torch.randn(60, 1, generator=generator) + 5
        low, high = bootstrap_interval(sample, level=0.9, resamples=300, seed=seed).flatten()
        hits += bool(low <= 5 <= high)
    assert 0.82 <= hits / 200 <= 0.96


def test_weights_count_like_repeated_examples():
    values = torch.tensor([[3.0], [1.0], [1.0], [8.0]])
    assert torch.equal(
        bootstrap_interval(values, torch.tensor([1.0, 1.0, 1.0, 1.0])), bootstrap_interval(values)
    )
    low, high = bootstrap_interval(values, torch.tensor([1.0, 0.0, 0.0, 0.0]) + 1e-9).flatten()
    assert high <= 8
    assert low >= 1
    alone = bootstrap_interval(torch.full((50, 2), 7.0), torch.rand(50))
    torch.testing.assert_close(alone, torch.full((2, 2), 7.0, dtype=torch.float64))


def test_each_column_has_the_interval_it_has_by_itself():
    values = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    together = bootstrap_interval(values)
    for column in range(3):
        alone = bootstrap_interval(values[:, column : column + 1])
        torch.testing.assert_close(together[:, column], alone[:, 0])


def test_no_examples_and_no_level_are_refused():
    with pytest.raises(ValueError, match="0 examples"):
        bootstrap_interval(torch.zeros(0, 1))
    with pytest.raises(ValueError, match="level is 95"):
        bootstrap_interval(torch.zeros(3, 1), level=95)
