"""Tables of one's own: what is read is what was written, and what is odd is named."""

import csv
import json
import sys
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.table import read_table

PAIR = ("text", "label")
ROWS = [{"text": '他说，"好"', "label": "1"}, {"text": "", "label": "0"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"他说，""好""",1\n,0\n'),
        ("a.csv", '\ufeff\r\n Label , TEXT \r\n1,"他说，""好"""\r\n\r\n0,\r\n \r\n'),
        ("a.csv", 'text,label\r"他说，""好""",1\r,0'),
        ("a.tsv", 'id\ttext\tlabel\n7\t"他说，""好"""\t1\n8\t\t0\n'),
        ("a.tsv", 'text\tlabel\n他说，"好"\t1\n\t0\n'),
        ("a.jsonl", "\n".join(map(json.dumps, ROWS))),
        (
            "a.jsonl",
            '{"text": "他说，\\"好\\"", "label": 1, "x": []}\r\n\n{"text": "", "label": 0}',
        ),
    ],
)
def test_a_table_is_the_same_in_every_form(name, content, tmp_path):
    for encoding in ("utf-8", "utf-16", *["gb18030"] * ("\ufeff" not in content)):
        (tmp_path / name).write_bytes(content.encode(encoding))
        assert read_table(tmp_path / name, PAIR, ["pair"], encoding=encoding) == ROWS


@pytest.mark.parametrize("name", ["DATA.CSV", "a.Tsv"])
def test_the_case_of_a_suffix_and_the_length_of_a_text_are_any(name, tmp_path):
    book = "长" * 200_000
    (tmp_path / name).write_text(
        "text,label\nX,1\n".replace("X", book).replace(",", "\t" if name == "a.Tsv" else ","),
        "utf-8",
    )
    assert read_table(tmp_path / name, PAIR) == [{"text": book, "label": "1"}]


def test_a_parquet_file_is_a_table_too(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"

    def write(**columns):
        parquet.write_table(arrow.table(columns), path)

    write(text=['他说，"好"', ""], label=[1, 0], more=[[1], []])
    assert read_table(path, PAIR, ["pair"]) == ROWS
    write(review=["好"], stars=arrow.array(["5"]).dictionary_encode())
    assert read_table(path, PAIR, names="review,stars") == [{"text": "好", "label": "5"}]
    with pytest.raises(ValueError, match=r"no column 'text' in \['review', 'stars'\]: name the"):
        read_table(path, PAIR)
    write(text=["a", None], label=[1, 0])
    with pytest.raises(ValueError, match="row 2: there is no 'text'"):
        read_table(path, PAIR)
    write(text=[["a"]], label=[1])
    with pytest.raises(ValueError, match=r"row 1: 'text' is \['a'\]: expected a text or a number"):
        read_table(path, PAIR)
    write(text=[b"a"], label=[1])
    with pytest.raises(ValueError, match="'text' holds bytes"):
        read_table(path, PAIR)
    write(text=arrow.array([], "string"), label=arrow.array([], "int8"))
    with pytest.raises(ValueError, match="has no rows"):
        read_table(path, PAIR)
    for content in (b"", b"text,label", path.read_bytes()[:-9]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is no Parquet file"):
            read_table(path, PAIR)
    with pytest.raises(FileNotFoundError, match="check its name"):
        read_table(tmp_path / "b.parquet", PAIR)


def test_without_pyarrow_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pip install 'kexue-zoo\[parquet\]'"):
        read_table(tmp_path / "a.parquet", PAIR)


def test_columns_are_found_by_name_or_by_number(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("stars,review,more\n5,好,真好\n", "utf-8")
    five = {"text": "好", "label": "5"}
    assert read_table(path, PAIR, names="Review, stars") == [five]
    assert read_table(path, PAIR, ["pair"], names="review,stars,more") == [five | {"pair": "真好"}]
    path.write_text("5,好\n", "utf-8")
    assert read_table(path, PAIR, names="2,1") == [five]
    for names in ("review", "a,b,c,d", "a,", ""):
        with pytest.raises(ValueError, match="expected a name for each of text, label"):
            read_table(path, PAIR, ["pair"], names=names)
    (tmp_path / "a.jsonl").write_text('{"stars": 5, "review": "好"}', "utf-8")
    assert read_table(tmp_path / "a.jsonl", PAIR, names="review,stars") == [five]


def test_the_rows_of_a_plain_text_are_its_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeff一\r\n\r\n \n二\u2028三".encode())
    assert read_table(path, ["text"]) == [{"text": "一"}, {"text": "二\u2028三"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,label\n好\n", "line 2: there is no 'label'"),
        ("a.csv", "好,1\n坏,0\n", r"line 1: no column 'text'.*number them \(--data.columns 1,2"),
        ("a.tsv", "text,label\n好,1\n", "line 1: no column 'text'"),
        ("a.csv", "text,label\n好,真好,1\n", "line 2: 3 cells, and 2 in the first line"),
        ("a.csv", 'text,label\n"好"的,1\n', "line 2: .*write a quotation mark twice"),
        ("a.csv", 'text,label\n"好,1\n', "line 2: .*write a quotation mark twice"),
        ("a.csv", ",\n,,\n", "has no rows"),
        ("a.jsonl", '{"text": 1}\n', "line 1: there is no 'label'"),
        ("a.jsonl", '{"text": 1, "label": null}\n', "line 1: there is no 'label'"),
        (
            "a.jsonl",
            '{"text": ["好"], "label": 1}\n',
            r"line 1: 'text' is \['好'\]: expected a tex",
        ),
        ("a.jsonl", "[1]\n", "line 1: expected a JSON object"),
        ("a.jsonl", "{\n", "line 1: no JSON"),
        ("a.txt", "x\n", r"ends in \.csv, \.tsv, \.jsonl or \.parquet \(\.txt has but one column"),
        ("a.xlsx", "x\n", r"ends in \.csv, \.tsv, \.jsonl or \.parquet"),
        ("a.csv", "", "is empty"),
    ],
)
def test_a_table_that_is_none_is_refused(name, content, message, tmp_path):
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / name, PAIR)


def test_another_encoding_is_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\n好,1\n".encode("gb18030"))
    with pytest.raises(ValueError, match=r"is not UTF-8 \(byte 11\).*--data.encoding gb18030"):
        read_table(path, PAIR)
    with pytest.raises(ValueError, match="encoding is 'gb': expected one such as"):
        read_table(path, PAIR, encoding="gb")
    with pytest.raises(FileNotFoundError, match=r"no file .*b\.csv"):
        read_table(tmp_path / "b.csv", PAIR)


TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\0")).filter(
    str.strip
)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1), st.sampled_from([",", "\t"]))
def test_what_a_writer_writes_is_read(tmp_path_factory, rows, delimiter):
    made = StringIO()
    csv.writer(made, delimiter=delimiter).writerows([PAIR, *rows])
    path = tmp_path_factory.getbasetemp() / {",": "w.csv", "\t": "w.tsv"}[delimiter]
    path.write_bytes(made.getvalue().encode())
    assert [(row["text"], row["label"]) for row in read_table(path, PAIR)] == rows


@given(st.binary(max_size=80), st.sampled_from(["csv", "tsv", "jsonl"]))
def test_any_bytes_are_rows_or_are_refused_with_the_file_named(tmp_path_factory, content, form):
    path = tmp_path_factory.getbasetemp() / f"fuzz.{form}"
    for header in (b"", b"text,label\n", b"text\tlabel\n"):
        path.write_bytes(header + content)
        try:
            rows = read_table(path, PAIR)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert all(row.keys() == {*PAIR} for row in rows)
