import pytest
import torch
from torch import nn

from zoo.gan.critic_step import CriticStep, squared_gradient
from zoo.gan.gamma_conventions import gamma_of
from zoo.gan.terms import (
    TERMS,
    SpectralNorm,
    check_critic,
    make_terms,
    penalties,
)


class Noise:
    def __init__(self):
        self.generator = torch.Generator().manual_seed(0)

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def uniform(self, *shape):
        return torch.rand(*shape, generator=self.generator, dtype=torch.float64)


@pytest.fixture
def step():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0)).double()
    real, fake = torch.randn(2, 5, 3, dtype=torch.float64)
    return CriticStep(critic, real, fake, list(critic.parameters()), Noise())


def by_differences(score, x, h=1e-5):
    """Return |grad D|^2 of each sample without automatic differentiation."""
    with torch.no_grad():
        parts = [
            (score(x + h * unit) - score(x - h * unit)) / (2 * h)
            for unit in torch.eye(x.shape[1], dtype=x.dtype)
        ]
    return torch.stack(parts, 1).square().sum(1)


def test_r1_and_r2_equal_finite_differences(step):
    for name, x in (("r1", step.real), ("r2", step.fake)):
        (term,) = make_terms([name], gamma=3.0)
        expected = 1.5 * by_differences(step.score, x).mean()
        torch.testing.assert_close(term.penalty(step).detach(), expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize(("name", "centre"), [("zero-centred", 0), ("one-centred", 1)])
def test_penalties_on_interpolates_equal_finite_differences(step, name, centre):
    (term,) = make_terms([name], gamma=3.0)
    value = term.penalty(CriticStep(step.score, step.real, step.fake, [], Noise())).detach()
    mix = Noise().uniform(5).view(5, 1)
    norms = by_differences(step.score, mix * step.real + (1 - mix) * step.fake).sqrt()
    torch.testing.assert_close(value, 1.5 * (norms - centre).square().mean(), rtol=1e-8, atol=0)


def test_dragan_stays_within_half_a_deviation_of_the_sample(step):
    (term,) = make_terms(["dragan"])
    x = term.samples(step)
    spread = step.real.std(1, correction=0, keepdim=True)
    assert ((x - step.real) >= 0).all()
    assert ((x - step.real) <= spread / 2).all()
    norms = by_differences(step.score, x).sqrt()
    again = CriticStep(step.score, step.real, step.fake, [], Noise())
    value = term.penalty(again).detach()
    step.noise.generator.manual_seed(0)
    norms = by_differences(step.score, term.samples(step)).sqrt()
    torch.testing.assert_close(value, (norms - 1).square().mean() / 2, rtol=1e-8, atol=0)


def test_the_derivative_of_a_penalty_equals_finite_differences(step):
    (term,) = make_terms(["r1"])
    weight = step.weights[0]
    (found,) = torch.autograd.grad(term.penalty(step), weight)
    h, values = 1e-5, []
    for sign in (1, -1):
        with torch.no_grad():
            weight[2, 1] += sign * h
        values.append(term.penalty(step).item())
        with torch.no_grad():
            weight[2, 1] -= sign * h
    assert found[2, 1].item() == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-6)


def test_the_approximate_penalty_has_the_exact_one_for_its_mean(step):
    exact, near = make_terms(["r1", {"name": "approximate-r1", "sigma": 1e-3}])
    values = torch.stack([near.penalty(step).detach() for _ in range(4000)])
    error = values.std() / len(values) ** 0.5
    assert abs(values.mean() - exact.penalty(step).item()) < 4 * error


def test_l2_is_half_the_squared_norm_of_the_weights(step):
    (term,) = make_terms(["l2"], gamma=0.5)
    expected = 0.25 * sum(w.square().sum() for w in step.weights)
    torch.testing.assert_close(term.penalty(step), expected)


def test_a_lazy_term_has_the_same_mean_force(step):
    always, lazy = make_terms(["r1"]), make_terms([{"name": "r1", "every": 4}])
    given = [penalties(lazy, step, number) for number in range(8)]
    assert [len(found) for found in given] == [1, 0, 0, 0] * 2
    mean = sum(factor * value for found in given for factor, value in found) / 8
    ((_, expected),) = penalties(always, step, 0)
    torch.testing.assert_close(mean, expected)
    ((factor, value),) = penalties(lazy, step)  # without a step: the mean
    torch.testing.assert_close(factor * value, expected)


