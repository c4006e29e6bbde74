import gzip
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data.poems import DYNASTIES, Poem, load_poems
from zoo.data.splits import SPLITS

ROW = "train\tTang\t李白\t静夜思\t床前明月光，疑是地上霜。\n"


@pytest.fixture(scope="module")
def poems():
    return load_poems()


def packed(folder, content):
    path = Path(folder) / "poems.tsv.gz"
    path.write_bytes(gzip.compress(content if isinstance(content, bytes) else content.encode()))
    return path


def test_the_sample_is_balanced_by_dynasty_in_every_split(poems):
    sizes = {"train": 4000, "valid": 500, "test": 500}
    assert Counter((p.split, p.dynasty) for p in poems) == {
        (split, dynasty): size for split, size in sizes.items() for dynasty in DYNASTIES
    }


def test_no_poet_is_in_two_splits_or_two_dynasties(poems):
    assert len({(p.author, p.split, p.dynasty) for p in poems}) == len({p.author for p in poems})


def test_no_poet_dominates(poems):
    assert max(Counter(p.author for p in poems).values()) <= 20


def test_no_two_poems_share_a_couplet(poems):
    couplets = [p.lines[k : k + 2] for p in poems for k in range(0, len(p.lines), 2)]
    assert len(couplets) == len(set(couplets))


def test_every_poem_is_regular(poems):
    for p in poems:
        assert len(p.lines) in (4, 6, 8, 10, 12)
        assert len({len(line) for line in p.lines}) == 1
        assert len(p.lines[0]) in (6, 8)
        assert "".join(line[-1] for line in p.lines) == "，。" * (len(p.lines) // 2)
        assert all("一" <= c <= "鿿" for line in p.lines for c in line[:-1])


def test_the_poems_are_simplified_and_in_one_spelling(poems):
    assert set("無來時國樓飛鳳疎踈隠劒鶑髙") & set("".join(p.text for p in poems)) == set()


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_is_that_part_of_the_whole(poems, split):
    assert load_poems(split=split) == [p for p in poems if p.split == split]


def test_a_row_becomes_lines_with_their_marks(tmp_path):
    lines = ("床前明月光，", "疑是地上霜。")
    [poem] = load_poems(packed(tmp_path, ROW))
    assert poem == Poem("train", "Tang", "李白", "静夜思", lines)
    assert poem.text == "床前明月光，疑是地上霜。"


def test_windows_line_ends_do_not_reach_the_text(tmp_path):
    assert load_poems(packed(tmp_path, ROW.replace("\n", "\r\n"))) == load_poems(
        packed(tmp_path, ROW)
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty; expected rows of split TAB dynasty"),
        (ROW + "train\tTang\t李白\n", "line 2: 3 columns; expected 5"),
        (ROW + "\n" + ROW, "line 2: 1 columns; expected 5"),
        (ROW.replace("train", "dev"), "line 1: split 'dev'; expected one of train, valid, test"),
        (ROW.replace("Tang", "Ming"), "line 1: dynasty 'Ming'; expected one of Tang, Song"),
        ("test\tSong\t苏轼\t无题\t\n", "line 1: the poem has no text"),
        (ROW.encode() + b"\xff", f"not UTF-8 at byte {len(ROW.encode())}"),
    ],
)
def test_bad_content_is_named_in_one_line(tmp_path, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_poems(packed(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_plain_file_is_no_gzip(tmp_path):
    (tmp_path / "poems.tsv").write_text(ROW, encoding="utf-8")
    with pytest.raises(ValueError, match="not a whole gzip file"):
        load_poems(tmp_path / "poems.tsv")


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"make_poems --package \S+ --full all\.tsv\.gz"):
        load_poems(tmp_path / "all.tsv.gz")


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="split is 'dev': expected one of train"):
        load_poems(split="dev")  # pyright: ignore[reportArgumentType]


WHOLE = gzip.compress(ROW.encode() * 3, mtime=0)
damaged = st.builds(
    lambda start, end, noise: WHOLE[:start] + noise + WHOLE[end:],
    st.integers(0, len(WHOLE)),
    st.integers(0, len(WHOLE)),
    st.binary(max_size=8),
)
rows = st.lists(st.sampled_from(["train", "Tang", "\t", "\n", "，", "诗", "\r", "\0"])).map("".join)


@settings(max_examples=300)
@given(
    st.one_of(st.binary(), damaged, st.one_of(st.binary(), rows.map(str.encode)).map(gzip.compress))
)
def test_any_bytes_give_poems_or_a_value_error(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poems.tsv.gz"
        path.write_bytes(content)
        try:
            poems = load_poems(path)
        except ValueError:
            return
        assert poems
        assert all(p.text for p in poems)
