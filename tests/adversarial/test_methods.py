"""Each method against a slow reference written with plain backward calls."""

import itertools
import math

import pytest
import torch
from bag import LABELS, TOKENS, Bag, Gradients, assert_same, examples, fit, loader, plain_gradients
from lightning.pytorch import LightningModule
from lightning.pytorch.plugins import MixedPrecision
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

from zoo.adversarial import (
    FGM,
    PGD,
    FreeLB,
    GradientPenalty,
    RDrop,
    VirtualAdversarial,
    WeightPerturbation,
)
from zoo.adversarial.losses import ascend, divergence, project
from zoo.masks.classifiers import TextClassifier
from zoo.optim.step_noise import StepNoise

EVERY = [
    FGM(0.5, space="sequence"),
    PGD(0.5, 2, 0.3),
    FreeLB(0.5, 3, 0.3, random_start=False),
    GradientPenalty(0.7),
    VirtualAdversarial(0.5, logits="head", xi=0.1),
    RDrop(4.0, logits="head"),
    WeightPerturbation(0.05),
]


def names(attacks):
    return [type(attack).__name__ for attack in attacks]


def gradients(module, *attacks, seed=0, **options):
    """The gradients of one training step under attacks."""
    kept = Gradients()
    torch.manual_seed(seed)
    fit(module, *attacks, kept, **options)
    assert len(kept.steps) == 1
    return kept.steps[0]


def found(module, loss):
    """The gradients of a loss, by name."""
    module.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}


class Shiftable(Bag):
    """A bag whose embedding matrix, or looked-up sequence, can be given."""

    def loss_at(self, matrix=None, shift=0.0):
        matrix = self.embed.weight if matrix is None else matrix
        x = F.embedding(TOKENS, matrix, padding_idx=0)
        x = x + shift * (TOKENS != 0).unsqueeze(-1) if isinstance(shift, torch.Tensor) else x
        return F.cross_entropy(self.head(torch.tanh(self.inner(x.mean(1)))), LABELS)


def sequence_gradient(module, shift):
    shift = shift.detach().requires_grad_()
    return torch.autograd.grad(module.loss_at(shift=shift), shift)[0]


# --- formulas


def test_a_projection_is_the_nearest_point_of_the_ball():
    shift = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    torch.testing.assert_close(
        project(shift, 1.0, samples=1), torch.tensor([[0.6, 0.8], [0.3, 0.4]])
    )
    torch.testing.assert_close(project(shift, 1.0), shift / shift.norm())
    torch.testing.assert_close(project(shift, 0.35, "linf"), shift.clamp(-0.35, 0.35))


@pytest.mark.parametrize(("norm", "dual"), [("l2", 2), ("linf", 1)])
def test_a_linear_function_rises_by_length_times_the_dual_norm(norm, dual):
    gradient = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    step = ascend(gradient, 0.3, norm, samples=1)
    expected = 0.3 * torch.linalg.vector_norm(gradient, dual, dim=1)
    torch.testing.assert_close((step * gradient).sum(1), expected)


def test_divergence_equals_a_sum_over_classes():
    logits, others = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)).unbind()
    p, q = logits.softmax(-1), others.softmax(-1)
    expected = (p * (p / q).log()).sum(-1).mean()
    torch.testing.assert_close(divergence(logits, others), expected)


# --- each method against its reference


def test_fgm_of_sequences_moves_each_sample_by_its_own_norm():
    module = Shiftable()
    g = sequence_gradient(module, torch.zeros(4, 4, 6)) * (TOKENS != 0).unsqueeze(-1)
    shift = 0.5 * g / g.flatten(1).norm(dim=1)[:, None, None]
    assert_same(
        gradients(Bag(), FGM(0.5, space="sequence")), found(module, module.loss_at(shift=shift))
    )


def test_fgm_of_both_trains_on_the_mean_of_clean_and_adversarial():
    clean, moved = plain_gradients(Bag()), gradients(Bag(), FGM(0.5))
    mean = {name: (clean[name] + moved[name]) / 2 for name in clean}
    assert_same(gradients(Bag(), FGM(0.5, loss="both")), mean)
    pgd = PGD(0.5, steps=1, alpha=0.5, loss="both")
    assert_same(gradients(Bag(), pgd), mean)


