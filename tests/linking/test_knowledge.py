"""A knowledge base answers as one built whole, and bad input changes nothing."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.knowledge.entities import Entity, read_entities

POETS = [
    Entity("1", ("蘇舜欽", "子美"), "宋，開封人"),
    Entity("2", ("杜甫", "子美", "少陵"), "唐，鞏縣人", ("Person",)),
    Entity("3", ("歐陽修", "永叔"), ""),
]
TEXTS = ["歐陽修：寄子美", "", "子美子美", "《少陵》野老吞聲哭", "👩‍🚀子美"]

ENTITIES = st.lists(
    st.builds(
        Entity,
        st.text("1234", min_size=1, max_size=2),
        st.lists(st.text("子美歐陽İab", min_size=1, max_size=3), min_size=1, max_size=3).map(tuple),
        st.text(max_size=5).filter(lambda s: s.isprintable()),
    ),
    max_size=8,
    unique_by=lambda entity: entity.id,
)


def answers(kb, texts):
    """All that a base says, without its rows."""
    names = {name for entity in kb for name in entity.names}
    return (
        list(kb),
        {name: kb.candidates(name) for name in names},
        [kb.all_matches(texts), kb.all_longest_matches(texts)],
        [kb[entity.id] for entity in kb],
        len(kb),
    )


@given(ENTITIES, st.data())
@settings(max_examples=40)
def test_added_and_removed_is_as_if_built_whole(entities, data):
    first = data.draw(st.integers(0, len(entities)))
    removed = data.draw(st.lists(st.sampled_from(entities), unique=True)) if entities else []
    texts = data.draw(st.lists(st.text("子美歐陽İab", max_size=8), max_size=3))
    with tempfile.TemporaryDirectory() as folder:
        grown = KnowledgeBase.build(entities[:first], Path(folder) / "grown")
        grown.add(entities[first:])
        grown.remove(entity.id for entity in removed)
        left = [entity for entity in entities if entity not in removed]
        whole = KnowledgeBase.build(left, Path(folder) / "whole")
        assert answers(grown, texts) == answers(whole, texts)
        assert answers(KnowledgeBase.open(Path(folder) / "grown"), texts) == answers(whole, texts)
        grown.write(Path(folder) / "copy", "other")
        assert answers(KnowledgeBase.open(Path(folder) / "copy", "other"), texts) == answers(
            whole, texts
        )
        grown.add(removed)
        assert list(grown) == left + removed


@given(st.permutations(POETS))
@settings(max_examples=6)
def test_the_order_of_entities_changes_that_of_candidates_alone(entities):
    with tempfile.TemporaryDirectory() as folder:
        kb = KnowledgeBase.build(entities, folder)
        matches = [[(m.start, m.end, m.name) for m in found] for found in kb.all_matches(TEXTS)]
        assert matches == [
            [(0, 3, "歐陽修"), (5, 7, "子美")],
            [],
            [(0, 2, "子美"), (2, 4, "子美")],
            [(1, 3, "少陵")],
            [(3, 5, "子美")],
        ]
        assert sorted(kb.candidates("子美")) == ["1", "2"]
        assert kb.candidates("子美") == [e.id for e in entities if "子美" in e.names]


def test_a_base_reads_ccks_and_our_own_format(tmp_path):
    file = tmp_path / "kb.jsonl"
    ccks = {
        "alias": ["勝利", "Victory"],
        "subject_id": "10001",
        "subject": "胜利",
        "type": ["Thing"],
        "data": [
            {"predicate": "摘要", "object": "达到目的。"},
            {"predicate": "标签", "object": "a"},
        ],
    }
    ours = {"id": "2", "names": ["《胜利》"]}
    file.write_text(
        f"\ufeff{json.dumps(ccks)}\n\n{json.dumps(ours, ensure_ascii=False)}\n", "utf-8"
    )
    kb = KnowledgeBase.build(file, tmp_path / "kb")
    assert kb["10001"].description == "摘要：达到目的。\n标签：a"
    assert kb.candidates("胜利") == ["10001", "2"]
    assert kb.candidates("ｖｉｃｔｏｒｙ") == ["10001"]
    assert kb.candidates("nobody") == []
    assert "2" in kb
    assert "3" not in kb


def test_a_name_of_five_thousand_entities(tmp_path):
    kb = KnowledgeBase.build((Entity(str(i), ("勝利",)) for i in range(5000)), tmp_path)
    assert kb.candidates("勝利") == [str(i) for i in range(5000)]
    assert len(kb.matches("勝利")) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2"),
        ("[1]", "line 2: expected a JSON object"),
        ('{"id": "1", "names": ["x"]}', "line 2: the id '1' stands on line 1 too"),
        ('{"id": 2, "names": ["x"]}', "line 2: id is 2: expected a string"),
        ('{"id": "2", "names": "x"}', "line 2: names is 'x': expected a list"),
        ('{"id": "2", "names": []}', "line 2: entity 2 has no name"),
        ('{"id": "2", "names": ["", "《》"]}', "line 2: entity 2 has no name"),
        ('{"id": "2", "name": ["x"]}', "line 2: the key names is missing"),
        ('{"id": "2", "names": ["x"], "desc": ""}', "line 2: the key desc is unknown"),
        ('{"id": "2", "names": ["\\ud800"]}', "line 2: names is .* half a character"),
        ('{"subject_id": "2", "subject": "x", "alias": [], "data": [1]}', "line 2: data is"),
        ('{"subject_id": "2", "subject": "x", "alias": [], "data": [{}]}', "line 2: predicate is"),
        ("\udcff", "line 2: .*utf-8"),
    ],
)
def test_bad_lines_are_named_and_nothing_is_built(tmp_path, line, message):
    file = tmp_path / "kb.jsonl"
    first = '{"id": "1", "names": ["一"]}\n'
    file.write_bytes(first.encode() + line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(ValueError, match=message):
        KnowledgeBase.build(file, tmp_path / "kb")
    assert list((tmp_path / "kb").iterdir()) == []


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_a_line(data):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kb.jsonl"
        file.write_bytes(data)
        with pytest.raises(ValueError, match=r"line \d|is empty"):
            list(read_entities(file))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.jsonl"):
        KnowledgeBase.build(tmp_path / "nothing.jsonl", tmp_path / "kb")
    with pytest.raises(FileNotFoundError, match="zoo knowledge build"):
        KnowledgeBase.open(tmp_path / "kb")


def test_a_refused_change_changes_nothing(tmp_path):
    kb = KnowledgeBase.build(POETS, tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="the id '1' is taken"):
        kb.add([Entity("4", ("x",)), Entity("1", ("y",))])
    with pytest.raises(ValueError, match="no entity '9'"):
        kb.remove(["1", "9"])
    with pytest.raises(ValueError, match="has no name"):
        kb.add([Entity("4", ("《》",))])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert list(kb) == POETS


def test_a_base_that_is_replaced_while_it_fails_stays(tmp_path):
    KnowledgeBase.build(POETS, tmp_path)
    with pytest.raises(ValueError, match="is taken"):
        KnowledgeBase.build([POETS[0], POETS[0]], tmp_path)
    assert list(KnowledgeBase.open(tmp_path)) == POETS
    KnowledgeBase.build(POETS[:1], tmp_path)
    assert list(KnowledgeBase.open(tmp_path)) == POETS[:1]
    assert len(list(tmp_path.glob("*.jsonl"))) == 1


def test_one_who_has_it_open_goes_on_seeing_what_he_opened(tmp_path):
    kb = KnowledgeBase.build(POETS, tmp_path)
    reader = KnowledgeBase.open(tmp_path)
    kb.add([Entity("4", ("子美",))])
    kb.remove(["1"])
    assert reader.candidates("子美") == ["1", "2"]
    assert KnowledgeBase.open(tmp_path).candidates("子美") == ["2", "4"]


def test_a_newer_or_damaged_base_is_refused(tmp_path):
    KnowledgeBase.build(POETS, tmp_path)
    path = tmp_path / "knowledge.json"
    state = json.loads(path.read_text())
    for change, message in [
        ({"format": 2}, "newer than 1.*upgrade"),
        ({"lines": "../../etc/passwd"}, "damaged"),
        ({"history": 3}, "damaged"),
        ({"generation": 7}, "damaged"),
    ]:
        path.write_text(json.dumps(state | change))
        with pytest.raises(ValueError, match=message):
            KnowledgeBase.open(tmp_path)
    path.write_text(json.dumps(state))
    np.save(tmp_path / f"knowledge.rows.{state['generation']}.npy", np.zeros(3))
    with pytest.raises(ValueError, match="expected int32"):
        KnowledgeBase.open(tmp_path)


def test_a_base_in_a_checkpoint_is_not_changed(tmp_path):
    kb = KnowledgeBase.build(POETS, tmp_path)
    (tmp_path / "SHA256SUMS").touch()
    for change in (lambda: kb.add([Entity("4", ("x",))]), lambda: kb.remove(["1"])):
        with pytest.raises(ValueError, match="checkpoint"):
            change()


FULL = """
import resource, signal, sys
from zoo.linking.knowledge.entities import Entity
from zoo.linking.knowledge.base import KnowledgeBase
kb = KnowledgeBase.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    if sys.argv[3] == "add":
        kb.add([Entity(f"n{i}", (f"name {i}",), "description " * 20) for i in range(500)])
    else:
        KnowledgeBase.build([Entity(f"n{i}", (f"name {i}",)) for i in range(500)], sys.argv[4])
