"""Corpora: splits that share nothing, answers that are gold, behaviour from training alone."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from zoo.data.poets import Poet
from zoo.data.polyphones import read_polyphones
from zoo.linking.calibration import Calibration
from zoo.linking.corpora import LabelledTexts, Poets, Polyphones, WordNet, describe
from zoo.linking.data import fewer
from zoo.linking.metrics import LinkScores
from zoo.linking.module import update
from zoo.linking.questions import described
from zoo.linking.texts import Gold, LinkedText

CONF = Path(__file__).parents[1] / "conf/data"
SPLITS = ("train", "valid", "test")
CORPORA = {
    "poets": lambda: Poets(path=str(CONF / "poets.jsonl.gz")),
    "polyphones": lambda: Polyphones(root=str(CONF / "polyphone")),
    "ccks2019": lambda: LabelledTexts(root=str(CONF / "ccks2019")),
    "wordnet": lambda: WordNet(path=str(CONF / "wordnet.jsonl.gz")),
}


@pytest.fixture(scope="module", params=CORPORA)
def data(request):
    return CORPORA[request.param]()


def test_the_answer_is_what_was_marked(data):
    for split in SPLITS:
        texts = data.texts(split)
        assert texts
        gold = [(text.text, mention) for text in texts for mention in text.mentions]
        questions = data.read(split)
        assert len(questions) == len(gold)
        for (text, mention), question in zip(gold, questions, strict=True):
            assert (question.text, question.start, question.end) == (
                text,
                mention.start,
                mention.end,
            )
            answer = question.ids[question.answer] if question.answer >= 0 else None
            assert answer == mention.entity or mention.entity not in question.ids
            assert len(question.ids) == len(question.descriptions) == len(question.features)


def test_the_splits_share_no_text(data):
    texts = [{text.text for text in data.texts(split)} for split in SPLITS]
    assert sum(map(len, texts)) == len(set().union(*texts))


def test_the_behaviour_is_that_of_training_alone(data, monkeypatch):
    """Taking the labels of validation and test away changes no count and no training question."""
    expected, texts = data.read("train"), data.texts

    def without_labels(split):
        if split == "train":
            return texts(split)
        bare = [tuple(Gold(m.start, m.end) for m in text.mentions) for text in texts(split)]
        return [LinkedText(t.text, m) for t, m in zip(texts(split), bare, strict=True)]

    monkeypatch.setattr(data, "texts", without_labels)
    monkeypatch.delitem(vars(data), "behaviour")
    assert data.read("train") == expected


def test_a_training_mention_does_not_see_its_own_count():
    data = CORPORA["poets"]()
    chosen = data.behaviour.chosen
    for question in data.read("train"):
        if question.answer < 0:
            continue
        name = question.text[question.start : question.end]
        others = chosen[name][question.ids[question.answer]] - 1
        assert question.features[question.answer][1] == pytest.approx(np.log1p(others))


def test_of_many_candidates_some_are_drawn_and_the_right_one_is_kept(data):
    draw = np.random.default_rng(0)
    for question in data.read("train"):
        less = fewer(question, 2, draw)
        assert len(less.ids) <= 3
        assert Counter(less.ids) <= Counter(question.ids)
        right = question.ids[question.answer] if question.answer >= 0 else None
        assert right == (less.ids[less.answer] if less.answer >= 0 else None)
        for id_, text, row in zip(less.ids, less.descriptions, less.rows, strict=True):
            place = question.ids.index(id_)
            assert (text, row) == (question.descriptions[place], question.rows[place])


def test_a_decade_is_a_fact():
    poet = Poet("宋甲", "甲", (), ("丁",), None, 1041, "", 3)
    assert describe(poet).endswith("在世：990、1000、1010、1020、1030、1040")


def test_polyphones_are_read_strictly(tmp_path):
    (tmp_path / "dev.sent").write_text("回到▁了▁星球\n", "utf-8")
    (tmp_path / "dev.lb").write_text("le5\n", "utf-8")
    (found,) = read_polyphones(tmp_path, "dev")
    assert (found.text, found.start, found.reading, found.character) == (
        "回到了星球",
        2,
        "le5",
        "了",
    )
    for sentence in ("回到了", "▁了▁得▁", "▁了星▁球"):
        (tmp_path / "dev.sent").write_text(f"{sentence}\n", "utf-8")
        with pytest.raises(ValueError, match="line 1"):
            read_polyphones(tmp_path, "dev")
    (tmp_path / "dev.lb").write_text("le5\nle5\n", "utf-8")
    with pytest.raises(ValueError, match=r"1 lines and .* 2"):
        read_polyphones(tmp_path, "dev")


def test_a_sentence_of_both_polyphone_files_does_not_train(tmp_path):
    sentences = [f"第{n}回到▁了▁星球" for n in range(30)]
    for part, kept in (("dev", sentences), ("test", sentences[:10])):
        (tmp_path / f"{part}.sent").write_text("\n".join(kept), "utf-8")
        (tmp_path / f"{part}.lb").write_text("le5\n" * len(kept), "utf-8")
    data = Polyphones(root=str(tmp_path))
    assert [len(data.texts(split)) for split in ("train", "valid")] != [30, 0]
    assert sum(len(data.texts(split)) for split in ("train", "valid")) == 20


def test_readings_are_those_of_the_dictionary_and_of_training(tmp_path):
    for part, reading in (("dev", "lai2"), ("test", "lai9")):
        (tmp_path / f"{part}.sent").write_text(f"{part}喝▁薄▁荷茶\n{part}我▁来▁了\n", "utf-8")
        (tmp_path / f"{part}.lb").write_text(f"bo4\n{reading}\n", "utf-8")
    found = {entity.id: entity for entity in Polyphones(root=str(tmp_path)).entities()}
    assert found["薄 bo4"].description == "bo4，薄荷、薄荷脑"
    assert found["来 lai2"].description == "lai2"  # of training alone
    assert "来 lai9" not in found  # of the test alone
    plain = Polyphones(root=str(tmp_path), words=False).entities()
    assert {entity.id: entity.description for entity in plain}["薄 bo4"] == "bo4"


def test_the_limits_of_a_run_go_before_those_of_the_checkpoint_it_starts_from(tmp_path):
    made = CORPORA["poets"]().preprocess
    path = tmp_path / "preprocess.json"
    path.write_text(json.dumps({"class": "InputMaker"} | made.to_dict()))
    again = Poets(preprocess=str(path), max_text=5).preprocess
    assert (again.max_text, len(again)) == (5, len(made))


def test_own_files_of_validation_and_test_are_used(tmp_path):
    entity = {"id": "1", "names": ["x"]}
    (tmp_path / "kb.jsonl").write_text(json.dumps(entity) + "\n")
    for split, count in (("train", 20), ("test", 3)):
        lines = [json.dumps({"text": f"{split}{i} x", "mentions": []}) for i in range(count)]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines))
    data = LabelledTexts(root=str(tmp_path))
    assert [len(data.texts(split)) for split in SPLITS] == [18, 2, 3]


def test_a_folder_without_files_says_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"kb\.jsonl in .*--data\.root"):
        list(LabelledTexts(root=str(tmp_path)).entities())


def test_too_few_texts_say_so(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"text": "x", "mentions": []}\n' * 5)
    data = LabelledTexts(root=str(tmp_path))
    assert len(data.texts("train")) == 5
    with pytest.raises(ValueError, match="5 labelled texts, none of them for test"):
        data.texts("test")


def own_texts(folder, test, train=((None, 1),), **options):
    """Return texts 甲 that mean the ids `test`, and of each of `train` so many, in a folder."""
    names = {"1": ["甲"], "2": ["甲"], "3": ["乙"]}
    lines = [json.dumps({"id": id_, "names": of}) for id_, of in names.items()]
    (folder / "kb.jsonl").write_text("\n".join(lines))
    repeated = [id_ for id_, count in train for _ in range(count)]
    for split, ids in (("train", repeated), ("valid", test), ("test", test)):
        golds = [[{"start": 0, "end": 1, "entity": id_}] for id_ in ids]
        lines = [json.dumps({"text": "甲", "mentions": gold}) for gold in golds]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    return LabelledTexts(root=str(folder), **options)


def test_what_the_base_has_but_not_as_a_candidate_is_never_answered_rightly(tmp_path):
    data = own_texts(tmp_path, ["1", "3", "9", None])  # the base has no 9
    questions = data.read("test")
    assert [(q.answer, q.linkable) for q in questions] == [
        (0, True),
        (-1, True),
        (-1, False),
        (-1, False),
    ]
    for nil, accuracy, with_nil in ((9.0, 0, 0.5), (-9.0, 0.5, 0.25)):
        scores = LinkScores()
        logits = torch.tensor([[nil, 1.0, 0.0]] * 4)
        update(scores, data.collate(questions), logits, Calibration(1.0, 0.5))
        found = scores.compute()
        assert found["accuracy"] == accuracy
        assert found["accuracy_with_nil"] == with_nil
        assert found["recall_at_all"] == 0.5


def test_a_restriction_does_not_see_the_training_mention_itself(tmp_path):
    """One that nobody else chose twice is restricted away, in training as in use, and is no NIL."""
    data = own_texts(tmp_path, ["2"], [("1", 3), ("2", 2), (None, 1)], restrict=True)
    assert [q.ids for q in data.read("test")] == [("1", "2")]
    questions = data.read("train")
    assert [q.ids[q.answer] if q.linkable else None for q in questions] == ["1", "1", "1", None]
    assert [q.ids for q in questions] == [("1", "2")] * 4
    rarer = own_texts(tmp_path, ["2"], [("1", 3), ("2", 1), (None, 1)], restrict=True)
    assert [(q.ids, q.linkable) for q in rarer.read("test")] == [(("1",), True)]
    assert [(q.ids, q.answer) for q in rarer.read("train")] == [(("1",), 0)] * 3 + [(("1",), -1)]


def test_wrong_candidates_are_drawn_anew_in_each_epoch_and_a_resume_draws_the_same():
    def loader():
        options: Any = {"path": str(CONF / "wordnet.jsonl.gz"), "negatives": 1, "batch_size": 8}
        return WordNet(**options).train_dataloader()

    def rows(batches):
        return [batch.row.tolist() for batch in batches]

    whole = loader()
    first, second = rows(whole), rows(whole)
    assert Counter(row for batch in first for row in batch) != Counter(
        row for batch in second for row in batch
    )
    killed, later = loader(), loader()
    assert rows(killed) == first
    passing = iter(killed)
    for _ in range(2):
        next(passing)
    later.load_state_dict(killed.state_dict())
    assert rows(later) == second[2:]


def test_a_sense_is_described_without_traces_of_its_examples(tmp_path):
    about = {
        "roused to anger; - Mark Twain; all": "roused to anger; all",
        "in these times; ; ; - I.A.Richards,Jr.; state; state": "in these times; state; state",
        "visual images;  (American);  (British); act; way": "visual images; act; way",
    }
    about |= {text: text for text in ("be; have; (copula); stative", "hit; touch; contact; touch")}
    lines = [
        json.dumps({"id": str(number), "names": ["x"], "description": text})
        for number, text in enumerate(about)
    ]
    (tmp_path / "senses.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    found = WordNet(path=str(tmp_path / "senses.gz")).entities()
    assert [entity.description for entity in found] == list(about.values())


def test_the_recipe_of_wordnet_reads_glosses_behind_the_names():
    recipe = Path(__file__).parents[2] / "recipes/linking/wordnet.yaml"
    options = yaml.safe_load(recipe.read_text("utf-8"))["data"]["init_args"]
    data = WordNet(**options)
    lengths = [len(described(entity)) - len(entity.description) for entity in data.entities()]
    assert np.mean(np.array(lengths) >= options["max_description"]) < 0.03
    texts = [len(text.text) for split in SPLITS for text in data.texts(split)]
    assert np.mean(np.array(texts) > options["max_text"]) < 0.01