def test_pgd_climbs_and_stays_in_the_ball():
    module = Shiftable()
    shift = torch.zeros(7, 6)
    for _ in range(3):
        leaf = shift.clone().requires_grad_()
        loss = module.loss_at(module.embed.weight.detach() + leaf)
        (g,) = torch.autograd.grad(loss, leaf)
        shift = shift + 0.3 * g / g.norm()
        shift = shift * min(1.0, 0.5 / shift.norm().item())
    expected = found(module, module.loss_at(module.embed.weight + shift))
    assert_same(gradients(Bag(), PGD(0.5, 3, 0.3)), expected)


def test_pgd_with_one_long_step_is_fgm():
    assert_same(gradients(Bag(), PGD(0.5, 1, 0.5)), gradients(Bag(), FGM(0.5)), rtol=0, atol=0)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_random_start_is_in_the_ball_and_differs_by_step_not_by_global_state(norm):
    class Watch(PGD):
        starts = ()

        def start(self, step, radius):
            draw = super().start(step, radius)

            def kept(zero, number):
                first = draw(zero, number)
                self.starts = (*self.starts, first.clone())
                return first

            return kept

    def starts(seed):
        watch = Watch(0.5, 1, 1e-6, random_start=True, norm=norm)
        torch.manual_seed(seed)
        fit(Bag(), watch, data=examples(2))
        return watch.starts

    first, second = starts(0)
    assert not torch.equal(first, second)
    assert all(torch.equal(a, b) for a, b in zip(starts(0), starts(1), strict=True))
    size = first.norm() if norm == "l2" else first.abs().max()
    assert 0 < size <= 0.5


def test_a_random_start_of_sequences_spends_nothing_on_padding():
    module, seen = Bag(), []
    module.embed.register_forward_hook(lambda layer, args, output: seen.append(output.detach()))
    fit(module, PGD(0.5, 1, 1e-6, random_start=True, space="sequence"))
    shift = seen[0] - F.embedding(TOKENS, Bag().embed.weight)
    assert torch.equal(shift[TOKENS == 0], torch.zeros(3, 6))
    torch.testing.assert_close(shift.flatten(1).norm(dim=1), torch.full((4,), 0.25))


def test_the_probe_of_sequences_spends_nothing_on_padding():
    class Watched(VirtualAdversarial):
        def _divergence(self, step, target, start):
            probes.append([s.detach().clone() for s in self.place.shifts.values()])
            return super()._divergence(step, target, start)

    probes = []
    fit(Bag(), Watched(0.5, logits="head", xi=0.1, space="sequence"))
    (probe,) = probes[0]
    size = (probe * (TOKENS != 0).unsqueeze(-1)).flatten(1).norm(dim=1)
    torch.testing.assert_close(size, torch.full((4,), 0.1))


def test_freelb_averages_the_gradients_of_its_passes():
    module, shift = Shiftable(), torch.zeros(4, 4, 6)
    total = {name: torch.zeros_like(p) for name, p in module.named_parameters()}
    for _ in range(3):
        for name, gradient in found(module, module.loss_at(shift=shift)).items():
            total[name] += gradient / 3
        g = sequence_gradient(module, shift)
        shift = project(shift + ascend(g, 0.3, samples=1), 0.5, samples=1)
    ours = gradients(Bag(), FreeLB(0.5, 3, 0.3, random_start=False))
    assert_same(ours, total)


def test_freelb_of_one_pass_without_start_is_plain():
    ours = gradients(Bag(), FreeLB(0.5, 1, 0.3, random_start=False))
    assert_same(ours, plain_gradients(Bag()), rtol=0, atol=0)


def test_freelb_accumulates_and_clips_as_one_step_does():
    def run(**options):
        return gradients(Bag(), FreeLB(0.5, 3, 0.3, random_start=False), **options)

    parts = run(batch_size=1, accumulate_grad_batches=4)
    assert_same(parts, run(batch_size=4))  # a mean over samples, each with its own shift


