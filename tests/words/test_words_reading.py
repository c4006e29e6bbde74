"""Every way for text to come in, and every way for it to be bad."""

import bz2
import codecs
import gzip
import io
import lzma
import sys
import time

import pytest

from zoo.words import discover_words
from zoo.words.counting.chunks import count
from zoo.words.ngram_statistics import measure
from zoo.words.texts.folding import Folding
from zoo.words.texts.reading import _different_lines, read
from zoo.words.texts.word_lists import read_known, read_words

TEXT = "今天天气好。\n明天𠮷野家も好 Ａ1\n" * 50


def text_of(source, **options):
    with read(source, **options) as blocks:
        return "".join(blocks)


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".txt", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_compressed_files(suffix, pack, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(pack(TEXT.encode()))
    assert text_of(path) == text_of(str(path)) == text_of([path]) == TEXT + "\n"


def test_zstandard(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "a.zst"
    frame = zstandard.ZstdCompressor().compress
    path.write_bytes(frame(TEXT.encode()) + frame("再见".encode()))
    assert text_of(path) == TEXT + "再见\n"


def test_folders_and_globs_are_read_in_order(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.txt").write_text("乙", encoding="utf-8")
    (tmp_path / "a.txt").write_text("甲", encoding="utf-8")
    assert text_of(tmp_path) == "甲\n乙\n"
    assert text_of(str(tmp_path / "**" / "*.txt")) == "甲\n乙\n"
    assert text_of([str(tmp_path / "a.txt"), str(tmp_path / "d")]) == "甲\n乙\n"


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert text_of("-") == TEXT + "\n"


def test_texts_lines_and_generators():
    assert text_of("一行\n") == "一行\n\n"
    assert text_of(["甲", "乙"]) == text_of(iter(["甲", "乙"])) == "甲\n乙\n"
    big = "字" * 3_000_000
    assert text_of(x for x in [big, "尾"]) == big + "\n尾\n"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "big5hkscs"])
def test_encodings(encoding, tmp_path):
    text = "天氣很好，今天去公園。\n" * 99
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert text_of(tmp_path / "a.txt", encoding=encoding) == text + "\n"


def test_gb18030_finds_the_same_words(tmp_path):
    text = "天气预报，今天天气，𠮷野家。" * 30
    (tmp_path / "a.txt").write_bytes(text.encode("gb18030"))
    first = discover_words(tmp_path / "a.txt", encoding="gb18030")
    assert list(first.words) == list(discover_words(text).words)


@pytest.mark.parametrize("offset", [0, 5000, (1 << 20) - 1, (1 << 20) + 7])
def test_invalid_utf8_is_named_with_its_byte(offset, tmp_path):
    data = ("好" * (offset // 3)).encode()
    data += b"x" * (offset - len(data)) + b"\xff" + "好".encode()
    path = tmp_path / "bad.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"bad\.txt: byte {offset} is not utf-8"):
        text_of(path)
    assert text_of(path, errors="replace") == data.decode(errors="replace") + "\n"


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    path = tmp_path / "notepad.txt"
    path.write_bytes(codecs.BOM_UTF8 + "天气\n天气 9\n".encode())
    assert text_of(path, dedup=True) == "天气\n天气 9\n\n"
    assert read_words(path) == ["天气", "天气"]
    assert read_known(path) == {"天气": 9}
    path.write_bytes(codecs.BOM_UTF8 + "好".encode() + b"\xff")
    with pytest.raises(ValueError, match="byte 6 is not utf-8"):
        text_of(path)


def test_a_long_line_takes_time_by_its_length():
    blocks = [*["天气" * 50] * 20_000, "\n", *["天气" * 50] * 20_000, "\n今天\n"]
    start = time.process_time()
    assert "".join(_different_lines(iter(blocks))) == "天气" * 1_000_000 + "\n今天\n"
    assert time.process_time() - start < 2


def test_a_file_that_ends_within_a_character(tmp_path):
    (tmp_path / "cut.txt").write_bytes("好好".encode()[:-1])
    with pytest.raises(ValueError, match=r"cut\.txt: byte 3 is not utf-8"):
        text_of(tmp_path / "cut.txt")


def test_bad_sources_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.txt: no such file"):
        text_of("none.txt")
    with pytest.raises(FileNotFoundError, match="no such file, or nothing in it"):
        text_of(tmp_path)
    with pytest.raises(ValueError, match="encoding='utf-9'"):
        text_of("甲", encoding="utf-9")
    with pytest.raises(ValueError, match="errors='ignore'"):
        text_of("甲", errors="ignore")
    with pytest.raises(ValueError, match="expected texts"):
        text_of(["甲", 7])


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("damage", ["cut", "other"])
def test_damaged_archives_are_named(suffix, damage, tmp_path):
    if suffix == ".zst":
        pack = pytest.importorskip("zstandard").ZstdCompressor().compress
    else:
        pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
    data = pack(TEXT.encode())
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"plain text" * 9)
    with pytest.raises(ValueError, match=r"a\.\w+: damaged"):
        text_of(path)


def test_nul_bytes_and_controls_are_breaks():
    ngrams = measure(count(["天气\0天气\0\0\r\n\x1b天气"]), 1)
    assert sorted(ngrams.words(range(ngrams.grams.size))) == ["天", "天气", "气"]


def test_scripts_and_their_folding():
    folding = Folding("unspaced")
    assert "".join(map(chr, folding("好A1２ねア가𠮷ก，é"))) == "好\x000ねア가𠮷ก\0"
    assert "".join(map(chr, Folding("letters")("Aé1２"))) == "Aé1２"
    assert "".join(map(chr, Folding("post")("A1２ 好〇𠮷"))) == "A1\0好\0"
    assert "".join(map(chr, Folding("post", half_width=True)("Ａ１２　好"))) == "A12\0好"
    assert "".join(map(chr, Folding("post+space")("A 好"))) == "A 好"


def test_lone_surrogates_do_no_harm():
    ngrams = measure(count(["天气\ud800天气，天气"]), 3)
    assert sorted(ngrams.words(range(ngrams.grams.size))) == ["天", "天气", "气"]


@pytest.mark.slow
def test_a_line_of_100_megabytes(tmp_path):
    line = ("天气预报说今天天气好明天也好" * 100_000).encode()
    with (tmp_path / "long.txt").open("wb") as file:
        size = 0
        while size < 100_000_000:
            size += file.write(line)
    options = {"method": "ngram", "min_count": 1000, "thresholds": (0, 2.5, 2.5, 2.5)}
    lexicon = discover_words(tmp_path / "long.txt", **options)
    expected = dict.fromkeys(["预报说今", "明天也"], size // len(line) * 100_000)
    assert dict(zip(lexicon.words, lexicon.count, strict=True)) == expected
