import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy
from torch import distributed, nn
from torch.nn import functional as F
from two_processes import as_launched, on_two_processes

from zoo.data.resumable import ResumableLoader
from zoo.optim.manual_optimization import OptimisesByHand


class Duel(OptimisesByHand):
    """A GAN in the plane whose critic loss has a gradient penalty."""

    def __init__(self, clip=None, parts=1, schedule=False):
        super().__init__()
        torch.manual_seed(0)
        self.clip, self.parts, self.schedule, self.rates, self.norms = clip, parts, schedule, [], []
        self.g = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        self.d = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))

    def critic(self, x, z):
        x, fake = x.detach().requires_grad_(), self.g(z).detach()
        real = self.d(x)
        (gradient,) = torch.autograd.grad(real.sum(), x, create_graph=True)
        penalty = gradient.square().sum(1).mean() / 2
        return F.softplus(-real).mean() + F.softplus(self.d(fake)).mean() + penalty

    def training_step(self, x, i):
        noise = self.noise(i)
        z = noise.normal(len(x), 4, phase=0)
        for a, b in zip(x.chunk(self.parts), z.chunk(self.parts), strict=True):
            self.add_gradient(1, self.critic(a, b) / self.parts)
        assert all(p.grad is None for p in self.g.parameters())
        self.norms.append(self.take_step(1, self.clip))
        z = noise.normal(len(x), 4, phase=1)
        self.add_gradient(0, F.softplus(-self.d(self.g(z))).mean())
        assert all(p.grad is None for p in self.d.parameters())
        self.take_step(0)
        self.rates.append([o.param_groups[0]["lr"] for o in self.optimizers()])

    def configure_optimizers(self):
        both = [torch.optim.Adam(net.parameters(), 1e-2) for net in (self.g, self.d)]
        if not self.schedule:
            return both
        return both, [torch.optim.lr_scheduler.ExponentialLR(both[1], 0.5)]


def fit(module, batch_size=8, world=1, **options):
    items = torch.randn(96, 2, generator=torch.Generator().manual_seed(1))
    strategy = DDPStrategy(process_group_backend="gloo") if world > 1 else "auto"
    quiet = ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary")
    trainer = Trainer(
        **{
            "accelerator": "cpu",
            "devices": world,
            "strategy": strategy,
            "max_steps": 10,
            **dict.fromkeys(quiet, False),
            **options,
        }
    )
    trainer.fit(module, ResumableLoader(items, batch_size, shuffle=True))
    return trainer


def fit_on_a_rank(rank):
    """Fit inside a process group that is there already, as a launcher would have made it."""
    as_launched(rank)
    module = Duel()
    trainer = fit(module, batch_size=4, world=2)
    assert distributed.get_world_size() == 2
    return trainer.global_step, module.state_dict()


@pytest.mark.ddp
@pytest.mark.slow
def test_two_processes_equal_one_and_a_step_is_a_generator_step():
    module = Duel()
    assert fit(module).global_step == 10
    for step, state in on_two_processes(fit_on_a_rank):
        assert step == 10
        for name, value in module.state_dict().items():
            torch.testing.assert_close(state[name], value, rtol=1e-5, atol=2e-6)


def test_parts_accumulate_to_the_whole():
    whole, parts = Duel(), Duel(parts=4)
    fit(whole), fit(parts)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_clipping_returns_the_norm_and_schedules_move_with_their_own_optimiser():
    module = Duel(clip=1e-3, schedule=True)
    fit(module, max_steps=3)
    assert all(norm > 1e-3 for norm in module.norms)
    assert module.rates == [pytest.approx([1e-2, 1e-2 * 0.5**k]) for k in (1, 2, 3)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"gradient_clip_val": 1.0}, "gradient_clip_val is 1.0: expected none, .* own option"),
        ({"accumulate_grad_batches": 2}, "accumulate_grad_batches is 2: expected 1, .* smaller"),
        ({"strategy": "ddp_find_unused_parameters_true"}, "finds unused parameters: expected ddp"),
    ],
)
def test_lightnings_options_are_refused_with_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        fit(Duel(), **options)
