"""Stored vectors answer as encoding does, and only for their own weights and base."""

from itertools import chain

import pytest
import torch
from test_linker import ENTITIES, TEXTS, linker

from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.knowledge.entities import Entity
from zoo.linking.net import TransformerLinker
from zoo.linking.vectors import EntityVectors


@pytest.fixture
def kb(tmp_path):
    return KnowledgeBase.build(ENTITIES, tmp_path)


def test_stored_vectors_answer_as_encoding_does(kb, tmp_path):
    net = linker(TransformerLinker, kb)
    plain = net.link(TEXTS)
    net.encode_knowledge().write(tmp_path)
    net.use_vectors(EntityVectors.open(tmp_path))
    pairs = zip(chain(*plain), chain(*net.link(TEXTS)), strict=True)
    for one, two in pairs:
        assert one.text == two.text
        assert dict(one.candidates) == pytest.approx(dict(two.candidates), abs=5e-3)


def test_after_an_addition_only_what_is_new_is_encoded(kb, monkeypatch):
    net = linker(TransformerLinker, kb)
    before = net.encode_knowledge()
    kb.add([Entity("5", ("子美",), "new")])
    assert [c for c, _ in net.link("寄子美")[0].candidates if c == "5"]
    rows = []
    encode = net.entity_vectors
    monkeypatch.setattr(net, "entity_vectors", lambda t: rows.append(len(t)) or encode(t))
    after = net.encode_knowledge(before)
    assert rows == [1]
    assert (after.vectors[: len(before.vectors)] == before.vectors).all()


def test_vectors_of_other_weights_or_another_base_are_refused(kb, tmp_path):
    net = linker(TransformerLinker, kb)
    vectors = net.encode_knowledge()
    other = net.with_knowledge(KnowledgeBase.build(ENTITIES[::-1], tmp_path / "other"))
    with pytest.raises(ValueError, match="another knowledge base"):
        other.use_vectors(vectors)
    with torch.no_grad():
        net.weigh.weight += 1
    with pytest.raises(ValueError, match="other weights"):
        net.use_vectors(vectors)


def test_vectors_are_without_dropout_whatever_the_mode(kb):
    net = linker(TransformerLinker, kb)
    plain = net.encode_knowledge()
    assert (net.train().encode_knowledge().vectors == plain.vectors).all()
    assert net.training
    assert net.vectors is None


def test_no_or_damaged_vectors(tmp_path):
    with pytest.raises(FileNotFoundError, match="encode_knowledge"):
        EntityVectors.open(tmp_path)
    (tmp_path / "vectors.npy").write_bytes(b"x")
    with pytest.raises(ValueError, match="damaged"):
        EntityVectors.open(tmp_path)
