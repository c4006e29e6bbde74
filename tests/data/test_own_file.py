"""A file of one's own in place of a recipe's corpus: splits, labels, remarks, cards."""

import json
from collections import Counter

import pytest
import torch
from conftest import assemble, twin
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo import checkpoint, cli
from zoo.adversarial.data import Poems, Sentiment
from zoo.checkpoint import card
from zoo.data.splits import SPLITS, divide
from zoo.decoding.data import Poems as PoemsToContinue
from zoo.linking.corpora import Poets
from zoo.masks.classification.data import Reviews
from zoo.masks.data import Titles

SENTIMENT = "adversarial_fgm_sentiment"
KINDS = {"体育": "球赛冠军", "美食": "菜饭汤香", "科技": "芯片电脑"}


def write_reviews(path, count=60, kinds=KINDS):
    rows = [(list(kinds)[i % len(kinds)], i) for i in range(count)]
    lines = [f"{kinds[kind]}{i},{kind}" for kind, i in rows]
    path.write_text("\n".join(["text,label", *lines]), "utf-8")
    return str(path)


@given(st.lists(st.sampled_from("abc"), min_size=10, max_size=90), st.integers())
def test_rows_are_in_one_split_each_and_frequent_kinds_in_all(kinds, seed):
    rows = list(enumerate(kinds))
    parts = divide(rows, kinds, seed, "file")
    assert parts == divide(rows, kinds, seed, "file")
    assert sorted(row for part in parts.values() for row in part) == rows
    assert len(parts["test"]) == len(rows) // 10
    for kind, n in Counter(kinds).items():
        for split, share in (("train", 8), ("valid", 1), ("test", 1)):
            assert abs(sum(k == kind for _, k in parts[split]) - share * n / 10) < 2, split


def test_another_seed_is_another_split(tmp_path):
    file = write_reviews(tmp_path / "a.csv")
    first, again, other = (Sentiment(file=file, seed=seed).own["test"] for seed in (0, 0, 1))
    assert first == again != other


def test_the_techniques_take_the_same_file_alike(tmp_path):
    file = write_reviews(tmp_path / "a.csv")
    ours, theirs = Sentiment(file=file), Reviews(file=file)
    assert ours.labels == theirs.labels == sorted(KINDS)
    for split in SPLITS:
        assert ours.examples(split) == [example[:2] for example in theirs.examples(split)]
    assert ours.title == Poems(file=file).title == "a.csv"


def test_a_column_says_which_split_a_row_is_of(tmp_path):
    lines = ["text,label,split", *[f"{i},{i % 2},{SPLITS[i % 3]}" for i in range(12)]]
    (tmp_path / "a.csv").write_text("\n".join(lines), "utf-8")
    data = Sentiment(file=str(tmp_path / "a.csv"))
    assert data.examples("valid") == [(str(i), i % 2) for i in (1, 4, 7, 10)]
    (tmp_path / "a.csv").write_text("text,label,split\n好,1,train\n坏,0,tset\n", "utf-8")
    with pytest.raises(ValueError, match="split is tset: expected one of train, valid, test"):
        Sentiment(file=str(tmp_path / "a.csv")).examples("test")
    (tmp_path / "a.csv").write_text("text,label,split\n好,1,train\n坏,0,train\n", "utf-8")
    with pytest.raises(ValueError, match="has no rows of the split 'test'"):
        Sentiment(file=str(tmp_path / "a.csv")).held_out("test")


def test_a_length_that_is_given_goes_before_the_checkpoints(tmp_path):
    saved = tmp_path / "preprocess.json"
    saved.write_text('{"class": "x", "vocabulary": ["a"], "max_length": 4}', "utf-8")
    file = write_reviews(tmp_path / "a.csv")
    for longest, length in ((None, 4), (6, 6)):
        data = Sentiment(file=file, preprocess=str(saved), max_length=longest)
        assert data.preprocess.max_length == data.length(("a" * 9, 0)) == length
    assert Sentiment(file=file).preprocess.max_length == 192


