"""Metrics against loops written plainly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.linking.metrics import LinkScores, SpanScores

SETS = st.lists(st.sets(st.tuples(st.integers(0, 3), st.integers(4, 6)), max_size=4), max_size=4)


@given(SETS, st.data())
def test_span_scores(gold, data):
    found = [data.draw(st.sets(st.tuples(st.integers(0, 3), st.integers(4, 6)))) for _ in gold]
    scores = SpanScores()
    for start in range(0, len(gold), 2):
        scores.update(found[start : start + 2], gold[start : start + 2])
    right = sum(len(a & b) for a, b in zip(found, gold, strict=True))
    values = {name: float(value) for name, value in scores.compute().items()} if gold else {}
    if gold:
        precision = right / max(1, sum(map(len, found)))
        recall = right / max(1, sum(map(len, gold)))
        assert values["precision"] == pytest.approx(precision)
        assert values["recall"] == pytest.approx(recall)
        if right:
            assert values["f1"] == pytest.approx(2 / (1 / precision + 1 / recall))


@given(
    st.lists(
        st.tuples(
            st.permutations("abcdef"),
            st.sampled_from(["a", "b", None]),
            st.floats(0, 1),
            st.sampled_from(["a", "b", "z", None]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_link_scores(rows):
    scores = LinkScores(bins=4)
    for row in rows:
        scores.update(*([value] for value in row))
    values = {name: float(value) for name, value in scores.compute().items()}
    known = [row for row in rows if row[3] is not None]
    assert values["accuracy_with_nil"] == pytest.approx(np.mean([r[1] == r[3] for r in rows]))
    if known:
        assert values["accuracy"] == pytest.approx(np.mean([r[1] == r[3] for r in known]))
        for name, depth in (("1", 1), ("5", 5), ("all", 6)):
            expected = np.mean([r[3] in r[0][:depth] for r in known])
            assert values[f"recall_at_{name}"] == pytest.approx(expected)
    hits = sum(r[1] is None and r[3] is None for r in rows)
    assert values["nil_precision"] == hits / max(1, sum(r[1] is None for r in rows))
    assert values["nil_recall"] == hits / max(1, sum(r[3] is None for r in rows))
    gap = 0.0
    for bin_ in range(4):
        inside = [r for r in rows if min(int(r[2] * 4), 3) == bin_]
        gap += abs(sum(r[2] - (r[1] == r[3]) for r in inside))
    assert values["calibration_error"] == pytest.approx(gap / len(rows))
