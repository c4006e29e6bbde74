"""The callback against a loop written plainly."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo.callbacks.ema import EMA
from zoo.data.resumable import ResumableLoader


class Two(LightningModule):
    """Two networks, of which one is averaged; batch norm and spectral norm in both."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net, self.other = make_net(), make_net()
        self.seen = []

    def run_for_statistics(self, network):
        network(items()[:16])

    def training_step(self, x, i):
        return self.net(x).square().mean() + self.other(x).square().mean()

    def validation_step(self, x, i):
        if i == 0:
            self.seen.append({k: v.clone() for k, v in self.state_dict().items()})

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 3e-2)


def make_net():
    return nn.Sequential(spectral_norm(nn.Linear(5, 8)), nn.BatchNorm1d(8), nn.Linear(8, 2))


def items():
    return torch.randn(64, 5, generator=torch.Generator().manual_seed(1)) + 2


def fit(module, callbacks, steps, folder, **options):
    quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    saves = ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1, save_last=True)
    trainer = Trainer(
        accelerator="cpu",
        max_steps=steps,
        callbacks=[*callbacks, saves],
        num_sanity_val_steps=0,
        **quiet,
        **options.pop("trainer", {}),
    )
    loaders = [ResumableLoader(items(), 8, shuffle=k == 0) for k in (0, 1)]
    trainer.fit(module, *loaders, **options, weights_only=True)
    return trainer


def plainly(steps, decay=0.9):
    """Train without the callback and average after each step; return average and raw network."""
    module = Two()
    optimizer = module.configure_optimizers()
    average = [p.detach().clone() for p in module.net.parameters()]
    loader = ResumableLoader(items(), 8, shuffle=True)
    n = 0
    while n < steps:
        for x in loader:
            if n == steps:
                break
            optimizer.zero_grad()
            module.training_step(x, 0).backward()
            optimizer.step()
            d = min(decay, (1 + n) / (10 + n))
            average = [
                d * a + (1 - d) * p.detach()
                for a, p in zip(average, module.net.parameters(), strict=True)
            ]
            n += 1
    return average, module


def test_the_average_is_that_of_a_plain_loop_and_the_other_network_is_left_alone(tmp_path):
    average, plain = plainly(12)
    module = Two()
    fit(module, [EMA(decay=0.9)], 12, tmp_path)
    for ours, expected in zip(module.net.parameters(), average, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(module.net[1].running_mean, plain.net[1].running_mean)  # copied
    for ours, expected in zip(module.other.parameters(), plain.other.parameters(), strict=True):
        assert torch.equal(ours, expected)


def test_a_spectral_norm_is_1_though_its_vectors_were_far_off(tmp_path):
    module = Two()
    fit(module, [EMA(decay=0.9)], 24, tmp_path)
    module.eval()
    norm = torch.linalg.matrix_norm(module.net[0].weight, 2)
    assert norm.item() == pytest.approx(1, abs=1e-3)
    assert float(module.net[0].parametrizations.weight[0]._u.norm()) == pytest.approx(1, abs=1e-5)


def test_validation_checkpoint_and_module_have_the_average_and_training_has_not(tmp_path):
    module = Two()
    fit(module, [EMA(decay=0.9)], 16, tmp_path)  # validated after 8 and 16 steps
    for seen, step in zip(module.seen, (8, 16), strict=True):
        average, plain = plainly(step)
        saved = torch.load(tmp_path / f"step={step}.ckpt", weights_only=True)
        for (name, p), expected in zip(plain.net.named_parameters(), average, strict=True):
            torch.testing.assert_close(seen[f"net.{name}"], expected, rtol=1e-6, atol=1e-6)
            assert torch.equal(saved["state_dict"][f"net.{name}"], seen[f"net.{name}"])
            assert torch.equal(saved["ema"]["raw"][name], p.detach())
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(value, last[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("statistics", ["copy", "measure"])
def test_a_resumed_run_ends_with_the_same_average(tmp_path, statistics):
    whole, resumed = Two(), Two()
    fit(whole, [EMA(decay=0.9, statistics=statistics)], 20, tmp_path / "whole")
    checkpoint = tmp_path / "whole" / "step=11.ckpt"
    fit(resumed, [EMA(decay=0.9, statistics=statistics)], 20, tmp_path, ckpt_path=str(checkpoint))
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_measured_statistics_are_those_of_the_averaged_network(tmp_path):
    module = Two()
    fit(module, [EMA(decay=0.9, statistics="measure")], 12, tmp_path)
    module.eval()
    hidden = module.net[0](items()[:16])
    torch.testing.assert_close(module.net[1].running_mean, hidden.mean(0))
    torch.testing.assert_close(module.net[1].running_var, hidden.var(0))


def test_accumulation_averages_once_a_step(tmp_path):
    module, ema = Two(), EMA(decay=0.9)
    counted = []
    ema.on_train_end = lambda *_: counted.append(ema.updates)
    fit(module, [ema], 6, tmp_path, trainer={"accumulate_grad_batches": 2})
    assert counted == [6]


def test_wrong_names_and_old_spectral_norms_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"decay is 1.0: expected at least 0 and below 1"):
        EMA(decay=1.0)
    with pytest.raises(ValueError, match=r"network is 'generator': .* Two, which has net, other"):
        fit(Two(), [EMA("generator")], 1, tmp_path)
    module = Two()
    module.net[2] = torch.nn.utils.spectral_norm(module.net[2])
    with pytest.raises(ValueError, match=r"net.2 has torch.nn.utils.spectral_norm: expected"):
        fit(module, [EMA()], 1, tmp_path)