except OSError as error:
    print("refused", list(kb) == list(KnowledgeBase.open(sys.argv[1])))
"""


@pytest.mark.parametrize(("change", "limit"), [("add", 100_000), ("add", 2000), ("build", 2000)])
def test_a_full_disk_leaves_the_base_as_it_was(tmp_path, change, limit):
    base, other = tmp_path / "kb", tmp_path / "other"
    KnowledgeBase.build(POETS, base)
    names = sorted(path.name for path in base.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", FULL, base, str(limit), change, other],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "refused True"
    assert sorted(path.name for path in base.iterdir()) == names
    assert list(KnowledgeBase.open(base)) == POETS
    assert not other.exists() or list(other.iterdir()) == []


def test_records_are_entities_too(tmp_path):
    records = [{"id": e.id, "names": list(e.names), "description": e.description} for e in POETS]
    grown = KnowledgeBase.build(records[:1], tmp_path / "records")
    grown.add(records[1:2])
    whole = KnowledgeBase.build(
        [Entity(e.id, e.names, e.description) for e in POETS[:2]], tmp_path / "entities"
    )
    assert answers(grown, TEXTS) == answers(whole, TEXTS)
    for wrong in (3, "子美", {"id": "9"}, {"id": "9", "names": "子美"}):
        with pytest.raises(ValueError, match=r"3 is no|'子美' is no|names"):
            grown.add([wrong])
    assert answers(grown, TEXTS) == answers(whole, TEXTS)
