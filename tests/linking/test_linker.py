"""Linkers: the same alone as in a batch, over any base, and offsets of the text given."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from zoo.linking.behaviour import Behaviour
from zoo.linking.calibration import Calibration
from zoo.linking.inputs import InputMaker
from zoo.linking.joint import JointLinker, pieces
from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.knowledge.entities import Entity
from zoo.linking.metrics import ladder
from zoo.linking.net import TransformerLinker
from zoo.linking.texts import Gold, LinkedText

ENTITIES = [
    Entity("1", ("蘇舜欽", "子美"), "宋，開封人，在世：1030、1040"),
    Entity("2", ("杜甫", "子美", "İx"), "唐，鞏縣人"),
    Entity("3", ("歐陽修", "永叔"), "宋，廬陵人，在世：1030、1040"),
    Entity("4", ("永叔",)),
]
TEXTS = ["歐陽修：寄子美", "", "子美子美", "Ａ İX 永叔 👩‍🚀", "無名", "永叔" * 300]


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    return KnowledgeBase.build(ENTITIES, tmp_path_factory.mktemp("kb"))


def linker(kind, kb):
    torch.manual_seed(0)
    texts = [*TEXTS, *(e.description + "".join(e.names) for e in ENTITIES)] * 2
    maker = InputMaker.from_texts(texts, max_text=16)
    if kind is TransformerLinker:
        net = TransformerLinker(len(maker), width=16, depth=1, heads=2)
    else:
        net = JointLinker(len(maker), width=16, heads=2, tagged=0.0)
    for parameter in net.parameters():  # so that scores are far apart
        parameter.data += 0.3 * torch.randn_like(parameter)
    net.preprocess, net.knowledge = maker, kb
    behaviour = Behaviour.count([LinkedText("寄子美", (Gold(1, 3, "2"),))] * 3, kb)
    net.behaviour = replace(behaviour, fewest=0, most=0)
    return net.eval()


@pytest.fixture(scope="module", params=[TransformerLinker, JointLinker])
def net(request, kb):
    return linker(request.param, kb)


def test_one_text_is_linked_as_in_a_batch(net):
    together = net.link(TEXTS)
    assert [len(found) for found in together] == [2, 0, 2, 2, 0, 300]
    for text, found in zip(TEXTS, together, strict=True):
        alone = net.link(text)
        assert [(m.start, m.end, m.entity) for m in alone] == [
            (m.start, m.end, m.entity) for m in found
        ]
        for one, other in zip(alone, found, strict=True):
            assert one.probability == pytest.approx(other.probability, abs=1e-5)


@given(st.text(st.one_of(st.characters(), st.sampled_from("子美永叔İXx👩🚀")), max_size=20))
@settings(max_examples=30)
def test_offsets_are_those_of_the_text(net, text):
    for mention in net.link(text):
        assert text[mention.start : mention.end] == mention.text
        total = sum(p for _, p in mention.candidates)
        assert 0 < total <= 1 + 1e-5
        assert [p for _, p in mention.candidates] == sorted(
            (p for _, p in mention.candidates), reverse=True
        )


@given(st.data())
@settings(max_examples=20)
def test_mentions_of_any_tagger_are_linked_and_unknown_names_are_nil(net, data):
    text = "歐陽修：寄子美於無名亭"
    spans = st.tuples(st.integers(0, len(text) - 1), st.integers(1, len(text)))
    given_ = data.draw(st.lists(spans.filter(lambda s: s[0] < s[1]), max_size=4, unique=True))
    found = net.link(text, mentions=given_)
    assert [(m.start, m.end) for m in found] == sorted(given_)
    for mention in found:
        if not net.knowledge.candidates(mention.text):
            assert (mention.entity, mention.candidates) == (None, ())
            assert mention.probability == pytest.approx(1)


def test_at_most_so_many_candidates_are_kept(net):
    mention = net.link("寄子美", keep=1)[0]
    assert len(mention.candidates) == 1
    assert len(net.link("寄子美")[0].candidates) == 2


@pytest.mark.parametrize("span", [(0, 0), (-1, 1), (0, 99), (2, 1), (0.0, 1), (True, 2)])
def test_a_mention_outside_its_text_is_refused(net, span):
    with pytest.raises(ValueError, match="expected whole numbers"):
        net.link("寄子美", mentions=[span])


def test_as_many_lists_of_mentions_as_texts(net):
    with pytest.raises(ValueError, match="2 texts and 1 lists"):
        net.link(["a", "b"], mentions=[[]])


def test_another_base_can_be_laid_under_it(net, tmp_path):
    kb = KnowledgeBase.build([Entity("x", ("無名",), "亭"), Entity("2", ("子美",))], tmp_path)
    other = net.with_knowledge(kb)
    assert [m.text for m in other.link("無名子美")] == ["無名", "子美"]
    assert other.link("無名子美")[1].candidates[0][0] == "2"
    assert [m.text for m in net.link("無名子美")] == ["子美"]
    assert other.preprocess is net.preprocess


@pytest.mark.parametrize("kind", [TransformerLinker, JointLinker])
def test_as_many_mentions_are_found_as_annotators_mark(kb, kind):
    net = linker(kind, kb)
    net.behaviour = replace(net.behaviour, fewest=1, most=1, longest=100)
    assert [len(found) for found in net.link(TEXTS[:2])] == [1, 0]  # there are two names, and none
    assert len(net.link(TEXTS[0] * 100)) > 1
    other = net.with_knowledge(kb)
    assert (other.behaviour.fewest, other.behaviour.most) == (0, 0)


def test_without_the_threshold_the_best_candidate_is_linked_and_with_it_none(net):
    plain = net.link("寄子美")[0]
    assert plain.entity == plain.candidates[0][0]
    strict = net.with_knowledge(net.knowledge)
    strict.calibration = Calibration(1.0, 1.1)
    assert strict.link("寄子美")[0].entity is None
    assert net.link("寄子美")[0].entity == plain.entity


def test_a_name_of_many_entities_is_linked_in_batches_of_bounded_size(kb, tmp_path, monkeypatch):
    many = [Entity(str(i), ("子美",), f"宋{i}") for i in range(60)]
    net = linker(TransformerLinker, KnowledgeBase.build(many, tmp_path))
    whole = net.link(["寄子美", "子美", "永叔"])
    monkeypatch.setattr("zoo.linking.linker.PAIRS", 1)
    split = net.link(["寄子美", "子美", "永叔"])
    assert [[m.entity for m in found] for found in whole] == [
        [m.entity for m in found] for found in split
    ]
    assert len(whole[0][0].candidates) == 60


def test_a_text_of_a_hundred_thousand_characters(net):
    text = "於" * 49_990 + "歐陽修：寄子美" + "歐陽修於" * 12_500
    place = text.index("子美")
    found = net.link(text, mentions=[(place, place + 2), (0, 1), (99_990, 99_993)])
    assert [m.text for m in found] == ["於", "子美", text[99_990:99_993]]
    (alone,) = net.link(text[49_990 - 16 : 50_020], mentions=[(16 + 5, 16 + 7)])
    assert found[1].entity == alone.entity
    assert len(net.detect([text])[0]) == 12_502
    maker = net.preprocess
    question = net.questioner().of_texts([LinkedText(text, (Gold(place, place + 2),))])[0][0]
    first, last = maker.window(question)
    inside = [(s - first, e - first) for s, e in question.matches if first <= s and e <= last]
    assert maker.spans(question, question.matches).nonzero().tolist() == sorted(
        [place, side] for s, e in inside for place, side in ((s, 0), (e - 1, 1))
    )


def test_few_candidates_are_read_and_the_rest_have_probability_0(kb):
    net = linker(TransformerLinker, kb)
    net.read = 1
    first, second = net.link("寄子美")[0].candidates
    assert first[1] > 0
    assert second[1] == 0


def test_a_joint_linker_keeps_descriptions_within_bounds(kb, monkeypatch):
    net = linker(JointLinker, kb)
    monkeypatch.setattr("zoo.linking.joint.CACHED", 2)
    first = net.link(TEXTS[0])
    assert len(net._described) == 2
    assert net.link(TEXTS[0]) == first


def train_a_step(net, like):
    net.train().load_state_dict(like.state_dict())
    net.eval()


WAYS = {
    "load": lambda net, like: nn.ModuleList([net]).load_state_dict(
        nn.ModuleList([like]).state_dict()
    ),
    "train": train_a_step,
    "move": lambda net, like: net.double(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [TransformerLinker, JointLinker])
def test_what_other_weights_computed_is_forgotten(kb, kind, way):
    used, fresh, like = linker(kind, kb), linker(kind, kb), linker(kind, kb)
    for parameter in like.parameters():
        parameter.data += 1
    used.link("寄子美")
    if kind is TransformerLinker:
        used.encode_knowledge()
    for net in (used, fresh):
        WAYS[way](net, like)
    batch = used.preprocess(used.questioner().of_texts([LinkedText("寄子美", (Gold(1, 3),))])[0])
    batch = batch._replace(
        **{
            name: getattr(batch, name).to(next(used.parameters()).dtype)
            for name in ("overlaps", "features", "matched", "nil_features")
        }
    )
    assert used.logits(batch).tolist() == fresh.logits(batch).tolist()


def test_the_order_of_entities_changes_nothing_without_a_prior(kb, tmp_path):
    other = KnowledgeBase.build(ENTITIES[::-1], tmp_path)
    net = linker(JointLinker, kb)
    for one, two in zip(net.link(TEXTS[0]), net.with_knowledge(other).link(TEXTS[0]), strict=True):
        assert one.entity == two.entity
        assert dict(one.candidates) == pytest.approx(dict(two.candidates), abs=1e-5)


def test_a_linker_without_a_base_says_so():
    with pytest.raises(ValueError, match="no knowledge base"):
        TransformerLinker(5, width=8, depth=1, heads=2).eval().link("x")


def test_the_ladder_counts_spans_and_triples(net):
    marks = (Gold(0, 1), Gold(1, 3, "2"), Gold(3, 4, "of another base"))
    texts = [LinkedText("寄子美於永叔", marks), LinkedText("無名")]
    found = ladder(net, texts)
    assert found["all_names"] == pytest.approx({"precision": 0.5, "recall": 1 / 3, "f1": 0.4})
    linked = [m for m in net.link(texts[0].text) if m.entity]
    right = sum((m.start, m.end, m.entity) == (1, 3, "2") for m in linked)
    assert found["end_to_end"]["recall"] == right
    assert found["end_to_end"]["precision"] == pytest.approx(right / max(1, len(linked)))


def test_a_long_text_without_candidates_is_read_beside_a_short_one(net, tmp_path):
    net = net.with_knowledge(KnowledgeBase.build([Entity("2", ("子美",))], tmp_path))
    long = "無名" * 8
    together = net.link([long, "子美"], mentions=[[(0, 2)], [(0, 2)]])
    for text, (found,) in zip([long, "子美"], together, strict=True):
        (alone,) = net.link(text, mentions=[(0, 2)])
        assert found.entity == alone.entity
        assert dict(found.candidates) == pytest.approx(dict(alone.candidates), abs=1e-5)


@pytest.mark.parametrize("before", [251, 253, 254, 255, 256, 511])
def test_where_a_long_text_is_cut_names_are_those_of_the_whole(before, tmp_path):
    net = linker(JointLinker, KnowledgeBase.build([Entity("1", ("子美", "art"))], tmp_path))
    text = "於" * before + "子美arty"
    assert net.detect([text]) == [[(before, before + 2)]]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9))), st.integers(0, 9))
def test_pieces_of_a_text_cut_no_match(gaps, rest):
    matches, place = [], 0
    for gap, size in gaps:
        matches.append((place + gap, place + gap + size))
        place += gap + size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.linking.joint.PIECE", 4)
        found = list(pieces(matches, place + rest))
    ends = [0, *(end for _, end in found)]
    assert found == list(pairwise(ends))
    assert ends[-1] == place + rest
    assert all(end - start <= 4 or (start, end) in matches for start, end in found)
    assert not any(first < end < last for end in ends for first, last in matches)


@pytest.mark.parametrize("kind", [TransformerLinker, JointLinker])
def test_at_first_the_prior_alone_weighs(kind):
    net = kind(5, width=8, heads=2, prior=True)
    assert net.weigh.weight.tolist() == [[1, 0, 0, 0, 0]]


def test_a_joint_linker_finds_mentions_in_what_it_was_trained_on(kb, monkeypatch):
    """The same characters and the same marks, also where annotators do not mark a name."""
    net = linker(JointLinker, kb)
    net.behaviour = replace(net.behaviour, passed=Counter({"永叔": 99}))
    read = []
    of_class = JointLinker.text_states
    monkeypatch.setattr(
        JointLinker, "text_states", lambda self, *seen: read.append(seen) or of_class(self, *seen)
    )
    text = "歐陽修：寄子美與永叔"
    questions = net.questioner().of_texts([LinkedText(text, (Gold(5, 7, "2"),))])[0]
    net(net.preprocess(questions))
    assert net.detect([text]) == [[(0, 3), (5, 7)]]
    (trained, flags), (used, same) = read
    assert torch.equal(trained, used)
    assert torch.equal(flags, same)
    assert flags.sum() == 6
