"""The test of a linker in a trainer: what is measured, and on which texts."""

import json

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy
from two_processes import as_launched, on_two_processes

from zoo.linking.baselines import oracle
from zoo.linking.calibration import Calibration
from zoo.linking.corpora import LabelledTexts
from zoo.linking.metrics import LinkScores, ladder
from zoo.linking.module import TransformerLinking, update

ENTITIES = {"1": ["甲"], "2": ["甲"], "3": ["乙"]}
MARKS = [[], ["1"], [], ["1", "2"], [None], ["2"], []]  # of a text 甲、甲、 what each 甲 means


def corpus(folder, **marks):
    """Return labelled texts of a folder, those of MARKS in each split that is not given."""
    lines = [json.dumps({"id": id_, "names": names}) for id_, names in ENTITIES.items()]
    (folder / "kb.jsonl").write_text("\n".join(lines))
    for split in ("train", "valid", "test"):
        lines = [
            {
                "text": "甲、" * (1 + len(of)),
                "mentions": [
                    {"start": 2 * i, "end": 2 * i + 1, "entity": e} for i, e in enumerate(of)
                ],
            }
            for of in marks.get(split, MARKS)
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return LabelledTexts(root=str(folder), batch_size=1)


def measured(data, world=1, **limits):
    """Return the linker and the figures of a test."""
    torch.manual_seed(0)
    module = TransformerLinking(data.vocabulary, width=8, depth=1, heads=2)
    strategy = DDPStrategy(process_group_backend="gloo") if world > 1 else "auto"
    options = {"accelerator": "cpu", "devices": world, "strategy": strategy, **limits}
    quiet = ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary")
    trainer = Trainer(**options, **dict.fromkeys(quiet, False))
    (figures,) = trainer.test(module, data, verbose=False)
    return module.net.eval(), figures


@pytest.mark.parametrize(
    ("limits", "texts"), [({}, 7), ({"limit_test_batches": 1}, 3), ({"limit_test_batches": 3}, 4)]
)
def test_the_ladder_is_of_the_texts_that_are_tested(tmp_path, limits, texts):
    data = corpus(tmp_path)
    net, figures = measured(data, **limits)
    for step, values in ladder(net, data.texts("test")[:texts]).items():
        assert figures[f"test_{step}_f1"] == pytest.approx(values["f1"])


def on_a_rank(rank, folder):
    as_launched(rank)
    return measured(LabelledTexts(root=folder, batch_size=1), world=2)[1]


@pytest.mark.ddp
def test_two_processes_measure_what_one_does(tmp_path):
    """Five questions, so that one process has more than the other."""
    _, alone = measured(corpus(tmp_path))
    for figures in on_two_processes(on_a_rank, str(tmp_path)):
        for name in alone.keys() - {"test_random_accuracy", "test_random_accuracy_with_nil"}:
            assert figures[name] == pytest.approx(alone[name], abs=1e-6), name


def test_without_a_validation_mention_to_answer_the_calibration_stays(tmp_path):
    data = corpus(tmp_path, valid=[["3"]])  # which is no candidate of 甲
    with pytest.warns(UserWarning, match="no validation mention can be answered"):
        net, _ = measured(data)
    assert net.calibration == data.attachments["calibration"] == Calibration()


def test_the_oracle_is_a_ceiling_with_nil_too(tmp_path):
    data = corpus(tmp_path, test=[["1", None, "3", "of another base"]])
    batch = data.collate(data.read("test"))
    scores = LinkScores()
    update(scores, batch, oracle(batch), Calibration())
    figures = scores.compute()
    assert figures["accuracy"] == 0.5  # 3 is no candidate, so whatever is said is wrong
    assert figures["accuracy_with_nil"] == 0.75


@pytest.mark.parametrize("negatives", [-1, 1.5])
def test_a_number_of_negatives_is_checked(negatives):
    with pytest.raises(ValueError, match=r"negatives is .* expected a whole number"):
        LabelledTexts(negatives=negatives)