@pytest.mark.parametrize("space", ["matrix", "sequence"])
def test_the_penalty_has_a_gradient_of_its_own(space):
    """Against central differences in double precision: not a multiple of the plain gradient."""
    torch.set_default_dtype(torch.float64)
    try:
        module = Shiftable().double()
        parameters = dict(module.named_parameters())

        @torch.enable_grad()
        def penalised():
            if space == "matrix":
                leaf = module.embed.weight.detach().clone().requires_grad_()
                (g,) = torch.autograd.grad(module.loss_at(leaf), leaf)
                square = g.square().sum()
            else:
                square = 4 * sequence_gradient(module, torch.zeros(4, 4, 6)).square().sum()
            return (module.loss_at() + 0.5 * 0.7 * square).item()

        ours = gradients(
            Shiftable().double(), GradientPenalty(0.7, space=space), precision="64-true"
        )
        plain = plain_gradients(Shiftable())
        for name in ("inner.weight", "head.weight", "embed.weight"):
            direction = torch.randn(
                parameters[name].shape, generator=torch.Generator().manual_seed(1)
            )
            if name == "embed.weight":
                direction[0] = 0  # padding has no gradient
            step = 1e-5 * direction
            with torch.no_grad():
                parameters[name] += step
                above = penalised()
                parameters[name] -= 2 * step
                below = penalised()
                parameters[name] += step
            slope = (ours[name] * direction).sum().item()
            assert (above - below) / 2e-5 == pytest.approx(slope, rel=1e-6)
            cosine = F.cosine_similarity(ours[name].flatten(), plain[name].flatten(), dim=0)
            assert cosine < 0.9999
    finally:
        torch.set_default_dtype(torch.float32)


class Attentive(Bag):
    """Fused attention has no second derivative."""

    def __init__(self):
        super().__init__()
        del self.embed, self.inner, self.head
        torch.manual_seed(1)
        self.net = TextClassifier(7, 2, width=16, depth=1, heads=2, dropout=0.0)

    def forward(self, tokens):
        return self.net(tokens)


def test_the_penalty_goes_through_attention():
    assert (
        gradients(Attentive(), GradientPenalty(1.0)).keys() == plain_gradients(Attentive()).keys()
    )


def test_virtual_adversarial_training_follows_its_power_iteration():
    module = Shiftable()
    weight = module.embed.weight

    def logits(matrix):
        x = F.embedding(TOKENS, matrix, padding_idx=0)
        return module.head(torch.tanh(module.inner(x.mean(1))))

    target = logits(weight).detach()
    noise = StepNoise(0, 0, 0)
    d = torch.randn(7, 6, generator=noise.generator(0))
    probe = (0.1 * d / d.norm()).requires_grad_()
    (g,) = torch.autograd.grad(divergence(target, logits(weight.detach() + probe)), probe)
    r = 0.5 * g / g.norm()
    loss = module.loss_at() + 2.0 * divergence(target, logits(weight + r))
    ours = gradients(Bag(), VirtualAdversarial(0.5, logits="head", weight=2.0, xi=0.1))
    assert_same(ours, found(module, loss))


class Unlabelled(Bag):
    def loss(self, batch):
        return F.cross_entropy(self(batch[0]), batch[1], ignore_index=-100, reduction="sum") / 4


def test_rows_without_a_label_take_part_in_virtual_adversarial_training():
    data = [(tokens, torch.tensor(-100)) for tokens in TOKENS]
    ours = gradients(Unlabelled(), VirtualAdversarial(0.5, logits="head"), data=data)
    assert ours["inner.weight"].abs().max() > 1e-4


@pytest.mark.parametrize("attack", EVERY, ids=names(EVERY))
@pytest.mark.parametrize("half", [False, True])
def test_a_batch_without_any_label_trains_nothing_but_consistency(attack, half):
    data = [(tokens, torch.tensor(-100)) for tokens in TOKENS]
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    plugins = [MixedPrecision("16-mixed", "cpu", scaler)] if half else []
    ours = gradients(Unlabelled(), attack, data=data, plugins=plugins)
    assert all(gradient.isfinite().all() for gradient in ours.values())
    trained = any(gradient.abs().max() > 1e-4 for gradient in ours.values())
    assert trained == isinstance(attack, VirtualAdversarial)


