"""What a run measures: a split and weights that are there; failing, it loses nothing."""

import shutil

import pytest
from conftest import twin
from jsonargparse import Namespace

from zoo import checkpoint, cli, registry
from zoo.adversarial.module import Classifier
from zoo.checkpoint import card
from zoo.data.splits import SPLITS
from zoo.training.measurement import find_limits

NAME = "adversarial_fgm_poems"
SENTIMENT = "adversarial_fgm_sentiment"
RECIPE = str(registry.describe(NAME).recipe_path)


def fit(name, tmp_path, *options):
    cli.run(["fit", name, *twin(name), "--trainer.default_root_dir", str(tmp_path), *options])


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(registry.describe(NAME).checkpoint, tmp_path / "copy")


def test_a_missing_test_split_is_found_before_the_training(tmp_path):
    rows = [f"{text},{text[0]},{split}" for text in ("好书", "坏书") for split in SPLITS[:2]]
    (tmp_path / "own.csv").write_text("\n".join(["text,label,split", *rows * 9]), "utf-8")
    runs = tmp_path / "runs"
    with pytest.raises(ValueError, match=r"own\.csv has no rows of the split 'test'"):
        fit(SENTIMENT, runs, "--data.file", str(tmp_path / "own.csv"))
    for split in ("train", "valid"):
        (tmp_path / f"sentiment.{split}.data").write_text("好书\t1\n坏书\t0\n" * 9, "utf-8")
    with pytest.raises(FileNotFoundError, match=r"sentiment\.test\.data"):
        fit(SENTIMENT, runs, "--data.root", str(tmp_path))
    assert not list(runs.rglob("*.ckpt"))


@pytest.mark.train
def test_what_was_trained_is_kept_when_the_measuring_fails(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(Classifier, "test_step", broken)
    with pytest.raises(RuntimeError, match="no memory"):
        fit(NAME, tmp_path)
    kept = checkpoint.verify(tmp_path / NAME / "version_0" / "checkpoint")
    assert card.read_metrics(kept) == []
    card.check(kept)
    fit(NAME, tmp_path, "--trainer.limit_test_batches", "0")  # nobody wants it measured
    assert card.read_metrics(tmp_path / NAME / "version_1" / "checkpoint") == []


@pytest.mark.train
def test_the_card_says_that_a_part_was_measured(tmp_path, capsys):
    fit(NAME, tmp_path)
    told = "trainer.limit_test_batches is 2: what is measured is a part of the split"
    assert told in capsys.readouterr().out
    rows = card.read_metrics(tmp_path / NAME / "version_0" / "checkpoint")
    assert {row["split"] for row in rows} == {"part of test"}


@pytest.mark.parametrize("command", ["test", "validate"])
def test_a_recipe_is_not_measured_without_weights(command, folder):
    for recipe in (RECIPE, str(folder / "recipe.yaml")):
        with pytest.raises(ValueError, match=f"the recipe of {NAME} has no weights: give a model"):
            cli.run([command, recipe])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["test", "FOLDER", "--trainer.limit_test_batches", "1"], "limit_test_batches is 1, so"),
        (["test", "FOLDER", "--trainer.fast_dev_run", "true"], "fast_dev_run is True, so"),
        (["test", "FOLDER", "--reset", "head"], "expected `zoo test` of the weights"),
        (["test", RECIPE, "--ckpt_path", __file__], "expected `zoo test` of the weights"),
        (["test", RECIPE], "expected `zoo test` of the weights"),
        (["validate", "FOLDER"], "expected `zoo test` of the weights"),
        (["fit", NAME], "expected `zoo test` of the weights"),
        (["test", RECIPE, "--from", SENTIMENT], f"holds {SENTIMENT}, not {NAME}"),
    ],
)
def test_what_is_no_figure_of_a_folder_is_not_recorded(words, message, folder, monkeypatch):
    monkeypatch.setattr("zoo.training.resume.require_resumable", lambda *_: None)
    before = (folder / "metrics.json").read_bytes()
    words = [str(folder) if word == "FOLDER" else word for word in words]
    with pytest.raises(ValueError, match=message):
        cli.run([*words, "--record", "true", "--data.path", "null"])
    assert (folder / "metrics.json").read_bytes() == before


def test_the_figures_of_a_whole_split_are_recorded(folder, capsys):
    before = card.read_metrics(folder)
    cli.run(["test", str(folder), "--record", "true", "--data.path", "null"])
    assert f"recorded in {folder}" in capsys.readouterr().out
    after = card.read_metrics(checkpoint.verify(folder))
    new = [row for row in after if row not in before]
    assert {row["data"] for row in new} == {"Poems, embedded sample"}
    assert {row["split"] for row in new} == {"test"}


@pytest.mark.parametrize(
    ("subcommand", "option", "value"),
    [
        ("test", "limit_test_batches", 1),
        ("test", "limit_test_batches", 0.5),
        ("test", "limit_test_batches", 0),
        ("fit", "limit_test_batches", 2),
        ("validate", "limit_val_batches", 1),
        ("validate", "overfit_batches", 1),
        ("validate", "overfit_batches", 0.5),
        ("validate", "fast_dev_run", True),
        ("validate", "fast_dev_run", 3),
    ],
)
def test_a_part_of_a_split_is_known(subcommand, option, value):
    whole = {"overfit_batches": 0, "fast_dev_run": False, "limit_val_batches": None}
    whole |= {"limit_test_batches": 1.0}
    assert find_limits(subcommand, Namespace(whole)) == []
    given = Namespace(whole | {option: value})
    assert find_limits(subcommand, given) == [f"trainer.{option} is {value}"]
