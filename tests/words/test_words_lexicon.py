"""Lexicon files, dictionaries and the segmenter."""

import codecs
import itertools
import math

import numpy as np
import plain_segmenter
import pytest
from brute import sample_text
from hypothesis import given
from hypothesis import strategies as st

from zoo.words import Lexicon, Segmenter, discover_words
from zoo.words.cli import run_segment
from zoo.words.texts.word_lists import read_words

TEXT = sample_text().replace("图书馆", "１２月")
TEXT = TEXT[:9000].replace("公园", "博物馆") + TEXT[9000:]


@pytest.fixture(scope="module", params=[20, 900])  # the greater one leaves words unlisted
def lexicon(request):
    options = {"method": "ngram", "min_count": request.param, "thresholds": (0, 1, 1, 1)}
    return discover_words(TEXT, characters="unspaced", **options)


def test_saved_and_loaded_is_the_same(lexicon, tmp_path):
    lexicon.save(tmp_path / "words.tsv")
    again = Lexicon.load(tmp_path / "words.tsv")
    for name in ("words", "count", "score", "pmi", "left_entropy", "right_entropy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(lexicon, name))
    assert again.background == lexicon.background
    assert ("博物馆" in lexicon.background) == (lexicon.min_count == 900)
    assert ("博物馆" in lexicon) == (lexicon.min_count == 20)
    assert again.segment(TEXT) == lexicon.segment(TEXT)
    assert [p.name for p in tmp_path.iterdir()] == ["words.tsv"]
    saved = (tmp_path / "words.tsv").read_bytes()
    (tmp_path / "words.tsv").write_bytes(codecs.BOM_UTF8 + saved)  # as Notepad saves it
    assert list(Lexicon.load(tmp_path / "words.tsv")) == list(lexicon)


@pytest.mark.parametrize("content", ["", "word\tcount\n", "a\tb\tc\td\te\tf\n"])
def test_another_table_is_refused(content, tmp_path):
    (tmp_path / "x.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"x\.tsv: expected the header"):
        Lexicon.load(tmp_path / "x.tsv")


def test_a_bad_row_is_named(lexicon, tmp_path):
    lexicon.save(tmp_path / "x.tsv")
    with (tmp_path / "x.tsv").open("a", encoding="utf-8") as file:
        file.write("词\tmany\t1\t1\t1\t1\n")
    with pytest.raises(ValueError, match=r"x\.tsv:\d+: expected 6 columns"):
        Lexicon.load(tmp_path / "x.tsv")


def test_known_words_are_left_out(lexicon):
    some = list(lexicon.words[:1])
    rest = lexicon.without(some)
    assert list(rest.words) == list(lexicon.words[1:])
    assert rest.pmi.size == len(rest)
    assert list(lexicon.top(1)) == some


def test_jieba_reads_the_dictionary(lexicon, tmp_path):
    jieba = pytest.importorskip("jieba")
    jieba.setLogLevel("ERROR")
    lexicon.to_jieba(tmp_path / "dict.txt")
    tokenizer = jieba.Tokenizer(str(tmp_path / "dict.txt"))
    tokenizer.tmp_dir = str(tmp_path)
    assert tokenizer.lcut("看天气", HMM=False) == ["看", "天气"]


def test_what_is_taken_out_of_a_list_is_known_to_its_segmenter(lexicon, tmp_path):
    assert ("博物馆" in lexicon.background) == (lexicon.min_count == 900)
    for part in (lexicon.without({"博物馆"}), lexicon.top(3)):
        assert part.segmenter.known == lexicon.segmenter.known
        part.save(tmp_path / "words.tsv")
        assert Lexicon.load(tmp_path / "words.tsv").segmenter.known == lexicon.segmenter.known
    lexicon.save(tmp_path / "words.tsv")
    assert read_words(tmp_path / "words.tsv")[1:] == list(lexicon.words)


def test_number_patterns_are_no_words_but_segment(lexicon):
    assert not any("0" in w for w in lexicon.words)
    assert "0月" in lexicon.background
    assert lexicon.segment("１９９８月") == ["１９９８月"]


@given(st.text(max_size=50))
def test_joined_words_are_the_text(text):
    assert "".join(Segmenter({"甲乙": 3, "丙": 1})(text)) == text


# Han, letters and digits of both widths, what joins them, runs, marks, and what forms are made of
ODD = st.text(
    alphabet="甲乙丙年T恤a01５.,，'-%。…Ａ：·٣ \u0301\u3099\u0e34\ue000\ue001\n", max_size=12
)


@given(
    st.dictionaries(ODD, st.sampled_from([0, 0.5, 1, 3, 8]), max_size=20),
    st.lists(ODD, min_size=1, max_size=5),
    st.booleans(),
)
def test_the_compiled_segmenter_equals_the_plain_one(counts, texts, new_words):
    plain = plain_segmenter.Segmenter(counts, new_words=new_words)
    compiled = Segmenter(counts, new_words=new_words)
    assert [compiled(text) for text in texts] == [plain(text) for text in texts]
    together = "".join([*counts, *texts])
    assert compiled(together) == plain(together)


def test_segment_writes_each_line_of_each_file(lexicon, tmp_path, capsys):
    lexicon.save(tmp_path / "words.tsv")
    (tmp_path / "a.txt").write_text("看天气 好\n\n天气", encoding="utf-8")
    (tmp_path / "b.txt").write_text("\n天气\n\n", encoding="utf-8")
    arguments = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    arguments += ["--lexicon", str(tmp_path / "words.tsv")]
    run_segment(arguments)
    assert capsys.readouterr().out == "看 天气 好\n\n天气\n\n天气\n\n"
    run_segment([*arguments, "-o", str(tmp_path / "out.txt"), "--separator", "/"])
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").startswith("看/天气/好\n\n天气\n")
    with pytest.raises(ValueError, match=r"a\.txt: expected the header"):
        run_segment([arguments[0], "--lexicon", arguments[0]])


@given(st.text(alphabet="甲乙丙", min_size=1, max_size=7))
def test_no_segmentation_is_more_probable(text):
    counts = {"甲": 5, "乙": 2, "丙": 9, "甲乙": 4, "乙丙": 3, "丙甲乙": 2, "甲甲": 1}
    total = sum(counts.values())

    def weight(words):
        return sum(math.log(counts[w] / total) if w in counts else -math.inf for w in words)

    best = max(
        weight([text[i:j] for i, j in itertools.pairwise([0, *cuts, len(text)])])
        for n in range(len(text))
        for cuts in itertools.combinations(range(1, len(text)), n)
    )
    assert weight(Segmenter(counts, new_words=False)(text)) == pytest.approx(best)


def test_new_words_are_formed_of_characters_that_begin_and_end_words():
    counts = {"甲乙": 50, "丙丁": 50, "甲": 1, "乙": 1, "丙": 1, "丁": 1}
    assert Segmenter(counts)("甲丁") == ["甲丁"]
    assert Segmenter(counts)("乙丙") == ["乙", "丙"]
    assert Segmenter(counts, new_words=False)("甲丁") == ["甲", "丁"]


def test_numbers_and_latin_words_stay_whole():
    assert Segmenter({})("用了3.5%和ＡＢＣ……it's １２月") == [
        "用",
        "了",
        "3.5%",
        "和",
        "ＡＢＣ",
        "……",
        "it's",
        " ",
        "１２",
        "月",
    ]


@pytest.mark.parametrize(
    ("known", "background"),
    [
        (["12月"], {"0月": 3000, "0": 5000, "月": 2000}),
        (["2008年奥运会"], {"0年": 3000, "奥运会": 400}),
        (
            ["丁丙甲乙"],
            {"甲乙": 20_000, "丁戊": 30_000, "戊丙": 30_000},
        ),  # 丁丙 could be a new word
        ({"机器": 5000, "学习": 8000, "机器学习": 0}, {}),
        (["".join(map(chr, range(0x5000, 0x5050)))], {}),  # its parts underflow
    ],
)
def test_known_words_are_whole_whatever_their_parts(known, background):
    none = np.array([])
    counts = {**background, "其他": 1_000_000}
    lexicon = Lexicon(np.array([], object), *[none] * 5, background=counts)
    found = lexicon.knowing(known)
    assert [found.segment(word) for word in known] == [[word] for word in known]
    assert found.knowing(known).background == found.background
