"""What attacks log: losses, the gradient's norm, steps without a direction, the time factor."""

import pytest
import torch
from bag import LABELS, TOKENS, Bag, fit, plain_gradients
from lightning.pytorch.plugins import MixedPrecision
from torch.nn import functional as F

from zoo.adversarial import (
    FGM,
    PGD,
    FreeLB,
    GradientPenalty,
    RDrop,
    VirtualAdversarial,
    WeightPerturbation,
    timing,
)

MOVED = {"clean_loss", "adversarial_loss", "gradient_norm", "no_direction", "time_factor"}
COMPARED = {"clean_loss", "divergence", "time_factor"}


def logged(attack, module=None, **options):
    """Return what an attack logs in one step, by names without its own."""
    metrics = fit(module or Bag(), attack, **options).callback_metrics
    return {
        name.removeprefix(f"{attack.prefix}_"): value.item()
        for name, value in metrics.items()
        if name.startswith(attack.prefix)
    }


@pytest.mark.filterwarnings("error:the .* does not depend")
@pytest.mark.parametrize(
    ("attack", "names"),
    [
        (FGM(0.5), MOVED),
        (PGD(0.5, 2, 0.3, loss="both"), MOVED),
        (PGD(0.5, 2, 0.3, random_start=True), MOVED - {"clean_loss"} | {"start_loss"}),
        (FreeLB(0.5, 3, 0.3, random_start=False), MOVED),
        (WeightPerturbation(0.05), MOVED),
        (VirtualAdversarial(0.5, logits="head"), COMPARED | {"gradient_norm", "no_direction"}),
        (RDrop(4.0, logits="head"), COMPARED),
        (GradientPenalty(0.7), {"clean_loss", "penalty"}),
    ],
    ids=lambda x: type(x).__name__,
)
def test_each_method_logs_what_it_measures(attack, names):
    found = logged(attack)
    assert found.keys() == names
    plain = Bag().loss((TOKENS, LABELS)).item()
    if "clean_loss" in names:
        assert found["clean_loss"] == pytest.approx(plain, rel=1e-5)
    if "adversarial_loss" in names:
        assert found["adversarial_loss"] > plain
    assert found.get("no_direction", 0.0) == 0.0
    assert found.get("time_factor", 2.0) > 1.0


def test_the_norm_is_that_of_the_plain_gradient_at_any_scale_of_the_loss():
    expected = plain_gradients(Bag())["embed.weight"].norm().item()
    assert logged(FGM(0.5))["gradient_norm"] == pytest.approx(expected, rel=1e-5)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    half = logged(FGM(0.5), plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
    assert half["gradient_norm"] == pytest.approx(expected, rel=1e-2)


class Dropping(Bag):
    def forward(self, tokens):
        return self.head(F.dropout(torch.tanh(self.inner(self.embed(tokens).mean(1))), 0.5))


def test_all_passes_of_virtual_adversarial_training_see_the_same_dropout_masks():
    assert abs(logged(VirtualAdversarial(1e-4, xi=1e-4), Dropping())["divergence"]) < 1e-6


def test_a_text_of_padding_alone_has_no_direction():
    data = [(tokens, label) for tokens, label in zip(TOKENS.clone(), LABELS, strict=True)]
    data[2] = (torch.zeros_like(TOKENS[2]), LABELS[2])
    assert logged(FGM(0.5, space="sequence"), data=data)["no_direction"] == 0.25


class Clocked(Bag):
    """A module on a clock of its own: a forward takes 1, a backward 2, the optimiser 1."""

    now = 0.0

    def training_step(self, batch, batch_idx):
        type(self).now += 1
        return super().training_step(batch, batch_idx)

    def backward(self, loss):
        type(self).now += 2
        super().backward(loss)

    def optimizer_zero_grad(self, epoch, batch_idx, optimizer):
        type(self).now += 1
        super().optimizer_zero_grad(epoch, batch_idx, optimizer)


def test_the_time_factor_is_the_step_over_what_it_would_be_without_the_attack(monkeypatch):
    monkeypatch.setattr(timing, "perf_counter", lambda: Clocked.now)
    assert logged(FGM(0.5), Clocked())["time_factor"] == pytest.approx(5 / 4)
    assert logged(PGD(0.5, 3, 0.3), Clocked())["time_factor"] == pytest.approx(7 / 4)
    rdrop, fgm = RDrop(logits="head"), FGM(0.5)
    metrics = fit(Clocked(), rdrop, fgm).callback_metrics
    assert metrics["rdrop_time_factor"].item() == pytest.approx(6 / 4)
    assert metrics["fgm_time_factor"].item() == pytest.approx(6 / 5)
    assert "time_factor" not in logged(FGM(0.5, start_epoch=1), Clocked())
