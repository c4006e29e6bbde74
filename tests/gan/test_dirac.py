import numpy as np
import pytest

from zoo.gan import dirac, poster
from zoo.gan.laboratory import simulation as measured
from zoo.gan.laboratory.game import game
from zoo.gan.losses import NAMES, make_loss

TERMS = [
    [],
    ["r1"],
    ["r2"],
    ["r1", "r2"],
    ["zero-centred"],
    ["approximate-r1"],
    ["approximate-r2", "l2"],
    ["consensus"],
    ["consensus", "r1"],
    ["instance-noise"],
    ["instance-noise", "r1"],
    ["clip"],
]


@pytest.mark.parametrize("loss", NAMES)
def test_the_jacobian_in_closed_form_is_that_of_the_trainers_losses_and_terms(loss):
    forms = ("plain",) if loss == "gan-qp" else ("plain", "paired", "averaged")
    for form in forms:
        for terms in TERMS:
            if loss == "gan-qp" and "instance-noise" in terms:
                continue
            for dimension in (1, 2):
                lab = dirac(loss, form=form, terms=terms, gamma=0.3, dimension=dimension)
                np.testing.assert_allclose(lab.autograd_jacobian(), lab.jacobian, atol=1e-6)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("terms", [[], ["r1"], ["consensus"], ["instance-noise"]])
def test_the_jacobian_is_that_of_finite_differences_of_the_field(loss, terms):
    if loss == "gan-qp" and terms:
        pytest.skip("its field has a kink at rest, of second order")
    lab, h = dirac(loss, terms=terms, gamma=0.3), 1e-5
    columns = [(lab.field(h * u) - lab.field(-h * u)) / (2 * h) for u in np.eye(2)]
    np.testing.assert_allclose(np.stack(columns, 1), lab.jacobian, atol=1e-6)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("terms", [[], ["one-centred"], ["r1", "l2"], ["dragan"]])
def test_the_field_is_that_of_the_trainers_losses_far_from_rest_too(loss, terms):
    import torch

    forms = ("plain",) if loss == "gan-qp" else ("plain", "paired", "averaged")
    for form in forms:
        for w in ([0.7, -0.4], [-1.1, 0.9]):
            lab = dirac(loss, form=form, terms=terms, gamma=0.3)
            theta, phi = (torch.tensor([x], dtype=torch.float64, requires_grad=True) for x in w)
            found = game(make_loss(loss, form), lab.terms, theta, phi).field(create_graph=False)
            np.testing.assert_allclose(lab.field(np.array(w)), found.numpy(), atol=1e-12)


def test_the_known_eigenvalues_of_the_issue_and_the_papers():
    lab = dirac("wgan", terms=["r1"], gamma=0.3, update="simultaneous", step=0.1)
    expected = -0.15 + 1j * np.sqrt(1 - 0.15**2)
    np.testing.assert_allclose(lab.eigenvalues, [expected, np.conj(expected)])
    np.testing.assert_allclose(lab.multipliers, 1 + 0.1 * lab.eigenvalues)
    # |1 + h lambda|^2 = 1 - 0.1 * 0.3 + 0.1^2: the step lengthens the half-life from the flow's 4.6
    halves = 2 * np.log(2) * 0.1 / -np.log(0.98)
    assert halves == pytest.approx(6.86, abs=0.01)
    assert lab.verdict == "converges: halves in 6.9 units of time; steps up to 0.30 are stable"
    np.testing.assert_allclose(dirac("non-saturating").eigenvalues, [0.5j, -0.5j])
    # critical damping at gamma = 2 f'(0) (arXiv 1801.04406, lemma 4.2)
    np.testing.assert_allclose(
        dirac("wgan", terms=["r1"], gamma=2).eigenvalues, [-1, -1], atol=1e-7
    )
    # the figure of the notes: consensus of 0.3 under the non-saturating loss
    lab = dirac("non-saturating", terms=["consensus"], gamma=0.3)
    np.testing.assert_allclose(lab.eigenvalues.real, [-0.075, -0.075])


CELLS = [
    ("wgan", ["r1"], "simultaneous"),
    ("wgan", ["r1"], "optimistic"),
    ("non-saturating", ["r1", "r2"], "alternating"),
    ("lsgan", ["consensus"], "extragradient"),
    ("f-hellinger", ["instance-noise"], "negative-momentum"),
    ("hinge", ["r1"], "n-critic"),
    ("gan-qp", ["r1"], "two-time-scale"),
]


