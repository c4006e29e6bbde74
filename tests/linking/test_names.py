"""Folding keeps the offsets of the given text."""

from hypothesis import given
from hypothesis import strategies as st

from zoo.linking.names import Folded, code_points, fold, fold_name

TEXTS = st.text(
    st.one_of(st.characters(), st.sampled_from("İIıßΣσςＡａ　《》👩🏽‍🚀é\u0301子美")), max_size=30
)


@given(TEXTS)
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
    assert fold_name(fold_name(text)) == fold_name(text)


@given(TEXTS, st.data())
def test_a_span_of_the_folded_text_folds_to_it(text, data):
    folded = Folded.of(text)
    if not folded.text:
        return
    start = data.draw(st.integers(0, len(folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(folded.text)))
    span = folded.span(start, end)
    if span is not None:
        assert fold(text[slice(*span)]) == folded.text[start:end]


def test_half_a_character_is_no_span():
    folded = Folded.of("İx")
    assert len(folded.text) == 3
    assert folded.span(0, 1) is None
    assert folded.span(1, 2) is None
    assert folded.span(0, 2) == (0, 1)
    assert folded.span(2, 3) == (1, 2)


def test_a_name_is_folded_without_regard_to_its_neighbours():
    assert fold("ΟΔΟΣ") == fold("ΟΔΟΣΑ")[:4]


@given(TEXTS)
def test_code_points_are_those_of_ord(text):
    assert code_points(text).tolist() == [ord(c) for c in text]
