"""FGM without Lightning: a plain loop and the Trainer of transformers, beside the callback."""

import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from bag import EPSILON, LABELS, TOKENS, Bag, Gradients, assert_same, fit
from torch import nn
from torch.nn import functional as F

from zoo.adversarial import FGM, PGD, FreeLB, attacked

transformers = pytest.importorskip("transformers")


def gradients(model):
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("options", [{}, {"space": "sequence"}, {"loss": "both"}, {"norm": "linf"}])
@pytest.mark.parametrize("method", [FGM, PGD])
def test_a_plain_loop_has_the_gradients_of_the_callback(method, options):
    kept = Gradients()
    fit(Bag(), method(EPSILON, **options), kept)
    net = Bag()
    with attacked(net, method(EPSILON, **options)) as backward:
        loss = backward(lambda: F.cross_entropy(net(TOKENS), LABELS))
    assert_same(gradients(net), kept.steps[0])
    assert not loss.requires_grad
    assert not any(layer._forward_hooks for layer in net.modules())


def test_accumulated_and_scaled_losses_are_those_of_the_callback():
    kept = Gradients()
    fit(Bag(), FGM(EPSILON), kept, batch_size=2, accumulate_grad_batches=2)
    net = Bag()
    with attacked(net, FGM(EPSILON)) as backward:
        for tokens, labels in zip(TOKENS.split(2), LABELS.split(2), strict=True):
            backward(lambda t=tokens, y=labels: 1024 * F.cross_entropy(net(t), y) / 2)
    for p in net.parameters():
        p.grad /= 1024
    assert_same(gradients(net), kept.steps[0])


def test_both_passes_see_the_same_dropout_masks():
    """At a tiny shift the adversarial loss is the clean one, if the masks are the same."""
    net = nn.Sequential(nn.Embedding(7, 6), nn.Dropout(0.5), nn.Flatten(), nn.Linear(24, 2))
    torch.manual_seed(3)
    expected = F.cross_entropy(net(TOKENS), LABELS)
    torch.manual_seed(3)
    with attacked(net, FGM(1e-7)) as backward:
        found = backward(lambda: F.cross_entropy(net(TOKENS), LABELS))
    torch.testing.assert_close(found, expected.detach())


@pytest.mark.parametrize("space", ["matrix", "sequence"])
def test_a_random_start_differs_by_step(space):
    net, seen = Bag(), []
    net.embed.register_forward_hook(lambda layer, args, output: seen.append(output.detach()))
    with attacked(net, PGD(0.5, steps=1, random_start=True, space=space)) as backward:
        for _ in range(2):
            backward(lambda: F.cross_entropy(net(TOKENS), LABELS))
    assert not torch.allclose(seen[0], seen[2])


def test_a_random_start_leaves_the_dropout_masks_alone():
    net, masks = Bag(), []

    def loss():
        found = F.cross_entropy(net(TOKENS), LABELS)
        masks.append(F.dropout(torch.ones(20)))
        return found

    with attacked(net, PGD(0.5, steps=1, random_start=True)) as backward:
        for _ in range(2):
            backward(loss)
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_nothing_is_shifted_outside_of_backward():
    net = Bag().eval()
    before = net(TOKENS)
    with attacked(net, FGM(EPSILON)) as backward:
        backward(lambda: F.cross_entropy(net(TOKENS), LABELS))
        assert torch.equal(net(TOKENS), before)
        with pytest.raises(ZeroDivisionError):
            backward(lambda: F.cross_entropy(net(TOKENS), LABELS) / 0 if 1 / 0 else None)
        assert torch.equal(net(TOKENS), before)


def test_a_step_that_failed_leaves_no_gradient_to_the_next():
    def broken():
        if next(calls):
            raise ZeroDivisionError
        return F.cross_entropy(net(TOKENS), LABELS)

    net, twin, calls = Bag(), Bag(), itertools.count()
    with attacked(net, FGM(EPSILON, loss="both")) as backward:
        with pytest.raises(ZeroDivisionError):
            backward(broken)
        backward(lambda: F.cross_entropy(net(TOKENS), LABELS))
    with attacked(twin, FGM(EPSILON, loss="both")) as backward:
        backward(lambda: F.cross_entropy(twin(TOKENS), LABELS))
    assert_same(gradients(net), gradients(twin))


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (FreeLB(), "expected FGM or PGD"),
        (FGM(warmup=3), "warmup is 3"),
        (FGM(every=2), "every is 2"),
        (FGM(embeddings="nowhere"), "embeddings is 'nowhere'"),
    ],
)
def test_what_needs_lightning_is_refused(attack, message):
    with pytest.raises(ValueError, match=message), attacked(Bag(), attack):
        pass


# --- the Trainer of transformers


def bert():
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return transformers.BertForSequenceClassification(config)


