import pytest
import torch
from scipy.special import rel_entr

from zoo.gan.losses import LOSSES, NAMES, distance, make_loss

P = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
Q = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)


def kl(p, q):
    return torch.from_numpy(rel_entr(p.numpy(), q.numpy())).sum()


DIVERGENCES = {
    "f-kl": kl(P, Q),
    "f-reverse-kl": kl(Q, P),
    "f-js": kl(P, (P + Q) / 2) + kl(Q, (P + Q) / 2),
    "f-pearson": ((P - Q).square() / Q).sum(),
    "f-hellinger": (P.sqrt() - Q.sqrt()).square().sum(),
}


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_best_critic_of_an_f_gan_finds_its_divergence(name):
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    pair = LOSSES[name]

    def closure():
        optimizer.zero_grad()
        loss = (P * pair.real(logits) + Q * pair.fake(logits)).sum()
        loss.backward()
        return loss

    options = {"tolerance_grad": 1e-12, "tolerance_change": 0, "line_search_fn": "strong_wolfe"}
    optimizer = torch.optim.LBFGS([logits], max_iter=200, **options)
    optimizer.step(closure)
    torch.testing.assert_close(-closure().detach(), DIVERGENCES[name], rtol=1e-9, atol=0)


def test_the_best_critic_of_the_saturating_loss_finds_jensen_and_shannon():
    logits = (P / Q).log()  # Goodfellow et al., proposition 1
    pair = LOSSES["saturating"]
    value = (P * pair.real(logits) + Q * pair.fake(logits)).sum()
    expected = 2 * torch.tensor(2.0, dtype=torch.float64).log() - DIVERGENCES["f-js"]
    torch.testing.assert_close(value, expected)


def test_the_best_least_squares_critic_leaves_the_pearson_divergence():
    pair = LOSSES["lsgan"]
    best = (P - Q) / (P + Q)  # arXiv 1611.04076, equation 5, with a = -1 and b = 1
    nearby = best + 1e-3
    assert (P * pair.real(best) + Q * pair.fake(best)).sum() < (
        P * pair.real(nearby) + Q * pair.fake(nearby)
    ).sum()


@pytest.mark.parametrize("name", NAMES)
def test_both_players_want_the_opposite_of_equal_logits(name):
    loss = make_loss(name)
    real = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    fake = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    of_real, of_fake = torch.autograd.grad(
        loss.critic(real, fake, torch.ones(5)), (real, fake), materialize_grads=True
    )
    (pulled,) = torch.autograd.grad(loss.generator(real, fake), fake)
    assert (of_real < 0).all()
    assert (of_fake > 0).all()
    assert (pulled < 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_relativistic_losses_see_differences_alone(name):
    real, fake = torch.randn(2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for form in ("paired", "averaged"):
        loss = make_loss(name, form)
        for shift in (1.0, -2.5):
            moved = loss.critic(real + shift, fake + shift, real)
            torch.testing.assert_close(moved, loss.critic(real, fake, real))
            moved = loss.generator(real + shift, fake + shift)
            torch.testing.assert_close(moved, loss.generator(real, fake))


def test_the_paired_logistic_loss_is_that_of_r3gan():
    real, fake = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    loss = make_loss("non-saturating", "paired")
    wins = torch.sigmoid(real - fake)
    torch.testing.assert_close(loss.critic(real, fake, real), -wins.log().mean())
    torch.testing.assert_close(loss.generator(real, fake), -(1 - wins).log().mean())


def test_the_best_critic_of_gan_qp_leaves_half_the_distance():
    # max over T of T - T^2 / 2d is d / 2, at T = d (arXiv 1811.07296)
    real, fake = torch.rand(2, 7, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    d = distance(real, fake)
    assert d.shape == (7,)
    loss = make_loss("gan-qp")
    torch.testing.assert_close(-loss.critic(d, torch.zeros(7), d), d.mean() / 2)


@pytest.mark.parametrize(
    ("name", "form", "sentence"),
    [
        ("wgan-gp", "plain", "loss is 'wgan-gp': expected one of saturating, .*; choose one"),
        ("wgan", "pair", "form is 'pair': expected plain, paired or averaged"),
        ("gan-qp", "paired", "gan-qp compares pairs already; leave it plain"),
    ],
)
def test_unknown_losses_are_refused(name, form, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_loss(name, form)
