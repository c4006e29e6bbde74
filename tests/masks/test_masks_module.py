import math
from collections import Counter

import pytest
import torch
from lightning.pytorch import Trainer

from zoo.data.text import Passage
from zoo.masks.data import MaskedText, Poems
from zoo.masks.module import MaskedModel

TINY = {"width": 32, "depth": 2, "heads": 2, "dropout": 0.0}


class Antonyms(MaskedText):
    """Six pairs to learn by heart."""

    def read(self, split):
        pairs = [
            ("大的", "小"),
            ("黑夜", "白天"),
            ("上", "下"),
            ("来了", "去"),
            ("冷", "热"),
            ("真真", "假假假假"),
        ]
        return [Passage(*pair) for pair in pairs]


def trainer(steps, folder, **options):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(
        accelerator="cpu", max_steps=steps, default_root_dir=folder, num_sanity_val_steps=0,
        limit_val_batches=0, enable_checkpointing=False, **quiet, **options,
    )  # fmt: skip


@pytest.mark.train
def test_pairs_are_learnt_by_heart_and_scored_as_such(tmp_path):
    torch.manual_seed(0)
    data = Antonyms(batch_size=6, max_length=16, min_count=1)
    module = MaskedModel(data.vocabulary, **TINY, lr=1e-2, beams=[1, 3], max_length=6)
    run = trainer(120, tmp_path)
    run.fit(module, data)
    (scores,) = run.test(module, data, verbose=False)
    assert scores["test_bits_unilm"] < 0.1
    for kind in ("greedy", "beam3"):
        assert scores[f"test_rouge_l_{kind}"] == pytest.approx(100, abs=1e-3)
        assert scores[f"test_rouge_1_{kind}"] == pytest.approx(100, abs=1e-3)


@pytest.mark.train
@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("masked", {}),
        ("causal", {}),
        ("reverse", {}),
        ("prefix", {}),
        ("permutation", {"targets": 512}),
        ("two_stream", {"two_stream": True}),
    ],
)
def test_every_objective_learns_from_poems(objective, options, tmp_path):
    torch.manual_seed(0)
    data = Poems(batch_size=16, min_count=50, max_length=64)
    module = MaskedModel(data.vocabulary, {objective: 1.0}, **TINY, **options, lr=3e-3)
    run = trainer(25, tmp_path, limit_test_batches=2)
    key = f"test_bits_{objective}"
    before = run.test(module, data, verbose=False)[0][key]
    assert before == pytest.approx(math.log2(data.vocabulary), abs=0.2)
    run.fit(module, data)
    assert run.test(module, data, verbose=False)[0][key] < before - 0.5


def test_the_bits_are_a_mean_over_predictions_not_over_batches(tmp_path):
    torch.manual_seed(0)
    one, many = Antonyms(batch_size=6, min_count=1), Antonyms(batch_size=4, min_count=1)
    module = MaskedModel(one.vocabulary, {"causal": 1.0}, **TINY)
    run = trainer(1, tmp_path)
    found = [run.test(module, data, verbose=False)[0]["test_bits_causal"] for data in (one, many)]
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_a_step_draws_its_objective_by_weight_and_again_the_same():
    weights = {"masked": 2.0, "prefix": 1.0, "causal": 1.0}
    module = MaskedModel(50, weights, **TINY)
    drawn = [module._drawn(step) for step in range(2000)]
    assert drawn == [module._drawn(step) for step in range(2000)]
    share = {name: count / 2000 for name, count in Counter(drawn).items()}
    assert share == pytest.approx({"masked": 0.5, "prefix": 0.25, "causal": 0.25}, abs=0.05)


def test_a_weight_may_be_a_whole_number():
    assert MaskedModel(50, {"causal": 1}, **TINY)._drawn(0) == "causal"


def test_biases_and_norms_do_not_decay():
    module = MaskedModel(50, **TINY)
    module.trainer = type("Steps", (), {"estimated_stepping_batches": 10})()
    optimizer = module.configure_optimizers()["optimizer"]
    decayed = {
        id(p) for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]
    }
    for name, parameter in module.named_parameters():
        assert (id(parameter) in decayed) == (parameter.dim() == 2), name


@pytest.mark.parametrize(
    ("objectives", "words"),
    [
        ({"mlm": 1.0}, "no objective 'mlm'"),
        ({"causal": 0.0}, "the weight of causal is 0.0"),
        ({"causal": math.nan}, "the weight of causal is nan"),
        ({"causal": math.inf}, "the weight of causal is inf"),
        ({"permutation": 1.0}, "set targets"),
        ({"two_stream": 1.0}, "set two_stream to true"),
    ],
)
def test_impossible_objectives_are_refused(objectives, words):
    with pytest.raises(ValueError, match=words):
        MaskedModel(50, objectives, **TINY)