@pytest.mark.parametrize(("loss", "terms", "update"), CELLS)
def test_a_simulation_decays_at_the_predicted_rates_up_to_the_predicted_step(loss, terms, update):
    lab = dirac(loss, terms=terms, gamma=0.3, update=update)
    assert measured.flow_rate(lab) == pytest.approx(lab.eigenvalues.real.max(), rel=0.05)
    assert measured.update_rate(lab, 1500) == pytest.approx(lab.growth(), rel=0.05)
    assert measured.largest_step(lab, 1500) == pytest.approx(lab.largest_step, rel=0.02)


@pytest.mark.parametrize(
    ("loss", "terms", "update", "predicted", "found"),
    [
        ("wgan", [], "simultaneous", "spirals out", "diverges"),
        ("wgan", [], "alternating", "circle", "circle"),
        ("saturating", [], "alternating", "circle", "circle"),
        ("non-saturating", [], "alternating", "sublinear", "sublinear"),
        ("lsgan", [], "alternating", "sublinear", "sublinear"),
        ("non-saturating", [], "simultaneous", "spirals out", "limit set"),
        ("wgan", ["clip"], "simultaneous", "spirals out", "limit set"),
        ("wgan", ["one-centred"], "alternating", "restless", "limit set"),
        ("wgan", [], "extragradient", "converges", "converges"),
    ],
)
def test_cells_without_a_rate_do_what_the_verdict_says(loss, terms, update, predicted, found):
    lab = dirac(loss, terms=terms, gamma=0.5, update=update)
    assert lab.kind == predicted
    assert lab.verdict.startswith(predicted)
    assert measured.kind(lab, 4000) == found


def test_a_critic_of_norm_one_turns_around_the_data_at_its_own_length():
    # theta across phi at the distance |phi|: theta' = u and phi' = -(theta - u u.theta) / |phi|, so
    # both turn with angular velocity 1 / |phi|, and nothing pulls them in
    lab, length = dirac("wgan", terms=["spectral-norm"]), 1.7
    assert lab.dimension == 2
    path = measured.flow(lab, time=2 * np.pi * length, weights=length * np.array([1.0, 0, 0, 1]))
    radii = np.linalg.norm(path[:, :2], axis=1)
    np.testing.assert_allclose(radii, length, rtol=1e-6)
    np.testing.assert_allclose(path[-1], path[0], atol=0.02)  # a whole turn
    assert lab.kind == "restless"
    assert not len(lab.eigenvalues)


def test_momentum_of_the_usual_sign_destabilises_even_alternating_steps():
    from zoo.gan.updates import Momentum, make_update

    usual = make_update("negative-momentum", rule=Momentum(0.5))
    assert dirac("wgan", update=usual).kind == "spirals out"
    assert dirac("wgan", update="negative-momentum").kind == "converges"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dimension": 3}, "dimension is 3: expected 1 or 2"),
        ({"dimension": 1, "terms": ["spectral-norm"]}, "one weight has no gradient"),
        ({"step": 0.0}, "step is 0.0: expected a number above 0"),
        ({"terms": [{"name": "r1", "every": 4}]}, "every of term r1 is above 1: expected 1"),
        ({"terms": ["instance-noise"], "loss": "gan-qp"}, "loss is gan-qp under instance-noise"),
        ({"update": "sideways"}, "update is 'sideways'"),
        ({"step": "0.1"}, "step is '0.1': expected a number above 0"),
        ({"terms": "r1"}, r"terms is 'r1': expected a list; write \['r1'\]"),
        ({"terms": ["r1"], "gamma": "0.3"}, "gamma of term r1 is '0.3': expected a number"),
    ],
)
def test_choices_outside_the_laboratory_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        dirac(**{"loss": "wgan", **options})


def test_a_laboratory_shows_its_choice_and_verdict():
    lab = dirac("wgan", terms=["r1"], gamma=0.3, update="simultaneous")
    assert repr(lab) == f"wgan, R1(every=1, gamma=0.3), step 0.1: {lab.verdict}"


def test_pictures_are_drawn(tmp_path):
    dirac("wgan", terms=["r1"], gamma=0.3).plot(tmp_path / "lab.png")
    poster(tmp_path / "dirac.png")
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 2
