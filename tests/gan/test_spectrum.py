import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo.gan.spectrum import Game, leading_eigenvalues, path_angle, singular_values


@pytest.fixture
def duel():
    """A game of two small nets whose losses are not symmetric."""
    torch.manual_seed(0)
    g = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    d = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    z, x = torch.randn(2, 16, 2, dtype=torch.float64)

    def losses():
        real, fake = d(x), d(g(z))
        softplus = nn.functional.softplus
        return softplus(-fake).mean(), softplus(-real).mean() + softplus(fake).mean()

    return Game(losses, list(g.parameters()), list(d.parameters()))


def test_the_jacobian_equals_finite_differences(duel):
    dense, h, columns = duel.jacobian(), 1e-5, []
    for weight in duel.weights:
        for place in range(weight.numel()):
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    weight.view(-1)[place] += sign * h
                values.append(duel.field(create_graph=False))
                with torch.no_grad():
                    weight.view(-1)[place] -= sign * h
            columns.append((values[0] - values[1]) / (2 * h))
    torch.testing.assert_close(dense, torch.stack(columns, 1), rtol=1e-6, atol=1e-8)
    assert not torch.allclose(dense, dense.T)


@pytest.mark.parametrize("which", ["LM", "LR"])
def test_leading_eigenvalues_are_those_of_the_dense_jacobian(duel, which):
    found = leading_eigenvalues(duel, 6, which=which, tolerance=1e-8)
    dense = torch.linalg.eigvals(duel.jacobian()).numpy()
    key = np.abs if which == "LM" else np.real
    expected = sorted(key(dense), reverse=True)[:6]
    np.testing.assert_allclose(key(found), expected, rtol=1e-4, atol=1e-8)


def test_too_many_eigenvalues_are_refused(duel):
    with pytest.raises(ValueError, match=r"k is 60: expected at most .*; lower it"):
        leading_eigenvalues(duel, 60)


def test_the_path_angle_of_a_rotation_is_a_bump_of_one_sign_and_of_a_well_changes_it():
    def angle(matrix):
        w = torch.tensor([1.0, 0.0], dtype=torch.float64)
        theta, phi = w[:1].clone().requires_grad_(), w[1:].clone().requires_grad_()

        def losses():  # whose field is v = matrix w
            both = torch.cat([theta, phi])
            rows = -(matrix @ both.detach())
            return rows[0] * theta.sum(), rows[1] * phi.sum()

        end = [torch.tensor([-1.0], dtype=torch.float64), torch.tensor([0.0], dtype=torch.float64)]
        return path_angle(Game(losses, [theta], [phi]), end, points=10)

    places, well = angle(torch.tensor([[-1.0, 0.0], [0.0, -1.0]], dtype=torch.float64))
    assert len(places) == 10
    np.testing.assert_allclose(np.sign(well), [1] * 5 + [-1] * 5)
    _, spin = angle(torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64))
    np.testing.assert_allclose(spin, 0, atol=1e-12)


def test_the_path_leaves_the_weights_as_they_were(duel):
    before = [w.detach().clone() for w in duel.weights]
    path_angle(duel, [w.detach() + 0.1 for w in duel.weights], points=3)
    assert all(torch.equal(a, b) for a, b in zip(before, duel.weights, strict=True))


def test_singular_values_are_those_of_the_svd():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), spectral_norm(nn.Linear(4, 4)), nn.ReLU())
    net.train()
    for _ in range(100):
        net[1](torch.randn(1, 4))
    found = singular_values(net.eval())
    expected = torch.linalg.svdvals(net[0].weight.detach().flatten(1)).max().item()
    assert found == {"0": pytest.approx(expected), "1": pytest.approx(1, abs=1e-3)}