class Dropping(Bag):
    def __init__(self, rate=0.5):
        super().__init__()
        self.dropout = nn.Dropout(rate)

    def forward(self, tokens):
        return self.head(self.dropout(torch.tanh(self.inner(self.embed(tokens).mean(1)))))


def test_rdrop_asks_two_masks_to_agree():
    module = Dropping()
    torch.manual_seed(5)
    first, second = module(TOKENS), module(TOKENS)
    p, q = first.log_softmax(-1), second.log_softmax(-1)
    agree = ((p.exp() - q.exp()) * (p - q)).sum(-1).mean() / 2
    loss = (F.cross_entropy(first, LABELS) + F.cross_entropy(second, LABELS)) / 2 + 4 * agree

    class Seeded(Dropping):
        def on_train_batch_start(self, batch, batch_idx):
            torch.manual_seed(5)

    assert_same(gradients(Seeded(), RDrop(4.0, logits="head")), found(module, loss))


def test_rdrop_without_dropout_is_plain_also_for_one_row():
    for size in (4, 1):
        data = examples()[:size]
        kept = Gradients()
        fit(Bag(), kept, data=data)
        assert_same(gradients(Bag(), RDrop(logits="head"), data=data), kept.steps[0])


def test_weights_are_moved_by_gamma_times_their_norm():
    module = Bag()
    loss = module.loss((TOKENS, LABELS))
    plain = found(module, loss)
    moved = Bag()
    rise = 0.0
    with torch.no_grad():
        for name, p in moved.named_parameters():
            if p.dim() > 1:
                p += 0.05 * p.norm() * plain[name] / plain[name].norm()
                rise += 1e-4 * (module.get_parameter(name).norm() * plain[name].norm()).item()
    expected = found(moved, moved.loss((TOKENS, LABELS)))
    assert_same(gradients(Bag(), WeightPerturbation(0.05)), expected)
    trainer = fit(Bag(), WeightPerturbation(1e-4))
    assert trainer.callback_metrics["loss"].item() - loss.item() == pytest.approx(rise, rel=2e-3)


class Tied(Bag):
    """A language model whose output layer is the embedding matrix."""

    def __init__(self):
        super().__init__()
        self.output = nn.Linear(6, 7, bias=False)
        self.output.weight = self.embed.weight

    def forward(self, tokens):
        return self.output(torch.tanh(self.embed(tokens).mean(1)))


def test_a_shared_weight_is_moved_once_and_stays_shared():
    module = Tied()
    ours = gradients(module, WeightPerturbation(0.05, weights="embed*"))
    reference = Tied()
    plain = found(reference, reference.loss((TOKENS, LABELS)))["embed.weight"]
    with torch.no_grad():
        weight = reference.embed.weight
        weight += 0.05 * weight.norm() * plain / plain.norm()
    expected = found(reference, reference.loss((TOKENS, LABELS)))
    torch.testing.assert_close(ours["embed.weight"], expected["embed.weight"], rtol=0, atol=1e-6)
    assert module.output.weight is module.embed.weight


class Pictures(LightningModule):
    """A linear net on images in [0, 1]."""

    def __init__(self, images):
        super().__init__()
        self.images = images
        self.net = nn.Linear(5, 1, bias=False)
        nn.init.constant_(self.net.weight, 0.0)
        with torch.no_grad():
            self.net.weight += torch.tensor([1.0, -2.0, 3.0, -4.0, 0.0])

    def training_step(self, batch, batch_idx):
        loss = self.net(batch[0]).sum()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize(("norm", "rise"), [("linf", 0.1 * 10), ("l2", 0.1 * math.sqrt(30))])
