"""The heads against mpmath at extreme logits, their theorems, and training against decoding."""

import copy
import math
import subprocess
import sys

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.decoding.cpu import heads as head_kernels
from zoo.decoding.engine.protocol import Contrastable
from zoo.decoding.generate import generate
from zoo.decoding.heads import EosHead, SelfTerminating, torch_step
from zoo.decoding.laboratory import Endless, endless, non_termination_ratio
from zoo.decoding.losses import log1mexp

mpmath.mp.dps = 60
GUARDED = ["self_terminating", "non_monotonic"]
KINDS = ["softmax", *GUARDED]
EOS = 2


def exact(kind, eps, logits):
    """Log-probabilities of one row, (time, vocabulary), by the papers' recursions in 60 digits."""
    eps, rows, going_on = mpmath.mpf(eps), [], mpmath.mpf(1)
    for t, step in enumerate(logits, 1):
        powers = [mpmath.exp(mpmath.mpf(x)) for x in step]
        sigmoid = 1 / (1 + mpmath.exp(-mpmath.mpf(step[EOS])))
        if kind == "softmax":
            on = 1 - powers[EOS] / mpmath.fsum(powers)
        elif kind == "self_terminating":
            going_on *= (1 - eps) * sigmoid
            on = going_on
        else:
            curve = 1 - (1 - eps) ** t
            on = 1 - ((1 - sigmoid) * curve + sigmoid)
        others = mpmath.fsum(p for v, p in enumerate(powers) if v != EOS)
        row = [mpmath.log(on * p / others) for p in powers]
        row[EOS] = mpmath.log(1 - on)
        rows.append([float(x) for x in row])
    return torch.tensor(rows)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("eps", [0.3, 1e-3, 1e-6])
@pytest.mark.parametrize("z", [0.0, 3.0, -3.0, 40.0, -40.0, 80.0, -80.0])
def test_log_probabilities_are_those_of_60_digits(kind, eps, z):
    torch.manual_seed(0)
    logits = 20 * torch.randn(1, 6, 5)
    logits[..., EOS] = z + torch.randn(6)
    found = EosHead(kind, EOS, eps).log_probabilities(logits)
    expected = exact(kind, eps, logits[0].tolist())
    torch.testing.assert_close(found[0], expected, rtol=3e-6, atol=1e-6)


@given(st.floats(-100, -1e-30))
def test_log1mexp_is_exact_near_zero_and_far_from_it(x):
    x = torch.tensor(x)
    expected = float(mpmath.log1p(-mpmath.exp(mpmath.mpf(x.item()))))
    assert log1mexp(x).item() == pytest.approx(expected, rel=1e-6, abs=1e-37)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("scale", [1, 10, 1000])
def test_probabilities_sum_to_one_in_every_precision(kind, dtype, scale):
    torch.manual_seed(1)
    logits = (scale * torch.randn(4, 50, 300)).to(dtype)
    log_p = EosHead(kind, EOS, 1e-4).log_probabilities(logits)
    total = log_p.double().exp().sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-6)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=40), st.floats(1e-6, 0.5))
def test_the_self_terminating_end_never_becomes_less_probable(z, eps):
    logits = torch.zeros(1, len(z), 4)
    logits[0, :, EOS] = torch.tensor(z)
    log_p = EosHead("self_terminating", EOS, eps).log_probabilities(logits)
    assert (log_p[0, :, EOS].diff() >= 0).all()


