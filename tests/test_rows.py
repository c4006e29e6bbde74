"""benchmarks/rows.py: what long benchmarks found is measured once, and every run is in the file."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.rows

    yield benchmarks.rows
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]


def test_a_run_is_measured_once_and_told_from_others_by_its_whole_key(rows, tmp_path):
    path, runs = tmp_path / "new" / "rows.jsonl", []

    def work(result):
        runs.append(result)
        return {"wrong": result}

    for _ in range(2):
        assert rows.once(path, {"method": "詞", "seed": 0}, lambda: work([3])) == {
            "method": "詞",
            "seed": 0,
            "wrong": [3],
        }
        assert rows.once(path, {"method": "詞", "seed": 1}, lambda: work([]))["wrong"] == []
        assert rows.once(path, {"method": "詞", "seed": None}, lambda: work([1]))["wrong"] == [1]
    assert runs == [[3], [], [1]]
    assert [row["seed"] for row in rows.read_rows(path)] == [0, 1, None]


def test_a_run_that_fails_leaves_no_row(rows, tmp_path):
    path = tmp_path / "rows.jsonl"
    with pytest.raises(ZeroDivisionError):
        rows.once(path, {"seed": 0}, lambda: {"value": 1 / 0})
    assert rows.read_rows(path) == []
