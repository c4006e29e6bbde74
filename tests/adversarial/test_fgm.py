"""FGM against the recipe it replaces: write E + delta into the weight, backward, restore."""

import math
import signal
from typing import ClassVar

import pytest
import torch
from bag import (
    EPSILON,
    LABELS,
    TOKENS,
    Bag,
    Gradients,
    assert_same,
    examples,
    fit,
    loader,
    plain_gradients,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch import Callback
from lightning.pytorch.plugins import MixedPrecision
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC, BinaryPrecision, BinaryRecall

from zoo.adversarial import FGM
from zoo.adversarial.losses import ascend
from zoo.masks.classifiers import TextClassifier


def fgm_gradients(module, **options):
    """The gradients of one training step under FGM."""
    kept = Gradients()
    fit(module, FGM(EPSILON, **options.pop("fgm", {})), kept, **options)
    assert len(kept.steps) == 1
    return kept.steps[0]


def classic_backward(module, batch, loss=None, seed=None):
    """The textbook FGM: two backwards with the weight moved in between; leaves `.grad`."""
    loss = loss or module.loss
    weights = list(
        {id(m.weight): m.weight for m in module.modules() if type(m) is nn.Embedding}.values()
    )
    held = [p.grad for p in module.parameters()]
    for p in module.parameters():
        p.grad = None
    if seed is not None:
        torch.manual_seed(seed)
    loss(batch).backward()
    clean = [w.detach().clone() for w in weights]
    with torch.no_grad():
        for w in weights:
            w += EPSILON * w.grad / w.grad.square().sum().sqrt()
    for p, grad in zip(module.parameters(), held, strict=True):
        p.grad = grad
    if seed is not None:
        torch.manual_seed(seed)
    adversarial = loss(batch)
    adversarial.backward()
    with torch.no_grad():
        for w, c in zip(weights, clean, strict=True):
            w.copy_(c)
    return adversarial.item()


def classic_gradients(module, **options):
    classic_backward(module, (TOKENS, LABELS), **options)
    return {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}


# --- the formula


@given(
    scale=st.floats(1e-12, 1e12),
    epsilon=st.floats(1e-3, 1e3),
    values=st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=12),
)
@settings(max_examples=50)
def test_perturbation_has_norm_epsilon_at_any_scale(scale, epsilon, values):
    gradient = torch.tensor([1.0, *values])
    delta = ascend(scale * gradient, epsilon)
    torch.testing.assert_close(delta.norm().item(), epsilon, rtol=1e-5, atol=0)
    torch.testing.assert_close(delta, ascend(gradient, epsilon), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("bad", [0.0, math.inf, -math.inf, math.nan])
def test_no_direction_gives_no_perturbation(bad):
    gradient = torch.tensor([[1.0, bad], [0.0, 2.0]]) if bad else torch.zeros(2, 2)
    assert torch.equal(ascend(gradient, EPSILON), torch.zeros(2, 2))


class Linear(Bag):
    """The loss is linear in E: the dot product of w and E[token], summed over tokens."""

    def loss(self, batch):
        return (self.embed(batch[0]) @ self.head.weight[0]).sum()


def test_a_linear_loss_rises_by_epsilon_times_the_norm_of_its_gradient():
    module = Linear()
    clean = module.loss((TOKENS, LABELS)).item()
    counts = torch.bincount(TOKENS.flatten(), minlength=7).float()
    counts[0] = 0  # padding
    norm = torch.outer(counts, module.head.weight[0]).norm().item()  # dL/dE, by hand
    trainer = fit(module, FGM(EPSILON))
    assert trainer.callback_metrics["loss"].item() == pytest.approx(
        clean + EPSILON * norm, rel=1e-5
    )


# --- against the textbook recipe


class Siamese(Bag):
    def forward(self, tokens):
        return super().forward(tokens) - super().forward(tokens.flip(0))


class TwoMatrices(Bag):
    """Word and position embeddings: each is moved by its own norm."""

    def __init__(self):
        super().__init__()
        self.position = nn.Embedding.from_pretrained(torch.eye(4, 6), freeze=False)

    def forward(self, tokens):
        x = self.embed(input=tokens) + self.position(torch.arange(4))
        return self.head(torch.tanh(self.inner(x)).mean(1))


class SharedMatrix(Bag):
    """Two layers, one matrix: its gradient is the sum over both."""

    def __init__(self):
        super().__init__()
        self.second = nn.Embedding(7, 6)
        self.second.weight = self.embed.weight

    def forward(self, tokens):
        return super().forward(tokens) * self.head(self.second(tokens).sum(1))


class Hooked(Bag):
    """The user's own hook on the lookup, not linear, comes after the shift."""

    def __init__(self):
        super().__init__()
        self.embed.register_forward_hook(lambda layer, args, output: output.square())


@pytest.mark.parametrize("kind", [Bag, Siamese, TwoMatrices, SharedMatrix, Hooked])
def test_gradients_equal_those_of_moving_the_weight(kind):
    expected, plain = classic_gradients(kind()), plain_gradients(kind())
    assert_same(fgm_gradients(kind()), expected)
    assert (plain["head.weight"] - expected["head.weight"]).abs().max() > 1e-3


class Reviews(Bag):
    """The zoo's classifier, with dropout: both passes must see the same masks."""

    def __init__(self):
        super().__init__()
        del self.embed, self.inner, self.head
        torch.manual_seed(1)
        self.net = TextClassifier(7, 2, width=16, depth=2, heads=2, dropout=0.3)

    def forward(self, tokens):
        return self.net(tokens)


class SeedStep(Callback):
    def on_train_batch_start(self, *args):
        torch.manual_seed(7)


def test_both_passes_see_the_same_dropout_masks():
    kept = Gradients()
    fit(Reviews(), FGM(EPSILON), SeedStep(), kept)
    assert_same(kept.steps[0], classic_gradients(Reviews().train(), seed=7))


@pytest.mark.parametrize("clip", [None, 0.05])
def test_accumulation_and_clipping_take_the_direction_of_each_micro_batch(clip):
    ours, theirs = Bag(), Bag()
    options = {"batch_size": 1, "accumulate_grad_batches": 2, "gradient_clip_val": clip}
    fit(ours, FGM(EPSILON), data=examples(2), **options)
    optimizer = theirs.configure_optimizers()
    for i, (tokens, label) in enumerate(examples(2)):
        half = lambda batch: theirs.loss(batch) / 2  # noqa: E731
        classic_backward(theirs, (tokens[None], label[None]), loss=half)
        if i % 2:
            if clip:
                nn.utils.clip_grad_norm_(theirs.parameters(), clip)
            optimizer.step()
            optimizer.zero_grad()
    assert_same(ours.state_dict(), theirs.state_dict())


def test_bf16():
    def loss(batch):
        with torch.autocast("cpu", torch.bfloat16):
            return module.loss(batch)

    module = Bag()
    expected = classic_gradients(module, loss=loss)
    assert_same(fgm_gradients(Bag(), precision="bf16-mixed"), expected, rtol=0.02, atol=2e-3)


class Witness(torch.autograd.Function):
    """The identity; notes whether its backward runs under autocast."""

    autocast: ClassVar = []

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        Witness.autocast.append(torch.is_autocast_enabled("cpu"))
        return gradient


class Witnessed(Bag):
    def forward(self, tokens):
        assert torch.is_autocast_enabled("cpu")
        return Witness.apply(super().forward(tokens))


def test_both_backwards_run_outside_autocast():
    fit(Witnessed(), FGM(EPSILON), precision="bf16-mixed")
    assert Witness.autocast == [False, False]


class Faint(Bag):
    """A loss whose gradient at the embedding is below what fp16 can express."""

    def loss(self, batch):
        return 1e-7 * super().loss(batch)


def test_fp16_measures_the_direction_at_the_scale_of_the_grad_scaler():
    plugin = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=2.0**20))
    expected = classic_gradients(Faint())
    ours = fgm_gradients(Faint(), plugins=[plugin])
    assert_same(ours, expected, rtol=0.02, atol=2e-10)
    assert (plain_gradients(Faint())["head.weight"] - expected["head.weight"]).abs().max() > 1e-9