def test_what_is_odd_is_told(tmp_path):
    rows = [["短", "a"]] * 90 + [["长" * 9, "b"]] * 5 + [["", "b"], ["好", " "], ["单", "c"]]
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), "utf-8")
    file = str(tmp_path / "a.jsonl")
    for data in (Sentiment(file=file, max_length=6), Reviews(file=file, max_length=6)):
        told = data.remarks()
        assert told[0] == "a.jsonl: 78 train, 9 valid, 9 test"
        assert "2 rows without text or label are left out" in told[1]
        assert "5 of 96 texts are longer" in told[2]
        assert "3 labels in training: a 72" in told[3]
        assert "'a' always is right of 9" in told[-1]
    marked = ["text,label,split", "好,1,train", "坏,0,train", "中,2,test", "中,2,valid"]
    (tmp_path / "a.csv").write_text("\n".join(marked), "utf-8")
    told = Sentiment(file=str(tmp_path / "a.csv")).remarks()
    assert told[-1] == "a.csv: not in training, so not learned: 2"
    assert Sentiment().remarks() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\n" + "好,1\n" * 20, "has the one label '1': give two or more"),
        ("text,label\n好,1\n坏,0\n", "has 2 examples: give 10 or more, to split"),
        ('text,label\n好,"a\nb"\n', "has the label 'a.nb': expected one line"),
    ],
)
def test_a_file_that_nothing_can_be_learned_from_is_refused(content, message, tmp_path):
    (tmp_path / "a.csv").write_text(content, "utf-8")
    data = Sentiment(file=str(tmp_path / "a.csv"))
    with pytest.raises(ValueError, match=message):
        data.labels, data.own  # noqa: B018


def test_data_that_are_no_table_refuse_one():
    with pytest.raises(ValueError, match=r"file is a\.csv: Poets has no use for a table"):
        Poets(file="a.csv")


def test_a_line_is_continued_from_its_first_clause(tmp_path):
    lines = ["白日依山尽，黄河入海流。", "无标点", "只有一句。", "Go, now. Yes"] * 3
    (tmp_path / "a.txt").write_text("\n".join(lines), "utf-8")
    found = {
        passage
        for part in PoemsToContinue(file=str(tmp_path / "a.txt")).own.values()
        for passage in part
    }
    assert found == {
        ("白日依山尽，", "黄河入海流。"),
        ("", "无标点"),
        ("", "只有一句。"),
        ("Go,", " now. Yes"),
    }


def test_sources_and_targets_of_a_table_are_pairs(tmp_path):
    (tmp_path / "a.tsv").write_text("target\tsource\n" + "题\t文章\n" * 10, "utf-8")
    data = Titles(file=str(tmp_path / "a.tsv"), min_count=1)
    assert data.held_out("test") == [("文章", "题")]
    assert data.remarks() == ["a.tsv: 8 train, 1 valid, 1 test"]
    data = Titles(file=str(tmp_path / "a.tsv"), min_count=1, max_target=1)
    assert "10 of 10 texts are longer" in data.remarks()[1]


def fit(name, tmp_path, *options):
    output = tmp_path / "made"
    words = ["--trainer.default_root_dir", str(tmp_path), "--output", str(output)]
    cli.run(["fit", name, *twin(name), *options, *words])
    card.check(output)
    return output