def test_an_input_rises_by_epsilon_times_the_dual_norm_within_its_bounds(norm, rise):
    inside = torch.full((3, 5), 0.5)
    data = [(x, torch.tensor(0)) for x in inside]
    attack = PGD(0.1, 2, 0.1, inputs="net", bounds=(0.0, 1.0), norm=norm)
    loss = fit(Pictures(inside), attack, data=data).callback_metrics["loss"].item()
    assert loss == pytest.approx(3 * (-1.0 + rise), abs=1e-5)
    edge = [(torch.ones(5), torch.tensor(0))]
    started = PGD(0.1, 1, 1e-6, random_start=True, inputs="net", bounds=(0.0, 1.0), norm=norm)
    for bounded in (attack, FGM(0.1, inputs="net", bounds=(0.0, 1.0), norm=norm), started):
        loss = fit(Pictures(inside), bounded, data=edge).callback_metrics["loss"].item()
        assert loss <= -2.0 + 0.1 * 6 + 1e-6  # only the falling two can move
        assert loss >= -2.0 - 0.1 * 4 - 1e-6  # and those that rise can only fall


# --- the theory of the post


def test_the_gap_to_the_gradient_penalty_falls_as_epsilon_squared():
    module = Shiftable().double()
    leaf = module.embed.weight.detach().clone().requires_grad_()
    clean = module.loss_at(leaf)
    (g,) = torch.autograd.grad(clean, leaf)

    def slope(shift, first_order):
        sizes = torch.tensor([1e-2, 1e-3], dtype=torch.float64)
        gaps = [
            abs((module.loss_at(leaf + e * shift) - clean - e * first_order).item()) for e in sizes
        ]
        return math.log10(gaps[0] / gaps[1])

    assert slope(g, g.square().sum()) == pytest.approx(2.0, abs=0.1)
    assert slope(g / g.norm(), g.norm()) == pytest.approx(2.0, abs=0.1)


# --- composition, schedules, traces


@pytest.mark.parametrize("weights", ["[ih]*.weight", "*"])
def test_attacks_on_different_places_compose(weights):
    """AWP and FGM: the shift of the inputs at plain weights, the weights' at shifted inputs."""
    module = Shiftable()
    leaf = module.embed.weight.detach().clone().requires_grad_()
    (g,) = torch.autograd.grad(module.loss_at(leaf), leaf)
    shift = 0.5 * g / g.norm()
    plain = found(module, module.loss_at(module.embed.weight + shift))
    with torch.no_grad():
        for name, p in module.named_parameters():
            if p.dim() > 1 and (weights == "*" or name != "embed.weight"):
                p += 0.05 * p.norm() * plain[name] / plain[name].norm()
    expected = found(module, module.loss_at(module.embed.weight + shift))
    ours = gradients(Bag(), WeightPerturbation(0.05, weights=weights), FGM(0.5))
    assert_same(ours, expected)


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def test_a_parametrised_matrix_is_moved_as_a_plain_one():
    """Its weight is another tensor in every pass."""
    module, plain = Bag(), Bag()
    with torch.no_grad():
        module.embed.weight /= 2
    parametrize.register_parametrization(module.embed, "weight", Doubled())
    ours, expected = gradients(module, FGM(0.5)), gradients(plain, FGM(0.5))
    assert_same(
        {n: ours[n] for n in expected if n in ours},
        {n: g for n, g in expected.items() if n != "embed.weight"},
    )


@pytest.mark.parametrize("attack", EVERY, ids=names(EVERY))
def test_before_its_epoch_an_attack_does_nothing(attack):
    late = type(attack)(start_epoch=1, **({"logits": "head"} if attack.logits else {}))
    assert_same(gradients(Bag(), late), plain_gradients(Bag()), rtol=0, atol=0)


def test_every_nth_step_and_a_warm_up():
    kept, plain = Gradients(), Gradients()
    fit(Bag(), FGM(0.5, every=2), kept, data=examples(2))
    fit(Bag(), FGM(0.5), plain, data=examples(2))
    assert_same(kept.steps[0], plain.steps[0], rtol=0, atol=0)
    assert (kept.steps[1]["head.weight"] - plain.steps[1]["head.weight"]).abs().max() > 1e-4
    weak = gradients(Bag(), FGM(0.5, warmup=5))
    assert_same(weak, gradients(Bag(), FGM(0.1)))


class Checkpointed(Bag):
    """The embedding is looked up again in backward."""

    def forward(self, tokens):
        return self.head(checkpoint(self.body, tokens, use_reentrant=False))

    def body(self, tokens):
        return torch.tanh(self.inner(self.embed(tokens).mean(1)))