def test_fp16_overflow_means_no_perturbation_and_finite_weights():
    module = Bag()
    before = module.loss((TOKENS, LABELS)).item()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**60)
    trainer = fit(module, FGM(EPSILON), plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
    assert trainer.callback_metrics["loss"].item() == pytest.approx(before, rel=1e-2)
    assert all(p.isfinite().all() for p in module.parameters())


class Checkpointed(Bag):
    """`inside` says whether the embedding is repeated in backward as well."""

    def __init__(self, inside, reentrant=False):
        super().__init__()
        self.inside, self.reentrant = inside, reentrant

    def tail(self, x):
        return self.head(torch.tanh(self.inner(x.mean(1))))

    def forward(self, tokens):
        part, x = (super().forward, tokens) if self.inside else (self.tail, self.embed(tokens))
        return checkpoint(part, x, use_reentrant=self.reentrant)


@pytest.mark.parametrize("inside", [True, False])
def test_gradient_checkpointing_changes_nothing(inside):
    assert_same(fgm_gradients(Checkpointed(inside)), fgm_gradients(Bag()), rtol=0, atol=0)


def test_reentrant_checkpointing_is_refused():
    with pytest.raises(ValueError, match="use_reentrant=False"):
        fit(Checkpointed(inside=False, reentrant=True), FGM(EPSILON))


class Tied(Bag):
    """A language model whose output layer is the embedding matrix."""

    def forward(self, tokens, matrix=None):
        matrix = self.embed.weight if matrix is None else matrix
        return torch.tanh(self.embed(tokens).mean(1)) @ matrix.T


def test_an_output_layer_tied_to_the_embedding_stays_clean():
    module = Tied()
    head = module.embed.weight.detach().clone()
    loss = F.cross_entropy(module(TOKENS, head), LABELS)
    (g,) = torch.autograd.grad(loss, module.embed.weight)
    moved = module.embed.weight.detach() + EPSILON * g / g.norm()
    logits = torch.tanh(F.embedding(TOKENS, moved).mean(1)) @ head.T
    expected = F.cross_entropy(logits, LABELS).item()
    trainer = fit(module, FGM(EPSILON))
    assert trainer.callback_metrics["loss"].item() == pytest.approx(expected, rel=1e-6)


def test_a_frozen_embedding_is_still_attacked():
    module = Bag()
    expected = classic_gradients(module)
    del expected["embed.weight"]
    module = Bag()
    module.embed.requires_grad_(False)
    assert_same(fgm_gradients(module), expected)


class NoGradient(Bag):
    def forward(self, tokens):
        with torch.no_grad():
            x = self.embed(tokens).mean(1)
        return self.head(torch.tanh(self.inner(x)))


def test_a_loss_that_ignores_the_embedding_is_trained_clean_with_a_warning():
    expected = plain_gradients(NoGradient())
    with pytest.warns(UserWarning, match="does not depend"):
        ours = fgm_gradients(NoGradient())
    assert_same(ours, expected, rtol=0, atol=0)


def test_only_the_layers_named_by_the_pattern_move_and_padding_never_does():
    class Watch(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            self.seen = {"embed": [], "position": []}
            for name, outputs in self.seen.items():
                getattr(pl_module, name).register_forward_hook(
                    lambda layer, args, output, outputs=outputs: outputs.append(output.detach())
                )

    module, watch = TwoMatrices(), Watch()
    fit(module, FGM(EPSILON, embeddings="emb*"), watch)
    clean, moved = watch.seen["embed"]
    difference = moved - clean
    assert torch.equal(difference[TOKENS == 0], torch.zeros(3, 6))
    threes = difference[TOKENS == 3]  # rounding aside, one shift for all occurrences of a token
    torch.testing.assert_close(threes, threes[:1].expand_as(threes), rtol=0, atol=1e-6)
    rows = torch.zeros(7, 6)
    rows[TOKENS] = difference
    assert rows.norm().item() == pytest.approx(EPSILON, rel=1e-5)
    assert torch.equal(*watch.seen["position"])


# --- the rehearsal leaves no trace


class Eventful(Bag):
    """Everything a training step may change besides gradients."""

    def __init__(self):
        super().__init__()
        self.save_hyperparameters({"name": "eventful"})
        self.norm = nn.BatchNorm1d(6)
        self.dropout = nn.Dropout(0.5)
        self.accuracy = BinaryAccuracy()
        self.auroc = BinaryAUROC()
        self.metrics = MetricCollection([BinaryPrecision(), BinaryRecall()])
        self.outputs, self.by_label, self.seen = [], {"all": []}, 0

    def training_step(self, batch, batch_idx):
        labels = batch.pop("labels")
        tokens = batch["tokens"]
        tokens[torch.rand(tokens.shape) < 0.2] = 0  # in place
        logits = self.head(self.dropout(self.norm(self.inner(self.embed(tokens).mean(1)))))
        loss = F.cross_entropy(logits, labels)
        score = logits.detach().softmax(-1)[:, 1]
        self.metrics(score, labels)
        self.auroc(score, labels)
        self.accuracy(score, labels)
        self.log("accuracy", self.accuracy, on_step=False, on_epoch=True)
        self.log_dict({"loss": loss, "seen": float(self.seen)}, on_step=False, on_epoch=True)
        self.outputs.append(loss.item())
        self.by_label["all"].append(tokens.sum().item())
        self.seen += len(labels)
        return {"loss": loss, "tokens": tokens}

    def on_train_epoch_end(self):
        self.log_dict(self.metrics.compute())
        self.log("auroc", self.auroc.compute())
        self.log("random", torch.rand(()))
        self.updates = self.accuracy.update_count


def test_an_infinitesimal_perturbation_is_plain_training_bit_for_bit():
    def run(*callbacks):
        torch.manual_seed(3)
        module = Eventful()
        data = [{"tokens": t, "labels": y} for t, y in examples(6)]
        trainer = fit(module, *callbacks, data=data, batch_size=3, max_epochs=1)
        return module, trainer

    (plain, a), (ours, b) = run(), run(FGM(1e-30))
    assert ours.state_dict().keys() == plain.state_dict().keys()
    assert_same(ours.state_dict(), plain.state_dict(), rtol=0, atol=0)
    own = {k: v for k, v in b.callback_metrics.items() if not k.startswith("fgm_")}
    assert_same(own, a.callback_metrics, rtol=0, atol=0)
    for name in ["outputs", "by_label", "seen", "updates"]:
        assert getattr(ours, name) == getattr(plain, name)
    assert ours.norm.num_batches_tracked == 8
    assert ours.updates == 8


class Skipping(Bag):
    def training_step(self, batch, batch_idx):
        self.log("batches", 1.0, on_epoch=True, on_step=False, reduce_fx="sum")
        return None if batch_idx % 2 else self.loss(batch)


@pytest.mark.filterwarnings("ignore:.training_step. returned .None.")
def test_a_skipped_batch_stays_skipped():
    ours, kept = Skipping(), Gradients()
    trainer = fit(ours, FGM(EPSILON), kept, data=examples(3))
    assert trainer.callback_metrics["batches"] == 3
    assert len(kept.steps) == 3  # Lightning steps on every batch
    assert_same(kept.steps[0], classic_gradients(Bag()))
    assert all(not step for step in kept.steps[1:2])


class Evaluating(Bag):
    def shared(self, batch, batch_idx):
        self.log("evaluated", self.loss(batch))

    validation_step = test_step = shared

    def predict_step(self, batch, batch_idx):
        return self(batch[0])


def test_validation_test_and_prediction_see_clean_embeddings():
    module = Evaluating()
    trainer = fit(module, FGM(EPSILON), validation=loader())
    expected = module.loss((TOKENS, LABELS))
    assert trainer.callback_metrics["evaluated"] == expected
    assert trainer.test(module, loader(), verbose=False)[0]["evaluated"] == expected.item()
    assert torch.equal(trainer.predict(module, loader())[0], module(TOKENS))


# --- nothing is left behind


def assert_untouched(module, before):
    assert "training_step" not in vars(module)
    assert not module.embed._forward_hooks
    after = module.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


class Failing(Bag):
    def __init__(self, where, error):
        super().__init__()
        self.where, self.error = where, error

    def forward(self, tokens):
        logits = super().forward(tokens)
        moved = not torch.equal(self.embed(tokens), F.embedding(tokens, self.embed.weight))
        if self.where == ("performance" if moved else "rehearsal"):
            raise self.error
        return logits

    def on_after_backward(self):
        if self.where == "backward":
            raise self.error

    def on_train_batch_start(self, batch, batch_idx):
        self.before = {name: t.clone() for name, t in self.state_dict().items()}


@pytest.fixture
def interruptible():
    """Lightning ignores SIGINT for good once it was interrupted."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("where", ["rehearsal", "performance", "backward"])
@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_an_exception_leaves_no_trace(where, error):
    module = Failing(where, error)
    with pytest.raises((RuntimeError, SystemExit)):
        fit(module, FGM(EPSILON))
    assert_untouched(module, module.before)
    assert torch.equal(module.embed(TOKENS), F.embedding(TOKENS, module.embed.weight))


def test_a_module_can_be_fitted_again_and_is_left_as_it_was():
    module, fgm = Bag(), FGM(EPSILON)
    keys = module.state_dict().keys()
    for _ in range(2):
        kept = Gradients()
        module.zero_grad()
        expected = classic_gradients(module)
        fit(module, fgm, kept)
        assert_same(kept.steps[0], expected)
    assert_untouched(module, module.state_dict())
    assert module.state_dict().keys() == keys


# --- refusals


class Manual(Bag):
    automatic_optimization = False


class OwnBatches(Bag):
    def training_step(self, dataloader_iter):
        return self.loss(next(dataloader_iter)[0])


class Scaled(nn.Embedding):
    def forward(self, tokens):
        return 2 * super().forward(tokens)


class Overriding(Bag):
    def __init__(self):
        super().__init__()
        self.embed = Scaled(7, 6)


@pytest.mark.parametrize("epsilon", [0, -0.5, math.inf, math.nan])
def test_epsilon_must_be_positive_and_finite(epsilon):
    with pytest.raises(ValueError, match="epsilon"):
        FGM(epsilon)


@pytest.mark.parametrize(
    ("module", "callbacks", "message"),
    [
        (TwoMatrices(), [FGM(embeddings="*word*")], r"'\*word\*'.*embed, position"),
        (Manual(), [FGM()], "automatic optimization"),
        (OwnBatches(), [FGM()], "dataloader_iter"),
        (Overriding(), [FGM()], "embed, a Scaled"),
        (Bag(), [FGM(), FGM()], "FGM, FGM"),
    ],
)
def test_what_cannot_work_is_refused(module, callbacks, message):
    with pytest.raises(ValueError, match=message):
        fit(module, *callbacks)


# --- two processes


class Shares(Bag):
    """Each process takes its share of the same micro-batches."""

    def train_dataloader(self):
        rank, processes = self.trainer.global_rank, self.trainer.world_size
        shares = examples(2)[rank::processes]
        return DataLoader(shares, batch_size=4 // processes, shuffle=False)


class SaveGradients(Gradients):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_train_end(self, trainer, pl_module):
        if trainer.is_global_zero:
            torch.save(self.steps, self.path)


@pytest.mark.ddp
def test_two_processes_take_the_direction_of_the_whole_batch(tmp_path):
    def run(name, **options):
        kept = SaveGradients(tmp_path / name)
        fit(Shares(), FGM(EPSILON), kept, accumulate_grad_batches=2, **options)
        (step,) = torch.load(tmp_path / name)
        return step

    whole = run("one.pt")
    halves = run("two.pt", devices=2, strategy="ddp_spawn", use_distributed_sampler=False)
    assert_same(halves, whole)
