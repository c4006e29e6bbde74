"""The embedded titles: consistent with their poets, split without leaks."""

import gzip
from collections import Counter, defaultdict

import pytest

from zoo.data.poets import FOLDS, load_poets

COUNTS = (5403, 4941, 7536)


@pytest.fixture(scope="module")
def data():
    return load_poets()


def test_the_counts_are_those_of_the_readme(data):
    poets, titles = data
    linked = [title for title in titles if title.entity]
    assert (len(poets), len(linked), len(titles) - len(linked)) == COUNTS


def test_gold_is_a_poet_of_that_surname_and_name_and_nil_is_none(data):
    poets, titles = data
    of = {poet.id: poet for poet in poets}
    called = defaultdict(set)
    for poet in poets:
        for name in (*poet.courtesy, *poet.sobriquets):
            called[name].add(poet.id)
    for title in titles:
        assert title.author in of
        assert title.text.startswith(f"{of[title.author].name}：")
        bearers = {id_ for id_ in called[title.name] if of[id_].name.startswith(title.surname)}
        assert bearers == ({title.entity} if title.entity else set())
        assert len(called[title.name]) > (1 if title.entity else 0)


@pytest.mark.parametrize("by", ["author", "title", "name"])
def test_no_two_splits_share_what_they_are_split_by(data, by):
    _, titles = data
    key = {"author": lambda t: t.author, "title": lambda t: t.text, "name": lambda t: t.name}[by]
    tested = Counter()
    for fold in range(FOLDS):
        splits = defaultdict(set)
        for title in titles:
            splits[title.split(by, fold)].add(key(title))
            tested[title] += title.split(by, fold) == "test"
        assert sum(map(len, splits.values())) == len(set().union(*splits.values()))
        assert splits.keys() == {"train", "valid", "test"}
    assert set(tested.values()) == {1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "no whole gzip"),
        (gzip.compress(b"{", mtime=0), "line 1: "),
        (gzip.compress(b"[]", mtime=0), "line 1: expected a JSON object"),
        (gzip.compress(b'{"text": "x"}', mtime=0), "line 1: .*make_poets"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, content, message):
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_poets(tmp_path / "x.gz")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="make_poets"):
        load_poets(tmp_path / "x.gz")