@pytest.mark.parametrize("attack", EVERY, ids=names(EVERY))
def test_gradient_checkpointing_changes_nothing(attack):
    assert_same(gradients(Checkpointed(), attack), gradients(Bag(), attack))


class Trace(Bag):
    """Keeps what the step sees, to compare with an unattacked run."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.random = []

    def forward(self, tokens):
        return self.head(self.norm(torch.tanh(self.inner(self.embed(tokens).mean(1)))))

    def on_after_backward(self):
        self.random.append(torch.rand(()).item())

    def validation_step(self, batch, batch_idx):
        self.log("valid", self.loss(batch))


@pytest.mark.parametrize(
    "attack", [a for a in EVERY if not isinstance(a, RDrop)], ids=names(EVERY[:5] + EVERY[6:])
)
def test_buffers_and_random_numbers_are_those_of_a_plain_run(attack):
    def run(*callbacks):
        module = Trace()
        torch.manual_seed(0)
        fit(module, *callbacks, validation=loader())
        return module

    ours, plain = run(attack), run()
    moved = isinstance(attack, (WeightPerturbation, FGM, FreeLB))  # the pass itself is elsewhere
    assert ours.norm.num_batches_tracked == plain.norm.num_batches_tracked == 1
    if not moved:
        assert torch.equal(ours.norm.running_mean, plain.norm.running_mean)
    assert ours.random == plain.random
    assert not ours.embed._forward_hooks
    assert not ours.head._forward_hooks
    assert "training_step" not in vars(ours)
    assert all(isinstance(p, nn.Parameter) for p in ours.parameters())


def test_two_attacks_leave_the_step_as_it_was():
    module = Bag()
    fit(module, WeightPerturbation(0.05), FGM(0.5))
    assert "training_step" not in vars(module)
    own = module.training_step = lambda batch, batch_idx: module.loss(batch)
    fit(module, WeightPerturbation(0.05), FGM(0.5))
    assert module.training_step is own


class Broken(Bag):
    def on_after_backward(self):
        raise RuntimeError("broken")


@pytest.mark.parametrize("attack", EVERY, ids=names(EVERY))
def test_an_exception_leaves_the_module_as_it_was(attack):
    module = Broken()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    with pytest.raises(RuntimeError, match="broken"):
        fit(module, attack)
    after = dict(module.named_parameters())
    assert all(isinstance(after[name], nn.Parameter) for name in before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not module.embed._forward_hooks
    assert not module.head._forward_hooks


@pytest.mark.parametrize("attack", EVERY, ids=names(EVERY))
def test_a_skipped_batch_is_skipped(attack):
    class Skipping(Bag):
        def training_step(self, batch, batch_idx):
            return None

    kept = Gradients()
    fit(Skipping(), attack, kept)
    assert kept.steps == [{}]


def skipping(passes):
    """Return a module that skips its first batch in the pass that counts, after rehearsals."""
    calls = itertools.count()

    class Skipping(Bag):
        def training_step(self, batch, batch_idx):
            return None if next(calls) == passes else self.loss(batch)

        def validation_step(self, batch, batch_idx):
            assert all(isinstance(p, nn.Parameter) for p in self.parameters())
            self.log("valid", self.loss(batch))

    return Skipping()


@pytest.mark.parametrize(
    ("attack", "passes"),
    [
        (FGM(0.5), 1),
        (PGD(0.5, 2, random_start=True), 2),
        (FreeLB(0.5, 3), 2),
        (WeightPerturbation(0.05), 1),
    ],
    ids=["FGM", "PGD", "FreeLB", "WeightPerturbation"],
)
def test_validation_sees_no_shift_of_a_skipped_batch(attack, passes):
    trainer = fit(skipping(passes), attack, validation=loader())
    clean = Bag().loss((TOKENS, LABELS)).item()
    assert trainer.callback_metrics["valid"].item() == pytest.approx(clean, abs=1e-7)


@pytest.mark.parametrize(
    ("attack", "passes"),
    [(FGM(0.5, loss="both"), 1), (FreeLB(0.5, 3, random_start=False), 2)],
    ids=["FGM", "FreeLB"],
)
def test_the_next_step_has_no_gradient_of_a_skipped_batch(attack, passes):
    kept = Gradients()
    fit(skipping(passes), attack, kept, data=examples(2))
    assert kept.steps[0] == {}
    assert_same(kept.steps[1], gradients(Bag(), attack))


@pytest.mark.parametrize("attack", EVERY, ids=names(EVERY))
def test_bf16_is_near_single_precision(attack):
    single = gradients(Bag(), attack)
    ours = gradients(Bag(), attack, precision="bf16-mixed")
    for name, gradient in single.items():
        assert (ours[name] - gradient).norm() < 0.1 * gradient.norm() + 2e-3


def test_a_module_compiled_and_run_before_is_attacked_all_the_same():
    module = Bag()
    module.compile(backend="eager")
    with torch.no_grad():
        module(TOKENS)
    assert_same(gradients(module, FGM(0.5)), gradients(Bag(), FGM(0.5)))


# --- refusals


class Twice(Bag):
    def forward(self, tokens):
        return self.head(super().forward(tokens).repeat(1, 3))


class Recurrent(Bag):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(6, 6)


class SparseEmbedding(Bag):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 6, sparse=True)


@pytest.mark.parametrize(
    ("module", "attacks", "message"),
    [
        (Bag(), [FGM(), RDrop(logits="head")], "RDrop compares.*after FGM: expected it first"),
        (Bag(), [RDrop(logits="head"), VirtualAdversarial(logits="head")], "and only one such"),
        (Bag(), [FGM(), PGD()], "FGM, PGD: two attacks move embed"),
        (Bag(), [RDrop(logits="nothing")], "logits is 'nothing'.*embed, inner, head"),
        (Bag(), [RDrop(logits="*")], "matched 3 of embed, inner, head"),
        (Twice(), [VirtualAdversarial(logits="head")], "ran 2 times"),
        (Bag(), [RDrop(logits="embed")], None),
        (Bag(), [PGD(inputs="net")], "inputs is 'net'"),
        (Bag(), [PGD(inputs="embed")], "not a tensor of real numbers"),
        (Recurrent(), [WeightPerturbation()], "rnn is a LSTM"),
        (SparseEmbedding(), [WeightPerturbation()], "embed is an embedding with sparse"),
        (Bag(), [WeightPerturbation(weights="bias")], "it has embed.weight, inner.weight"),
    ],
)
def test_what_cannot_work_is_refused(module, attacks, message):
    if message is None:  # logits in the middle of the net are unwise, but defined
        fit(module, *attacks)
        return
    with pytest.raises(ValueError, match=message):
        fit(module, *attacks)


def test_the_penalty_refuses_a_compiled_module():
    module = Bag()
    module.compile(backend="eager")
    with pytest.raises(ValueError, match="compiled"):
        fit(module, GradientPenalty())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PGD(steps=0), "steps is 0"),
        (lambda: PGD(alpha=-1.0), "alpha is -1.0"),
        (lambda: FreeLB(epsilon=math.nan), "epsilon is nan"),
        (lambda: FGM(space="word"), "space is 'word'"),
        (lambda: FGM(norm="l1"), "norm is 'l1'"),
        (lambda: FGM(loss="clean"), "loss is 'clean'"),
        (lambda: FGM(seed=-1), "seed is -1"),
        (lambda: FGM(bounds=(0.0, 1.0)), "bounds is .*: expected none without `inputs`"),
        (lambda: FGM(inputs="net", bounds=(1.0, 0.0)), "expected the lowest value, then"),
        (lambda: FGM(inputs="net", space="sequence"), "neither `embeddings` nor `space`"),
        (lambda: FreeLB(inputs="net", embeddings="word"), "neither `embeddings` nor `space`"),
        (lambda: PGD(random_start=True, loss="both"), "expected False with loss='both'"),
        (lambda: RDrop(alpha=0.0), "alpha is 0.0"),
        (lambda: WeightPerturbation(gamma=math.inf), "gamma is inf"),
        (lambda: FGM(every=0), "every is 0"),
        (lambda: FGM(warmup=-1), "warmup is -1"),
    ],
)
def test_arguments_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