@pytest.mark.train
@pytest.mark.parametrize("name", [SENTIMENT, "masks_classifier_sentiment"])
def test_a_classifier_is_trained_tested_and_tuned_on_a_table(name, tmp_path, capsys):
    file = write_reviews(tmp_path / "mine.csv")
    folder = fit(name, tmp_path, "--data.file", file)
    assert "mine.csv: 48 train, 6 valid, 6 test" in capsys.readouterr().out
    net = zoo.load(folder)
    assert net.labels == sorted(KINDS)
    assert net.predict(["球赛"])[0].label in KINDS
    text = (folder / "README.md").read_text("utf-8")
    assert f"# {name} on mine.csv\n" in text
    assert f"Its labels: {', '.join(sorted(KINDS))}." in text
    assert zoo.describe(name).summary not in text
    assert {row["data"] for row in card.read_metrics(folder)} == {"mine.csv"}

    two = dict(list(KINDS.items())[:2])
    part = write_reviews(tmp_path / "part.csv", 40, two)  # labels that the checkpoint knows
    cli.run(["test", str(folder), "--data.file", part])
    other = write_reviews(tmp_path / "other.csv", 40, {"好": "好好", "坏": "坏坏", "中": "中"})
    with pytest.raises(ValueError, match=r"labels of the data are 中, 坏, 好.*--reset head"):
        cli.run(["test", str(folder), "--data.file", other])
    output = tmp_path / "tuned"
    words = ["--from", str(folder), "--trainer.default_root_dir", str(tmp_path)]
    words += ["--data.file", other, "--reset", "head", "--output", str(output)]
    cli.run(["fit", name, *twin(name), *words])
    assert zoo.load(output).labels == ["中", "坏", "好"]
    text = (output / "README.md").read_text("utf-8")
    assert f"Fine-tuned from {name} on mine.csv." in text
    assert str(tmp_path) not in text.replace(f"--data.file {other}", "")


@pytest.mark.train
def test_a_language_model_is_trained_on_lines(tmp_path):
    (tmp_path / "lines.txt").write_text("春花秋月，往事知多少。\n" * 40, "utf-8")
    options = ["--data.min_count", "1", "--data.file", str(tmp_path / "lines.txt")]
    folder = fit("decoding_lstm_poems", tmp_path, *options)
    assert "春" in zoo.load(folder).preprocess.to_dict()["vocabulary"]
    assert "on lines.txt" in (folder / "README.md").read_text("utf-8")


@pytest.mark.train
def test_a_writer_of_titles_is_tuned_on_pairs(tmp_path):
    lines = ["source\ttarget", *[f"一篇文章的第{i}个摘要\t题目{i}" for i in range(20)]]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines), "utf-8")
    name = "masks_title_csl"
    shape = ["--model.width", "384", "--model.depth", "6", "--model.heads", "12"]
    options = ["--from", name, "--data.file", str(tmp_path / "pairs.tsv"), *shape]
    folder = fit(name, tmp_path, *options, "--trainer.max_steps", "1")
    assert f"Fine-tuned from {name}." in (folder / "README.md").read_text("utf-8")
    assert zoo.load(folder).preprocess.tokens == zoo.load(name).preprocess.tokens


def test_a_classifier_gets_a_fresh_head_for_other_classes(tmp_path):
    name = "adversarial_fgm_poems"
    torch.manual_seed(0)
    old, new = zoo.load(name), zoo.load(name, classes=3, trainable=True)
    assert new.head.out_features == 3
    assert new.labels == ["0", "1", "2"]
    assert all(p.requires_grad for p in new.parameters())
    theirs = old.encoder.state_dict()
    assert all(torch.equal(t, theirs[n]) for n, t in new.encoder.state_dict().items())
    same = zoo.load(name, classes=2)
    assert torch.equal(same.head.weight, old.head.weight)
    assert same.labels == old.labels
    for other in ("masks_title_csl", "gan_r1_digits"):
        with pytest.raises(ValueError, match=f"{other} is no classifier, leave it out"):
            zoo.load(other, classes=3)
    for classes in (0, True, 2.0):
        with pytest.raises(ValueError, match="expected a whole number from 1 on"):
            zoo.load(name, classes=classes)
    checkpoint.save(
        tmp_path / "new",
        name=name,
        model=new,
        arguments=new.config["arguments"],
        preprocess=new.preprocess,
        recipe="",
        metrics=[],
        log=[],
        labels=new.labels,
    )
    assert zoo.load(tmp_path / "new").head.out_features == 3


def test_the_options_stand_in_the_recipe_that_is_kept(tmp_path):
    file = write_reviews(tmp_path / "a.csv")
    options = ["--data.file", file, "--data.columns", "1,2"]
    data = assemble(SENTIMENT, *options).config.data.init_args
    assert (data.file, data.encoding, data.columns) == (file, "utf-8", "1,2")