def test_terms_compose(step):
    both = penalties(make_terms(["r1", "r2"]), step)
    alone = penalties(make_terms(["r1"]), step) + penalties(make_terms(["r2"]), step)
    torch.testing.assert_close(both, alone)
    assert penalties(make_terms(["clip", "instance-noise"]), step) == []


def test_consensus_over_processes_has_the_gradient_of_the_mean():
    (term,) = make_terms(["consensus"], gamma=0.7)
    w = torch.randn(4, dtype=torch.float64, requires_grad=True)
    matrices = torch.randn(2, 4, 4, dtype=torch.float64)
    halves = [matrix @ w.sin() for matrix in matrices]  # v of two processes
    mean = (halves[0] + halves[1]) / 2
    (expected,) = torch.autograd.grad(term.pull([mean]), w, retain_graph=True)
    pulls = [term.pull([v], [mean]) for v in halves]
    found = sum(torch.autograd.grad(pull, w, retain_graph=True)[0] for pull in pulls) / 2
    torch.testing.assert_close(found, expected)


def test_clipping_cuts_every_weight(step):
    critic = step.score
    for term in make_terms(["clip"], limit=0.05):
        term.project(critic)
    assert max(w.detach().abs().max().item() for w in critic.parameters()) == pytest.approx(0.05)


def test_a_spectrally_normalised_critic_has_layers_of_norm_one():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1))
    SpectralNorm().prepare(critic)
    for _ in range(50):
        critic(torch.randn(2, 1, 4, 4))
    for layer in (critic[0], critic[3]):
        norm = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert norm.item() == pytest.approx(1, abs=1e-3)


def test_a_penalty_is_computed_in_32_bits_under_autocast():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    x = torch.randn(5, 3)
    with torch.autocast("cpu", torch.bfloat16):
        squares = squared_gradient(critic, x.bfloat16().float())
    assert squares.dtype == torch.float32
    torch.testing.assert_close(squares, squared_gradient(critic, x.bfloat16().float()))


@pytest.mark.parametrize(
    ("value", "convention", "pixel_range", "gamma"),
    [
        (10, "wgan-gp", 2, 20),
        (10, "gan-stability", 2, 20),
        (10, "stylegan2", 2, 10),
        (1, "mescheder", 1, 4),
        (0.1, "weight-decay", 1, 0.1),
    ],
)
def test_gammas_of_papers(value, convention, pixel_range, gamma):
    assert gamma_of(value, convention, pixel_range=pixel_range) == pytest.approx(gamma)


def test_the_pixel_range_is_that_of_the_gradient(step):
    def of_unit_pixels(u):  # a critic of pixels in [0, 1]
        return step.score(2 * u - 1)

    theirs = 0.5 * 1.0 * squared_gradient(of_unit_pixels, (step.real + 1) / 2).mean()
    (ours,) = make_terms(["r1"], gamma=gamma_of(1.0, "mescheder", pixel_range=1))
    torch.testing.assert_close(ours.penalty(step), theirs)


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        (["r3"], "term is 'r3': expected one of r1, .*; choose one"),
        ([{"name": "r1", "sigma": 1.0}], "term r1 has no 'sigma': expected .*gamma"),
        ([{"name": "r1", "gamma": -1.0}], "gamma of term r1 is -1.0: expected a number above 0"),
        ([{"name": "r1", "every": 0.5}], "every of term r1 is 0.5: expected a whole number"),
        ([{"name": "clip", "every": 4}], "term clip has no 'every': expected limit"),
        ([{"name": "consensus", "every": 4}], "term consensus has no 'every': expected gamma"),
        ([{"name": "spectral-norm", "every": 1}], "has no 'every': expected its name alone"),
        ([{"name": "r1", "position": 1}], "term r1 has no 'position': expected every, gamma"),
        (["r1", "r1"], "terms has 'r1' twice: expected each term once; add up the gammas"),
        (["clip", "clip"], "terms has 'clip' twice"),
        (["clip", "spectral-norm"], "size of a normalised weight means nothing; leave one out"),
    ],
)
def test_terms_without_a_meaning_are_refused(terms, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_terms(terms)


def test_unwise_terms_are_warned_of():
    critic = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    with pytest.warns(UserWarning, match="batch norm under r1: .* without batch norm"):
        check_critic(make_terms(["r1"]), critic)
    with pytest.warns(UserWarning, match="leave out l2 or spectral-norm"):
        check_critic(make_terms(["l2", "spectral-norm"]), nn.Linear(2, 2))


def test_every_term_is_in_the_table_of_the_module():
    from zoo.gan import terms

    assert all(f"    {name} " in terms.__doc__ for name in TERMS)
