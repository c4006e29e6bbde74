"""Every method in half precision with a scaler of the loss, as on a GPU."""

import pytest
import torch
from bag import Bag, Gradients, assert_same, fit
from lightning.pytorch.plugins import MixedPrecision
from torch import nn

from zoo.adversarial import (
    FGM,
    PGD,
    FreeLB,
    GradientPenalty,
    RDrop,
    VirtualAdversarial,
    WeightPerturbation,
)


def half(power):
    """16-mixed on a CPU, the loss scaled by a power of two."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**power)
    return {"plugins": [MixedPrecision("16-mixed", "cpu", scaler)]}


def step(module, attack, **options):
    """Return the gradients that the optimiser is given in one step, and the trainer."""
    kept = Gradients()
    torch.manual_seed(0)
    trainer = fit(module, attack, kept, **options)
    return kept.steps[0], trainer


class FaintLoss(Bag):
    """A loss whose gradient at the embeddings is below the smallest number of fp16, 6e-8."""

    def loss(self, batch):
        return 1e-7 * super().loss(batch)


class FaintLogits(Bag):
    """Logits that hardly depend on the embeddings: the divergence is of second order."""

    def __init__(self):
        super().__init__()
        with torch.no_grad():
            self.head.weight *= 1e-3
            self.head.bias.zero_()


class FaintMasks(FaintLoss):
    """A faint loss with dropout, whose masks are drawn in single precision."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, tokens):
        return self.head(self.dropout(torch.tanh(self.inner(self.embed(tokens).mean(1))).float()))


FAINT = [
    (FGM(0.5, space="sequence"), FaintLoss, 20),
    (FGM(0.5, loss="both"), FaintLoss, 20),
    (PGD(0.5, 2, 0.3, random_start=True), FaintLoss, 20),
    (FreeLB(0.5, 3, 0.3), FaintLoss, 20),
    (GradientPenalty(1e7), FaintLoss, 20),
    (WeightPerturbation(0.05), FaintLoss, 20),
    (VirtualAdversarial(0.5, logits="head", weight=1e4, xi=0.5), FaintLogits, 13),
    (RDrop(1e-7, logits="head"), FaintMasks, 20),
]


@pytest.mark.parametrize(
    ("attack", "module", "power"), FAINT, ids=lambda x: getattr(x, "__name__", type(x).__name__)
)
def test_a_step_whose_gradients_would_underflow_is_that_of_single_precision(attack, module, power):
    single, _ = step(module(), attack)
    ours, _ = step(module(), attack, **half(power))
    assert ours.keys() == single.keys()
    for name, gradient in single.items():
        assert (ours[name] - gradient).norm() < 0.03 * gradient.norm(), name
    unscaled, _ = step(module(), attack, **half(0))
    lost = [n for n, g in single.items() if (unscaled[n] - g).norm() > 0.1 * g.norm()]
    assert lost  # without a scale the test would not pass


OVERFLOWING = [
    FGM(0.5, space="sequence"),
    PGD(0.5, 2, 0.3),
    FreeLB(0.5, 3, 0.3, random_start=False),
    WeightPerturbation(0.05),
    VirtualAdversarial(0.5, logits="head", xi=0.5),
    GradientPenalty(1.0),
    RDrop(4.0, logits="head"),
]


@pytest.mark.parametrize("attack", OVERFLOWING, ids=lambda x: type(x).__name__)
def test_gradients_that_overflow_give_no_shift_and_no_step(attack):
    module, shifts = Bag(), []
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    place = attack.place
    if place is not None:
        move = place.move
        place.move = lambda s, leaves=False: (shifts.extend((s or {}).values()), move(s, leaves))
    try:
        _, trainer = step(module, attack, **half(60))
    finally:
        if place is not None:
            del place.move
    probes = 1 if isinstance(attack, VirtualAdversarial) else 0  # where power iteration begins
    assert not any(shift.any() for shift in shifts[probes:])
    assert_same(dict(module.named_parameters()), before, rtol=0, atol=0)
    assert trainer.precision_plugin.scaler.get_scale() == 2.0**59
