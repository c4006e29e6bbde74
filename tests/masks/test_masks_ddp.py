"""Two processes train and evaluate as one does, though masks, prefixes and orders are drawn."""

import logging
import warnings

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy
from two_processes import as_launched, on_two_processes

from zoo.data.text import Passage
from zoo.masks.classification.data import ClassifiedTexts, LabelledText
from zoo.masks.classification.module import ClassificationModel
from zoo.masks.data import MaskedText
from zoo.masks.module import MaskedModel
from zoo.masks.objectives import OBJECTIVES

TINY = {"width": 16, "depth": 1, "heads": 2, "dropout": 0.0, "positions": 32}
LINES = ["春眠不觉晓", "处处", "闻啼鸟夜来风", "雨声花", "白日", "依山尽黄河入海", "欲穷"]


class Couplets(MaskedText):
    """Seven pairs of different lengths, so that the last batches differ between processes."""

    def read(self, split):
        return [Passage(line, line[::-1][:3]) for line in LINES]


class Verdicts(ClassifiedTexts):
    """The same lines, short and long."""

    labels, classes = ["short", "long"], 2

    def read(self, split):
        return [LabelledText(line, int(len(line) > 4)) for line in LINES]


def masked(**options):
    data = Couplets(min_count=1, max_length=32, **options)
    shape = {**TINY, "targets": 32, "two_stream": True}
    return MaskedModel(data.vocabulary, dict.fromkeys(OBJECTIVES, 1.0), **shape, seed=1), data


def classifier(**options):
    data = Verdicts(min_count=1, max_length=32, **options)
    return ClassificationModel(data.vocabulary, **TINY), data


def fit(build, world):
    """Return the weights and the measures of twelve epochs, in 64 bits."""
    torch.manual_seed(0)
    module, data = build(batch_size=4 // world)
    quiet = ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary")
    trainer = Trainer(
        accelerator="cpu",
        devices=world,
        strategy=DDPStrategy(process_group_backend="gloo") if world > 1 else "auto",
        max_epochs=12,
        precision="64-true",
        num_sanity_val_steps=0,
        **dict.fromkeys(quiet, False),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(module, data)
    return module.state_dict(), dict(trainer.callback_metrics)


def fit_on_a_rank(rank):
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    as_launched(rank)
    return [fit(build, 2) for build in (masked, classifier)]


@pytest.mark.ddp
def test_two_processes_have_the_weights_and_the_measures_of_one():
    for build, first, second in zip(
        (masked, classifier), *on_two_processes(fit_on_a_rank), strict=True
    ):
        weights, measures = fit(build, 1)
        assert "train_loss" in measures
        for found in (first, second):
            torch.testing.assert_close(found[0], weights, rtol=1e-7, atol=1e-9)
            assert found[1].keys() == measures.keys()
            assert all(found[1][name] == pytest.approx(measures[name]) for name in measures)