@pytest.mark.parametrize("kind", GUARDED)
@pytest.mark.parametrize("eps", [0.1, 1e-3])
def test_the_end_is_at_least_what_the_theorem_says_under_hostile_logits(kind, eps):
    time = 2000
    hostile = torch.full((1, time, 3), 1.0)
    hostile[..., EOS] = 100.0 if kind == "self_terminating" else -100.0
    log_p = EosHead(kind, EOS, eps).log_probabilities(hostile)
    least = 1 - (1 - eps) ** torch.arange(1, time + 1, dtype=torch.float64)
    assert (log_p[0, :, EOS].double().exp() >= least * (1 - 1e-5)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [0, 100, -100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_time_in_parallel_equals_step_by_step(kind, bias, dtype):
    torch.manual_seed(2)
    logits = 3 * torch.randn(3, 20, 7)
    logits[..., EOS] += bias
    logits = logits.to(dtype)
    head = EosHead(kind, EOS, 0.01)
    whole = head.log_probabilities(logits)
    carried = torch.zeros(3, 1)
    for t in range(20):
        step, carried = head.step(logits[:, t].clone(), carried)
        found = step.float().log_softmax(-1) if kind == "softmax" else step
        torch.testing.assert_close(found, whole[:, t], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("step", [head_kernels.step, torch_step])
@pytest.mark.parametrize("kind", GUARDED)
@pytest.mark.parametrize("bias", [0, 20, 60, -60])
def test_a_step_is_that_of_60_digits_by_kernels_and_by_torch(step, kind, bias):
    torch.manual_seed(5)
    logits = 20 * torch.randn(2, 30, 5)
    logits[..., EOS] += bias
    carried, log_kept = torch.zeros(2, 1), math.log1p(-1e-3)
    expected = torch.stack([exact(kind, 1e-3, row.tolist()) for row in logits])
    for t in range(30):
        strided = logits[:, t]  # rows that do not follow each other in memory
        found, carried = step(strided, carried, EOS, log_kept, kind == "self_terminating")
        torch.testing.assert_close(found, expected[:, t], rtol=3e-6, atol=2e-6)


def test_numba_is_loaded_by_who_decodes_with_a_head_alone():
    code = "import sys, zoo.decoding; assert 'numba' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("step", [head_kernels.step, torch_step])
def test_a_step_leaves_the_logits_of_the_model_as_they_are(step):
    shared = torch.tensor([1.0, 0.0, 2.0, 3.0])
    found, _ = step(shared.expand(3, -1), torch.zeros(3, 1), EOS, math.log1p(-1e-4), True)
    assert shared.tolist() == [1, 0, 2, 3]
    assert torch.equal(found, found[:1].expand(3, -1))


@pytest.mark.parametrize("step", [head_kernels.step, torch_step])
def test_an_end_outside_the_vocabulary_is_refused_before_anything_is_written(step):
    with pytest.raises(IndexError):
        step(torch.zeros(2, 4), torch.zeros(2, 1), 4, -0.1, True)
    with pytest.raises(ValueError, match="eos_id 8 is not in a vocabulary of 8"):
        generate(SelfTerminating(Endless(), eos_id=8), [[1], [2]])
    with pytest.raises(ValueError, match="eos_id is -1: token ids begin at 0"):
        EosHead("non_monotonic", -1)


def test_the_smallest_eps_moves_the_sum_at_the_point_where_greedy_ends():
    head = EosHead("self_terminating", EOS, 1e-7)
    carried = torch.full((1, 1), -math.log(2) + 1e-4)
    before = carried.item()
    _, carried = head.step(torch.tensor([[0.0, 0.0, 100.0]]), carried)
    assert carried.item() < before


def test_without_numba_operations_of_torch_do_the_same(monkeypatch):
    logits = torch.randn(2, 5)
    expected, _ = EosHead("non_monotonic", EOS).step(logits, torch.zeros(2, 1))
    monkeypatch.setitem(sys.modules, "zoo.decoding.cpu.heads", None)
    head = EosHead("non_monotonic", EOS)
    found, _ = head.step(logits, torch.zeros(2, 1))
    assert head._kernels is torch_step
    torch.testing.assert_close(found, expected)


def test_a_gradient_goes_through_a_step():
    logits = torch.randn(2, 5, requires_grad=True)
    log_p, _ = EosHead("self_terminating", EOS).step(logits, torch.zeros(2, 1))
    log_p[:, 0].sum().backward()
    assert logits.grad.abs().sum(1).min() > 0


def example(seed=3):
    """Logits, targets, counts: two rows with contexts of 2 and 4 tokens, one padded."""
    torch.manual_seed(seed)
    logits = torch.randn(2, 9, 6, dtype=torch.float64).float()
    targets = torch.tensor([[3, 4, 1, 5, EOS, 0, 0, 0, 0], [1, 1, 4, 3, 5, 3, 1, 4, EOS]])
    counted = torch.arange(1, 10) >= torch.tensor([[2], [4]])
    return logits, targets, counted


@pytest.mark.parametrize("kind", KINDS)
def test_training_sees_the_probabilities_of_decoding_from_the_end_of_the_context(kind):
    logits, targets, counted = example()
    head = EosHead(kind, EOS, 0.01)
    nats = head.nats(logits.clone(), targets, counted)
    for row, given_tokens in enumerate([2, 4]):
        own = slice(given_tokens - 1, None)
        log_p = head.log_probabilities(logits[row : row + 1, own])
        expected = -log_p[0].gather(1, targets[row, own, None])[:, 0]
        torch.testing.assert_close(nats[row, own], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_training_is_that_of_the_plain_formula(kind):
    logits, targets, counted = example()
    counted = torch.ones_like(counted)
    head = EosHead(kind, EOS, 0.01)
    weight = torch.rand(targets.shape) * (targets != 0)

    ours = logits.clone().requires_grad_()
    (head.nats(ours * 1, targets, counted) * weight).sum().backward()
    plain = logits.clone().requires_grad_()
    log_p = head.log_probabilities(plain)
    (-log_p.gather(2, targets[..., None])[..., 0] * weight).sum().backward()
    torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", GUARDED)
@pytest.mark.parametrize("z", [100.0, -100.0])
def test_gradients_are_finite_at_extreme_logits_and_within_the_context(kind, z):
    logits, targets, counted = example()
    logits[..., EOS] = z
    logits.requires_grad_()
    EosHead(kind, EOS, 1e-4).nats(logits * 1, targets, counted).sum().backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.any()


@pytest.mark.parametrize("kind", GUARDED)
@pytest.mark.parametrize("eps", [0.1, 0.01, 1e-3])
def test_greedy_stops_at_the_bound_on_logits_that_never_end(kind, eps):
    bound = EosHead(kind, EOS, eps).bound
    out = generate(endless(kind, eps, gap=1000.0), [[1]], max_new_tokens=bound + 5, eos_id=0)
    assert out.finished.item()
    assert bound - 1 <= out.lengths.item() <= bound + 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("token", [0, 3])
@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_a_head_shows_the_nan_of_its_model(kind, token, method):
    table = Endless()
    table.table[2, token] = math.nan
    model = SelfTerminating(table, eos_head=kind)
    with pytest.raises(ValueError, match="NaN or infinite at step 0, prompt 1"):
        generate(model, [[4], [2]], method=method, eos_id=0)


def test_the_bounds_are_those_of_the_post():
    found = [EosHead("non_monotonic", 0, eps).bound for eps in (1e-2, 1e-3, 1e-4, 1e-5)]
    assert found == [69, 693, 6932, 69315]
    assert EosHead("softmax", 0).bound == math.inf


@pytest.mark.parametrize("kind", GUARDED)
@pytest.mark.parametrize("beam", [2, 4])
def test_beam_search_stops_too(kind, beam):
    model = endless(kind, 0.01)
    out = generate(model, [[1], [4]], method="beam", beam=beam, max_new_tokens=1000, eos_id=0)
    assert out.finished.all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_carried_scalar_goes_with_its_beam(kind):
    """Scores of a beam are the log-probabilities of its tokens, read from the start."""
    torch.manual_seed(4)
    table = Endless(vocabulary=7)
    table.table = 2 * torch.randn(7, 7)
    model = SelfTerminating(table, 0.05, eos_head=kind)
    out = generate(model, [[1], [3]], method="beam", beam=4, n_best=4, max_new_tokens=6, eos_id=0)
    for i, (row, length) in enumerate(zip(out.sequences, out.lengths, strict=True)):
        tokens = row[:length].tolist()
        before = torch.tensor([[1], [3]][i // 4] + tokens[:-1])
        log_p = model.eos_head.log_probabilities(table.table[before][None])
        expected = log_p[0].gather(1, row[:length, None]).sum()
        assert out.log_probs[i].sum().item() == pytest.approx(expected.item(), rel=1e-4)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="eos_head is 'sigmoid': expected one of softmax"):
        SelfTerminating(Endless(), eos_head="sigmoid")
    for eps in (0, 1, -0.1, math.nan, 9e-8):
        with pytest.raises(ValueError, match="expected a number from 1e-07 to below 1"):
            SelfTerminating(Endless(), eps)
    model = Endless()
    model.eos_id = None
    with pytest.raises(ValueError, match="Endless has no eos_id: name the end with eos_id="):
        SelfTerminating(model)
    with pytest.raises(ValueError, match="a head has one end, not 2"):
        SelfTerminating(model, eos_id=[0, 1])
    with pytest.raises(ValueError, match="eos_id is '</s>': expected a token id"):
        SelfTerminating(model, eos_id="</s>")
    model.vocabulary = 8
    with pytest.raises(ValueError, match="eos_id 8 is not in a vocabulary of 8"):
        SelfTerminating(model, eos_id=8)


def tiny_gpt2():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    shape = {"n_positions": 200, "n_embd": 16, "n_layer": 1, "n_head": 2}
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=30, bos_token_id=EOS, eos_token_id=EOS, **shape)
    ).eval()


def test_a_head_hides_neither_the_positions_nor_the_hidden_states_of_its_model():
    gpt2 = tiny_gpt2()
    model = SelfTerminating(gpt2, eos_id=EOS)
    with pytest.raises(ValueError, match="do not fit into the model's 200 positions"):
        generate(model, [[5] * 190], max_new_tokens=20)
    softmax = SelfTerminating(gpt2, eos_head="softmax", eos_id=EOS)
    options = {"method": "contrastive", "max_new_tokens": 20, "eos_id": EOS}
    prompts = [[5, 6], [7]]
    expected = generate(gpt2, prompts, **options)
    assert generate(softmax, prompts, **options).to_lists() == expected.to_lists()
    short = SelfTerminating(gpt2, 0.1, eos_head="non_monotonic", eos_id=EOS)
    assert generate(short, prompts, **{**options, "alpha": 0}).finished.all()
    assert not isinstance(SelfTerminating(Endless()), Contrastable)
    with pytest.raises(ValueError, match="has no `hidden`"):
        generate(SelfTerminating(Endless()), prompts, method="contrastive")


def test_a_transformers_model_gets_a_head_that_stops_it():
    gpt2 = tiny_gpt2()
    options = {"eos_id": EOS, "max_new_tokens": 150}
    plain = generate(gpt2, [[5, 6], [7]], **options)
    softmax = SelfTerminating(gpt2, eos_head="softmax", eos_id=EOS)
    assert generate(softmax, [[5, 6], [7]], **options).to_lists() == plain.to_lists()
    for kind in GUARDED:
        model = SelfTerminating(gpt2, 0.01, eos_head=kind, eos_id=EOS)
        out = generate(model, [[5, 6], [7]], **options)
        assert out.finished.all()
        assert out.lengths.max() <= model.eos_head.bound


def test_a_head_decodes_the_weights_of_its_model_as_they_are_now():
    gpt2 = tiny_gpt2()
    model = SelfTerminating(gpt2, 0.01, eos_id=EOS)
    assert len(list(model.parameters())) == len(list(gpt2.parameters()))
    before = generate(model, [[5, 6], [7]], max_new_tokens=20)
    with torch.no_grad():
        for weight in gpt2.parameters():
            weight += 0.5 * torch.randn_like(weight)
    after = generate(model, [[5, 6], [7]], max_new_tokens=20)
    anew = generate(
        SelfTerminating(copy.deepcopy(gpt2), 0.01, eos_id=EOS), [[5, 6], [7]], max_new_tokens=20
    )
    assert torch.equal(after.log_probs, anew.log_probs)
    assert not torch.equal(after.log_probs, before.log_probs)
    copied = copy.deepcopy(model)
    assert torch.equal(generate(copied, [[5, 6], [7]], max_new_tokens=20).scores, anew.scores)
    with pytest.raises(ValueError, match="in training mode"):
        generate(model.train(), [[5]])
    with pytest.raises(ValueError, match="gives log-probabilities: a head wants logits"):
        SelfTerminating(model.eval(), eos_id=EOS)


def test_the_end_of_a_transformers_model_is_that_of_its_settings():
    gpt2 = tiny_gpt2()
    model = SelfTerminating(gpt2, eps=0.05)
    assert model.eos_id == EOS
    found = non_termination_ratio(model, [[5, 6], [7]], limit=100)
    assert all(ending.ratio == 0 for ending in found.values())
    gpt2.generation_config.eos_token_id = [EOS, 3]
    ending = non_termination_ratio(gpt2, [[5, 6]] * 50, limit=150)["ancestral"]
    assert {row[-1] for row in ending.sequences} == {EOS, 3}
    gpt2.generation_config.eos_token_id = None
    with pytest.raises(ValueError, match="GPT2LMHeadModel has no eos_id: name the end with eos_id"):
        SelfTerminating(gpt2)