class Examples(list):
    """The examples, and in which order they were asked for."""

    def __init__(self):
        rows = zip(TOKENS, LABELS, strict=True)
        super().__init__({"input_ids": tokens, "labels": label} for tokens, label in rows)
        self.order = []

    def __getitem__(self, index):
        self.order.append(index)
        return super().__getitem__(index)


def train(model, *callbacks, folder, **options):
    pytest.importorskip("accelerate")
    arguments = transformers.TrainingArguments(
        folder, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True, **options
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = {"train_dataset": Examples(), "eval_dataset": Examples()}
    trainer = transformers.Trainer(model, arguments, callbacks=[*callbacks], **data)
    trainer.optimizer = optimizer
    trainer.lr_scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    trainer.train()
    return trainer


@pytest.mark.parametrize("pieces", [1, 2])
def test_the_trainer_of_transformers_takes_the_steps_of_a_plain_loop(pieces, tmp_path):
    from zoo.adversarial import TrainerAttack

    pattern = "*word_embeddings"
    model, twin = bert(), bert()
    options = {
        "per_device_train_batch_size": 4 // pieces,
        "gradient_accumulation_steps": pieces,
        "max_steps": 1,
        "max_grad_norm": 0.0,
        "eval_strategy": "steps",
        "eval_steps": 1,
    }
    trainer = train(model, TrainerAttack(FGM(2.0, embeddings=pattern)), folder=tmp_path, **options)
    assert "forward" not in vars(model)
    # it leaves the division to a model that is told the number of labels, as BERT is and does not
    share = 1 if trainer.model_accepts_loss_kwargs else 1 / pieces
    with attacked(twin.train(), FGM(2.0, embeddings=pattern)) as backward:
        for rows in torch.tensor(trainer.train_dataset.order[:4]).split(4 // pieces):
            given = {"input_ids": TOKENS[rows], "labels": LABELS[rows]}
            backward(lambda given=given: share * twin(**given).loss)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        expected = theirs if theirs.grad is None else theirs - 0.1 * theirs.grad
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)
    clean = model.eval()(input_ids=TOKENS, labels=LABELS).loss.item()
    evaluated = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    assert evaluated == pytest.approx([clean], abs=1e-5)


def test_a_loss_that_is_not_the_models_is_refused(tmp_path):
    from zoo.adversarial import TrainerAttack

    with pytest.raises(ValueError, match="gives no loss"):
        train(bert(), TrainerAttack(FGM()), folder=tmp_path, label_smoothing_factor=0.1)
    with pytest.raises(ValueError, match="'both'"):
        TrainerAttack(FGM(loss="both"))


def test_the_models_own_kind_of_output_is_given_back():
    from zoo.adversarial import TrainerAttack

    callback, model = TrainerAttack(FGM()), bert().train()
    callback.on_train_begin(SimpleNamespace(n_gpu=1), None, None, model)
    assert model(input_ids=TOKENS, labels=LABELS).loss.requires_grad
    callback.on_train_end()


def test_several_gpus_of_one_process_are_refused():
    from zoo.adversarial import TrainerAttack

    with pytest.raises(ValueError, match=r"args\.n_gpu is 2: .*torchrun --nproc-per-node 2"):
        TrainerAttack(FGM()).on_train_begin(SimpleNamespace(n_gpu=2), None, None, bert())


# --- several processes

SCRIPT = """
import os, sys, torch
sys.path.insert(0, sys.argv[3])
from bag import EPSILON, LABELS, TOKENS, Bag
from torch import distributed
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from zoo.adversarial import FGM, attacked

net, rank, processes = Bag(), 0, int(sys.argv[2])
model = net
if processes > 1:
    distributed.init_process_group("gloo")
    rank, model = distributed.get_rank(), DistributedDataParallel(net)
with attacked(model, FGM(EPSILON, loss="both")) as backward:
    mine = slice(rank, None, processes)
    backward(lambda: F.cross_entropy(model(TOKENS[mine]), LABELS[mine]))
if rank == 0:
    torch.save({n: p.grad for n, p in net.named_parameters()}, sys.argv[1])
if processes > 1:
    distributed.barrier()
    os._exit(0)  # at a usual end gloo's threads have aborted a process of a busy machine
"""


@pytest.mark.ddp
@pytest.mark.slow
def test_two_processes_of_a_plain_loop_equal_one(tmp_path):
    script = tmp_path / "loop.py"
    script.write_text(SCRIPT)
    one, two, here = tmp_path / "one.pt", tmp_path / "two.pt", str(Path(__file__).parent)
    subprocess.run([sys.executable, script, one, "1", here], check=True)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    subprocess.run([*launcher, "--standalone", script, two, "2", here], check=True)
    assert_same(torch.load(two), torch.load(one), rtol=1e-5, atol=1e-6)
