"""Distances of features against SciPy, brute force and two processes."""

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import nn
from two_processes import on_two_processes

from zoo.metrics import feature_distances
from zoo.metrics.feature_distances import (
    PictureDistances,
    all_distances,
    distance_rows,
    frechet_distance,
    kernel_distance,
    neighbour_scores,
)


def features(n, seed, channels=6, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(channels, channels, generator=torch.Generator().manual_seed(seed // 10))
    return torch.randn(n, channels, generator=generator) @ mix + shift


@pytest.mark.parametrize("channels", [6, 40])  # more channels than pictures, too
def test_frechet_is_that_of_scipys_matrix_root(channels):
    a, b = features(30, 1, channels), features(35, 2, channels, shift=0.3)
    x, y = a.double().numpy(), b.double().numpy()
    one, other = np.cov(x.T), np.cov(y.T)
    root = np.real(linalg.sqrtm(one @ other + 1e-12 * np.eye(channels)))
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(one + other - 2 * root)
    assert float(frechet_distance(a, b)) == pytest.approx(expected, rel=1e-4)


def test_frechet_of_moments_that_are_known():
    a = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    means, variances = 2 * 3**2, 2 * (4 / 3) * (3 - 1) ** 2
    assert float(frechet_distance(a, 3 * a + 1)) == pytest.approx(means + variances)
    assert float(frechet_distance(a, a)) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_is_the_sum_over_all_pairs(monkeypatch):
    monkeypatch.setattr(feature_distances, "ROWS", 7)
    a, b = features(20, 1).double(), features(17, 2, shift=0.2).double()

    def kernel(x, y):
        return float((x @ y / 6 + 1) ** 3)

    def mean(x, y, same):
        values = [[kernel(p, q) for q in y] for p in x]
        total = sum(map(sum, values)) - sum(values[i][i] for i in range(len(x)) if same)
        return total / (len(x) * len(y) - same * len(x))

    expected = mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)
    assert float(kernel_distance(a, b)) == pytest.approx(expected, rel=1e-9)


def test_neighbour_scores_are_those_of_brute_force(monkeypatch):
    monkeypatch.setattr(feature_distances, "ROWS", 7)
    real, made, k = features(40, 1), features(30, 2, shift=1.0), 3
    x, y = real.double().numpy(), made.double().numpy()

    def radius(points, i):
        return sorted(np.linalg.norm(points - points[i], axis=1))[k]

    real_radius = [radius(x, i) for i in range(40)]
    made_radius = [radius(y, j) for j in range(30)]
    apart = [[np.linalg.norm(p - q) for q in y] for p in x]
    inside = [[apart[i][j] <= real_radius[i] for j in range(30)] for i in range(40)]
    found = neighbour_scores(real, made, k)
    expected = {
        "precision": np.mean([any(inside[i][j] for i in range(40)) for j in range(30)]),
        "recall": np.mean(
            [any(apart[i][j] <= made_radius[j] for j in range(30)) for i in range(40)]
        ),
        "density": np.sum(inside) / (k * 30),
        "coverage": np.mean([any(inside[i]) for i in range(40)]),
    }
    assert 0 < expected["precision"] < 1
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected)


def test_what_was_dropped_lowers_coverage_and_recall_and_what_is_strange_lowers_precision():
    real = torch.cat([features(60, 1), features(60, 3, shift=20.0)])
    half = neighbour_scores(real, features(120, 4))
    assert (half["precision"], half["coverage"]) > (0.6, 0.3)
    assert half["coverage"] <= 0.5
    assert half["recall"] <= 0.5
    strange = neighbour_scores(real, torch.cat([features(60, 4), features(60, 5, shift=-30.0)]))
    assert strange["precision"] <= 0.5


def on_a_rank(rank, world):
    metric = PictureDistances(nn.Flatten(), k=3)
    for real, seed in ((True, 1), (False, 2)):
        pictures = features(60, seed, 16).view(60, 1, 4, 4)
        for part in pictures[rank::world].split(11):
            metric.update(part, real=real)
    return {name: float(value) for name, value in metric.compute().items()}


@pytest.mark.ddp
def test_two_processes_measure_what_one_does():
    one = on_a_rank(0, 1)
    for two in on_two_processes(on_a_rank, 2):
        assert two == pytest.approx(one, rel=1e-9)


def test_the_feature_net_is_left_as_it_was_and_is_no_part_of_a_module():
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Dropout(0.9)).train()
    metric = PictureDistances(net)
    pictures = torch.rand(20, 1, 4, 4)
    metric.update(pictures, real=True)
    metric.update(pictures, real=False)
    assert net.training
    assert float(metric.compute()["frechet"]) == pytest.approx(0, abs=1e-6)  # without dropout
    assert not list(metric.parameters())
    assert not metric.state_dict()


def test_the_feature_net_follows_the_pictures_to_their_device(monkeypatch):
    # the device "meta" knows no autocast
    monkeypatch.setattr(feature_distances, "describe", lambda net, pictures: net(pictures))
    metric = PictureDistances(nn.Sequential(nn.Flatten(), nn.Linear(16, 5)))
    metric.update(torch.rand(20, 1, 4, 4, device="meta"), real=True)
    assert metric.real[0].device.type == "meta"


def test_features_do_not_depend_on_the_precision_of_the_step():
    net, pictures = nn.Sequential(nn.Flatten(), nn.Linear(16, 5)), torch.rand(20, 1, 4, 4)
    metric = PictureDistances(net)
    with torch.autocast("cpu", torch.bfloat16):
        metric.update(pictures, real=True)
    metric.update(pictures, real=False)
    assert torch.equal(metric.real[0], metric.made[0])


def test_a_row_names_what_one_must_know_and_has_the_floor_beside_it():
    real, made, training = (torch.rand(n, 1, 4, 4) for n in (30, 20, 40))
    rows = distance_rows(nn.Flatten(), real, made, training, features="pixels", k=3)
    floor = all_distances(real.flatten(1), training[:20].flatten(1), 3)
    assert [row.metric for row in rows] == [*floor]
    assert rows[0].floor == pytest.approx(float(floor["frechet"]))
    assert str(rows[0]).endswith("| pixels | test | 30 / 20 |")
    with pytest.raises(ValueError, match="10 training pictures: expected as many as the 20 made"):
        distance_rows(nn.Flatten(), real, made, training[:10], features="pixels")


@pytest.mark.parametrize(
    ("real", "made", "sentence"),
    [
        (torch.rand(9, 3), torch.rand(9, 4), "expected .n, channels. and .m, channels."),
        (torch.rand(9, 3), torch.rand(4, 3), "9 real and 4 made pictures: expected at least 6"),
        (torch.rand(9, 3), torch.full((9, 3), torch.nan), "a feature is not finite"),
    ],
)
def test_features_that_do_not_fit_are_refused(real, made, sentence):
    with pytest.raises(ValueError, match=sentence):
        neighbour_scores(real, made)


def test_one_channel_has_a_frechet_distance():
    real, made = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [5.0]])
    torch.testing.assert_close(frechet_distance(real, made), torch.tensor(9.0).double())
