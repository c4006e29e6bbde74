import copy

import numpy as np
import pytest
import torch

from zoo.gan.updates import UPDATES, Mover, Optimistic, Update, make_update

BILINEAR = np.array([[0.0, 1.0], [-1.0, 0.0]])  # theta' = phi, phi' = -theta
H = 0.3


def multipliers(name):
    return np.linalg.eigvals(UPDATES[name].matrix(BILINEAR, H))


def test_extragradient_damps_the_bilinear_game_at_its_known_rate():
    # 1 + h l + (h l)^2 with l = +-i (Gidel et al., arXiv 1802.10551)
    expected = 1 + 1j * H - H**2
    found = multipliers("extragradient")
    np.testing.assert_allclose(sorted(found.imag), [-expected.imag, expected.imag], atol=1e-12)
    np.testing.assert_allclose(abs(found), np.sqrt(1 - H**2 + H**4), atol=1e-12)


@pytest.mark.parametrize("name", ["optimistic", "past"])
def test_optimistic_steps_have_the_roots_of_their_recursion(name):
    # w_(t+1) = w_t + 2 h l w_t - h l w_(t-1): m^2 - (1 + 2 h l) m + h l = 0, with l = +-i
    roots = np.concatenate([np.roots([1, -(1 + 2j * s * H), 1j * s * H]) for s in (1, -1)])
    found = multipliers(name)
    key = lambda z: (round(z.real, 9), round(z.imag, 9))  # noqa: E731
    np.testing.assert_allclose(sorted(found, key=key), sorted(roots, key=key), atol=1e-12)


def test_simultaneous_steps_spiral_out_and_alternating_ones_keep_the_area():
    np.testing.assert_allclose(abs(multipliers("simultaneous")), np.sqrt(1 + H**2))
    assert np.linalg.det(UPDATES["alternating"].matrix(BILINEAR, H)) == pytest.approx(1)
    np.testing.assert_allclose(abs(multipliers("alternating")), 1)


def test_negative_momentum_damps_when_alternating_and_not_when_simultaneous():
    # arXiv 1807.04740, theorems 4 and 6
    assert abs(multipliers("negative-momentum")).max() < 1
    simultaneous = make_update("negative-momentum", order="simultaneous")
    assert abs(np.linalg.eigvals(simultaneous.matrix(BILINEAR, H))).max() > 1


@pytest.mark.parametrize("name", UPDATES)
def test_the_matrix_is_the_map(name):
    random = np.random.default_rng(0)
    jacobian = random.standard_normal((4, 4))
    update, state = UPDATES[name], random.standard_normal((2, 4))
    if not update.rule.remembers:
        state[1] = 0
    matrix = update.matrix(jacobian, 0.1)
    flat = state.ravel()[: len(matrix)]
    made = update.advance(lambda w: w @ jacobian.T, tuple(state), 0.1)
    np.testing.assert_allclose(matrix @ flat, np.concatenate(made)[: len(matrix)])


def play(update, steps):
    """Play a bilinear game with the trainer's movers on plain SGD."""
    matrix = torch.tensor([[1.0, 0.3], [-0.2, 0.8]], dtype=torch.float64)
    weights = [torch.tensor(v, dtype=torch.float64) for v in ([1.0, -0.5], [0.3, 0.7])]
    theta, phi = (w.requires_grad_() for w in weights)
    optimizers = [torch.optim.SGD([theta], 0.1), torch.optim.SGD([phi], 0.1 * update.ratio)]
    movers = [Mover(optimizer, update.rule) for optimizer in optimizers]

    def gradients(*players):
        value = theta @ matrix @ phi
        for player in players:
            (grad,) = torch.autograd.grad(
                (value, -value)[player], (theta, phi)[player], retain_graph=True
            )
            (theta, phi)[player].grad = grad

    def move(*players, ahead=False):
        for player in players:
            optimizer, mover = optimizers[player], movers[player]
            (mover.look_ahead if ahead else mover.step)(optimizer.step)

    for _ in range(steps):
        if update.order == "simultaneous":
            if update.rule.ahead != "nowhere":
                gradients(0, 1)
                move(0, 1, ahead=True)
            gradients(0, 1)
            move(0, 1)
            continue
        for _ in range(update.critic_steps):
            gradients(1)
            move(1)
        gradients(0)
        move(0)
    return torch.cat([theta, phi]).detach().numpy(), matrix.numpy()


@pytest.mark.parametrize("name", UPDATES)
def test_the_trainer_moves_as_the_laboratory_does(name):
    update = UPDATES[name]
    found, matrix = play(update, 7)
    zero = np.zeros((2, 2))
    jacobian = np.block([[zero, -matrix], [matrix.T, zero]])
    state = np.array([1.0, -0.5, 0.3, 0.7]), np.zeros(4)
    for _ in range(7):
        state = update.advance(lambda w: w @ jacobian.T, state, 0.1)
    np.testing.assert_allclose(found, state[0], rtol=1e-12)


def test_what_a_rule_remembers_is_saved_with_the_optimiser():
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.Adam([weight], 0.1)
    mover = Mover(optimizer, Optimistic())
    weight.grad = torch.tensor([1.0, -2.0, 3.0])
    mover.step(optimizer.step)
    twin = weight.detach().clone().requires_grad_()
    other = torch.optim.Adam([twin], 0.1)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for w, o, m in ((weight, optimizer, mover), (twin, other, Mover(other, Optimistic()))):
        w.grad = torch.tensor([0.5, 0.5, 0.5])
        m.step(o.step)
    assert torch.equal(weight, twin)


def test_updates_without_a_meaning_are_refused():
    with pytest.raises(ValueError, match="update is 'sideways': expected one of simultaneous"):
        make_update("sideways")
    with pytest.raises(ValueError, match="expected 1, since both players move at once"):
        make_update("optimistic", critic_steps=5)
    with pytest.raises(ValueError, match="critic_steps is 0"):
        Update("none", critic_steps=0)
