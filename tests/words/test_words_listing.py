"""What is listed of the words found, and what is shown of them: thresholds, uses, dictionaries."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from brute import sample_text

from zoo import cli
from zoo.words import Counts, Lexicon, count_ngrams, discover_words, find_uses
from zoo.words.texts.word_lists import read_words

TEXT = sample_text(2000).replace("。", "。\n")


@pytest.fixture(scope="module")
def lexicon():
    return discover_words(TEXT)


@pytest.mark.parametrize("column", ["score", "pmi", "entropy"])
def test_a_threshold_leaves_out_what_is_below_it_and_nothing_else(lexicon, column):
    values = {
        "score": lexicon.score,
        "pmi": lexicon.pmi,
        "entropy": np.minimum(lexicon.left_entropy, lexicon.right_entropy),
    }[column]
    least = float(np.nanmedian(values))
    found = discover_words(TEXT, **{f"min_{column}": least})
    wanted = np.isnan(values) | (values >= least)
    assert found.words.tolist() == lexicon.words[wanted].tolist()
    assert 0 < len(found) < len(lexicon)
    assert found.segment(TEXT) == lexicon.segment(TEXT)


def test_no_word_begins_or_ends_with_a_stop_character(lexicon):
    stop = lexicon.words[0][0] + lexicon.words[1][-1]
    found = discover_words(TEXT, stop_characters=stop)
    assert set(found) == {w for w in lexicon if w[0] not in stop and w[-1] not in stop}
    assert lexicon.words[0] not in found
    assert found.segment(TEXT) == lexicon.segment(TEXT)


@pytest.mark.parametrize("counts", [None, 1, 10**6])
def test_words_known_in_advance_are_cut_out_and_not_listed(lexicon, counts):
    word, listed = "公天我园", lexicon.words[0]
    given = [word, listed] if counts is None else {word: counts, listed: counts}
    found = discover_words(TEXT, known=given)
    assert listed not in found
    assert word not in lexicon.segment(f"今天{word}图书馆")
    assert found.segment(f"今天{word}图书馆") == ["今天", word, "图书馆"]
    assert found.background[listed] == max(counts or 0, lexicon.counts[listed])


def test_a_misspelled_option_is_refused_before_the_work():
    with pytest.raises(TypeError, match="dedupe"):
        discover_words("nothing.txt", dedupe=True)


@pytest.mark.parametrize("name", ["exclude", "known"])
@pytest.mark.parametrize("words", ["dict.txt", Path("dict.txt"), None])
def test_a_file_is_not_taken_for_words(lexicon, name, words):
    with pytest.raises(ValueError, match=f"{name} is .*: expected words"):
        discover_words("no/such.txt", **{name: words})
    for take in (lexicon.without, lexicon.knowing):
        with pytest.raises(ValueError, match=r" is .*: expected words; read them"):
            take(words)


@pytest.mark.parametrize("form", [np.array, iter, set])
def test_words_come_in_any_form(lexicon, form):
    some = list(lexicon)[:2]
    for options in ({"exclude": form(some)}, {"known": form(some)}):
        assert set(discover_words(TEXT, **options)) == set(list(lexicon)[2:])
    assert list(lexicon.without(form(some))) == list(lexicon)[2:]


def test_uses_of_words_that_the_segmenter_takes_for_phrases():
    score = np.array([1.0, -1.0])
    words, count = np.array(["天气", "天气预报"], object), np.array([50, 40])
    background = {"预报": 40, "的": 9000}
    phrases = Lexicon(words, count, score, score, score, score, background)
    assert phrases.segment("天气预报") == ["天气", "预报"]
    uses = find_uses(phrases, "天气预报的天气\n天气预报")
    assert [(use.count, use.documents) for use in uses.values()] == [(1, 1), (2, 2)]
    unused = replace(phrases, background={**background, "天气预报": 0})  # as `recount` leaves it
    assert find_uses(unused, "天气预报")["天气预报"].count == 1


def test_uses_are_what_a_plain_loop_counts(lexicon):
    lines = TEXT.splitlines()
    cut = [lexicon.segment(line) for line in lines]
    count = Counter(word for words in cut for word in words)
    documents = Counter(word for words in cut for word in set(words))
    uses = find_uses(lexicon, TEXT, examples=2, width=3)
    assert list(uses) == list(lexicon)
    for word, use in uses.items():
        assert (use.count, use.documents) == (count[word], documents[word])
        assert len(use.examples) == len(set(use.examples)) == min(2, use.count)
        assert all(word in x and len(x) <= len(word) + 6 and x in TEXT for x in use.examples)
    with pytest.raises(ValueError, match="examples is -1"):
        find_uses(lexicon, TEXT, examples=-1)


def test_days_are_counted_one_by_one_and_found_together(tmp_path):
    days = [TEXT[: len(TEXT) // 3], TEXT[len(TEXT) // 3 :]]
    texts = [tmp_path / f"{day}.txt" for day in range(2)]
    for path, text in zip(texts, days, strict=True):
        path.write_text(text, encoding="utf-8")
    first, grown = tmp_path / "first.counts", tmp_path / "grown.counts"
    tables = [tmp_path / f"{way}.tsv" for way in range(3)]
    for command in (
        ["count-words", texts[0], "-o", first],
        ["count-words", first, texts[1], "-o", grown],
        ["words", *texts, "-o", tables[0]],
        ["words", grown, "-o", tables[1]],
        ["words", first, texts[1], "-o", tables[2]],
    ):
        cli.main([str(word) for word in command])
    assert tables[0].read_bytes() == tables[1].read_bytes() == tables[2].read_bytes()
    assert Counts.load(grown).length > Counts.load(first).length
    cli.main(["count-words", str(grown), str(texts[0]), "-o", str(grown)])
    assert Counts.load(grown).length > count_ngrams("\n".join(days)).length


def test_dictionaries_of_other_programs(lexicon, tmp_path):
    word, count = lexicon.words[0], int(lexicon.count[0])
    for program, line in {
        "jieba": f"{word} {count}",
        "hanlp": f"{word} nz {count}",
        "ltp": word,
        "sentencepiece": f"{word}\t{count}",
    }.items():
        lexicon.to_dictionary(tmp_path / program, program)
        lines = (tmp_path / program).read_text(encoding="utf-8").splitlines()
        assert (lines[0], len(lines)) == (line, len(lexicon))
    with pytest.raises(ValueError, match="program is 'word': expected jieba"):
        lexicon.to_dictionary(tmp_path / "word", "word")


def test_the_commands(lexicon, tmp_path, capsys):
    text, table = tmp_path / "text.txt", tmp_path / "words.tsv"
    text.write_text(TEXT, encoding="utf-8")
    known = tmp_path / "known.txt"
    known.write_text(f"公天我园\n{lexicon.words[0]}\t7\n", encoding="utf-8")
    options = ["--min-pmi", "1", "--stop-characters", "的", "--known", str(known)]
    cli.main(["words", str(text), "-o", str(table), *options, "--ltp", str(tmp_path / "ltp")])
    given = {"公天我园": 0, lexicon.words[0]: 7}
    wanted = discover_words(text, min_pmi=1, stop_characters="的", known=given)
    assert list(Lexicon.load(table)) == list(wanted)
    assert (tmp_path / "ltp").read_text(encoding="utf-8").split() == list(wanted)
    capsys.readouterr()
    cli.main(["words", str(text), *options])
    printed = tmp_path / "printed.tsv"
    printed.write_text(capsys.readouterr().out, encoding="utf-8")
    assert read_words(printed)[1:] == list(wanted)
    with pytest.raises(ValueError, match=r"expected the header .* as `zoo words -o` writes it"):
        Lexicon.load(printed)  # it would cut texts with no other words
    cli.main(["contexts", str(text), "--lexicon", str(table), "--top", "2", "--examples", "1"])
    head, *rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert head == ["word", "count", "documents", "example_1"]
    assert [row[0] for row in rows] == list(wanted)[:2]
    assert all(word in example for word, _, _, example in rows)
    text.write_text("我去公天我园\n", encoding="utf-8")
    lexicon.save(table)
    cli.main(["segment", str(text), "--lexicon", str(table), "--known", str(known)])
    assert capsys.readouterr().out == "我 去 公天我园\n"
