"""Counts of what annotators did, against loops, and from training alone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.linking.behaviour import MARKED, Behaviour
from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.knowledge.entities import Entity
from zoo.linking.names import fold_name
from zoo.linking.questions import Questioner
from zoo.linking.texts import Gold, LinkedText

IDS = ["1", "2", "3"]
LACKING = "9"  # of another base


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    names = {"1": ("子美", "甲", "丙"), "2": ("子美",), "3": ("甲",)}  # 丙 is surely 1
    entities = [Entity(id_, of) for id_, of in names.items()]
    return KnowledgeBase.build(entities, tmp_path_factory.mktemp("kb"))


@st.composite
def linked_texts(draw):
    text = draw(st.text("子美甲乙丙", min_size=1, max_size=6))
    starts = draw(st.lists(st.integers(0, len(text) - 1), max_size=2, unique=True))
    mentions = []
    for start in sorted(starts):
        end = draw(st.integers(start + 1, len(text)))
        mentions.append(Gold(start, end, draw(st.sampled_from([*IDS, LACKING, None]))))
    return LinkedText(text, tuple(mentions))


@given(st.lists(linked_texts(), max_size=6))
def test_counts_are_those_of_a_loop(kb, texts):
    behaviour = Behaviour.count(texts, kb)
    for name in ("子美", "甲", "乙"):
        spans = [
            (name == fold_name(t.text[g.start : g.end]), g.entity)
            for t in texts
            for g in t.mentions
        ]
        assert behaviour.marked[name] == sum(same for same, _ in spans)
        assert behaviour.unknown[name] == sum(same and e not in IDS for same, e in spans)
        chosen = Counter(e for same, e in spans if same and e in IDS)
        assert behaviour.chosen.get(name, Counter()) == chosen
        passed = 0
        for text in texts:
            gold = {(g.start, g.end) for g in text.mentions}
            found = [m for m in kb.longest_matches(text.text) if m.name == name]
            passed += sum((m.start, m.end) not in gold for m in found)
        assert behaviour.passed[name] == passed
        assert behaviour.is_marked(name) == ((passed + 1) / (behaviour.marked[name] + 1) < 5)
        assert behaviour.is_marked(name) == (behaviour.share(name) > MARKED)
    assert Behaviour.from_dict(behaviour.to_dict()) == behaviour


@given(st.lists(linked_texts(), min_size=1, max_size=6), st.booleans(), st.data())
def test_a_training_text_is_asked_about_as_if_it_were_never_counted(kb, texts, restrict, data):
    text = texts.pop(data.draw(st.integers(0, len(texts) - 1)))
    whole, others = Behaviour.count([*texts, text], kb), Behaviour.count(texts, kb)
    before = whole.to_dict()
    (asked,) = Questioner(kb, whole, restrict=restrict).of_texts([text], counted=True)
    assert asked == Questioner(kb, others, restrict=restrict).of_texts([text])[0]
    assert whole.to_dict() == before
    for question in asked:
        name = fold_name(question.text[question.start : question.end])
        total = sum(others.prior(name, question.ids))
        assert total == pytest.approx(1 if question.ids else 0)


def test_candidates_are_restricted_to_those_chosen_twice(kb):
    behaviour = Behaviour(chosen={"甲": Counter({"3": 2, "1": 1, "9": 5})})
    assert behaviour.restricted("甲", ["1", "3"]) == ["3"]
    assert behaviour.restricted("甲", ["1"]) == ["1"]
    assert behaviour.restricted("子美", ["1", "2"]) == ["1", "2"]


def test_without_counts_the_prior_follows_the_order_of_the_base():
    assert Behaviour().prior("甲", IDS) == pytest.approx([6 / 11, 3 / 11, 2 / 11])


@pytest.mark.parametrize(
    ("counts", "length", "expected"),
    [
        ((0, 0, 0), 9, "bcd"),  # nothing is known: all that are probable enough
        ((1, 1, 9), 9, "c"),
        ((0, 2, 9), 9, "bc"),
        ((4, 4, 9), 9, "abcd"),  # four a text, also those that are not probable
        ((1, 1, 9), 10, "bc"),  # a text twice as long as those of training
    ],
)
def test_as_many_are_taken_as_annotators_mark(counts, length, expected):
    fewest, most, longest = counts
    behaviour = Behaviour(fewest=fewest, most=most, longest=longest)
    taken = behaviour.likeliest("abcd", [0.1, 0.8, 0.9, 0.7], 0.4, length)
    assert "".join(taken) == expected


def test_the_numbers_of_mentions_are_counted(kb):
    marks = [Gold(0, 1, "3"), Gold(1, 2, None)]
    texts = [LinkedText("甲乙", tuple(marks)), LinkedText("子美甲", (marks[0],))]
    behaviour = Behaviour.count(texts, kb)
    assert (behaviour.fewest, behaviour.most, behaviour.longest) == (1, 2, 3)


def test_a_folder_without_numbers_of_mentions_is_read():
    state = Behaviour().to_dict()
    for key in ("fewest", "most", "longest"):
        del state[key]
    assert Behaviour.from_dict(state) == Behaviour()


def test_it_is_written_and_opened(tmp_path, kb):
    behaviour = Behaviour.count([LinkedText("甲乙", (Gold(0, 1, "3"),))], kb)
    assert behaviour.write(tmp_path, "behaviour") == ["behaviour.json"]
    assert Behaviour.open(tmp_path, "behaviour") == behaviour
