"""Labelled texts are read strictly, offsets and all."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.linking.texts import Gold, LinkedText, read_texts

# of our own writing, in the format of CCKS 2019's files
CCKS = [
    {
        "text_id": "1",
        "text": "子美的诗和子美的信",
        "mention_data": [
            {"kb_id": "20", "mention": "子美", "offset": "5"},
            {"kb_id": "NIL", "mention": "子美", "offset": "0"},
            {"kb_id": "30", "mention": "诗", "offset": "3"},
        ],
    },
    {"text_id": "2", "text": "没有标注"},
]


def write(path, records):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")
    return path


def test_ccks(tmp_path):
    assert read_texts(write(tmp_path / "train.json", CCKS)) == [
        LinkedText("子美的诗和子美的信", (Gold(0, 2), Gold(3, 4, "30"), Gold(5, 7, "20"))),
        LinkedText("没有标注"),
    ]


@given(st.text(min_size=3, max_size=12), st.data())
def test_ours_with_any_unicode_and_overlapping_mentions(text, data):
    text = text.encode("utf-8", "replace").decode()
    spans = st.tuples(st.integers(0, 1), st.integers(2, len(text)))
    mentions = [
        {"start": s, "end": e, "entity": data.draw(st.sampled_from([None, "x"]))}
        for s, e in data.draw(st.lists(spans, max_size=3))
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder) / "t", [{"text": text, "mentions": mentions}])
        (read,) = read_texts(file)
    assert read.text == text
    assert sorted((g.start, g.end) for g in read.mentions) == sorted(
        (m["start"], m["end"]) for m in mentions
    )


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "x"}, "the key mentions is missing"),
        ({"text": "x", "mentions": [], "label": 1}, "the key label is unknown"),
        ({"text": "x", "mentions": [{"start": 0, "end": 2, "entity": None}]}, "from 0 to 2"),
        ({"text": "x", "mentions": [{"start": 0, "end": 0, "entity": None}]}, "from 0 to 0"),
        ({"text": "x", "mentions": [{"start": True, "end": 1, "entity": None}]}, "from True to 1"),
        ({"text": "x", "mentions": [{"start": 0, "end": 1, "entity": 3}]}, "entity is 3"),
        ({"text": "x", "mentions": [{"start": 0, "end": 1}]}, "entity is missing"),
        ({"text": "x", "mentions": 3}, "mentions is 3"),
        ({"text_id": "1", "text": 5}, "text is 5"),
    ],
)
def test_bad_records_are_named(tmp_path, record, message):
    with pytest.raises(ValueError, match=f"line 2: .*{message}"):
        read_texts(write(tmp_path / "x", [{"text": "", "mentions": []}, record]))


@pytest.mark.parametrize("offset", [3, "1", "-1", "²", "", "100", "1.0"])
def test_an_offset_that_does_not_fit_is_named(tmp_path, offset):
    mention = {"kb_id": "1", "mention": "子", "offset": offset}
    with pytest.raises(ValueError, match=r"line 1: .*offset"):
        read_texts(
            write(tmp_path / "x", [{"text_id": "1", "text": "子", "mention_data": [mention]}])
        )


def test_an_empty_file(tmp_path):
    with pytest.raises(ValueError, match="is empty"):
        read_texts(write(tmp_path / "x", []))
