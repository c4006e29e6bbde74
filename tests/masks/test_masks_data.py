import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.csl import read_papers
from zoo.data.gap_sentences import gap_pairs
from zoo.data.text import Passage
from zoo.masks.data import (
    Lines,
    Poems,
    Titles,
    word_numbers,
)
from zoo.masks.tokenizer import Tokenizer

ROOT = "tests/conf/data/title_csl"


@pytest.fixture(scope="module")
def titles():
    return Titles(root=ROOT, held_out=8, batch_size=4, min_count=1)


def test_a_pair_is_start_source_end_target_end(titles):
    passage = titles.train[0]
    batch = titles.collate([passage])
    ids, tokenizer = batch.token_ids[0], titles.preprocess
    assert ids[0] == tokenizer.start
    assert ids[-1] == tokenizer.end
    target = batch.segment_ids[0] == 1
    assert tokenizer.decode(ids[~target].tolist()) == passage.source
    assert tokenizer.decode(ids[target].tolist()) == passage.target.replace(" ", "")
    assert (ids == tokenizer.end).sum() == 2


def test_padding_is_valid_nowhere_and_no_target(titles):
    batch = titles.collate([Passage("白日依山尽，黄河入海流。", "登鹳雀楼"), Passage("春", "晓")])
    assert batch.valid.sum(1).tolist() == [19, 5]
    assert not batch.segment_ids[~batch.valid].any()
    assert (batch.token_ids[~batch.valid] == titles.padding).all()
    assert (batch.word_ids[~batch.valid] == -1).all()


def test_the_splits_share_no_pair_and_lose_none():
    data = Titles(root=ROOT, held_out=8)
    train, valid, test = (data.read(split) for split in ("train", "valid", "test"))
    assert (len(train), len(valid), len(test)) == (64, 8, 16)
    assert [(p.target, p.source) for p in train + valid] == read_papers(Path(ROOT) / "train.tsv")


def test_unseen_only_leaves_out_what_training_has():
    data = Titles(root=ROOT, held_out=1, unseen_only=True)
    seen = {passage.source for passage in data.train}
    assert len(data.read("test")) == 16
    assert len(data.held_out("test")) == 15
    assert not seen & {passage.source for passage in data.held_out("test")}
    assert data.title != Titles(root=ROOT).title


@pytest.mark.parametrize("line", ["a title alone", "\tno title", "no abstract\t"])
def test_a_line_that_is_no_pair_is_named(tmp_path, line):
    file = tmp_path / "train.tsv"
    file.write_text(f"题\t文\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: expected a title, a TAB and an abstract"):
        read_papers(file)


def test_a_missing_folder_and_an_empty_training_split_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train\.tsv"):
        Titles(root=str(tmp_path)).read("train")
    with pytest.raises(ValueError, match="held_out is 72 of 72"):
        Titles(root=ROOT, held_out=72).read("train")


def test_lines_are_split_by_their_number(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("".join(f"第{i}行\n\n" for i in range(200)), encoding="utf-8")
    data = Lines([str(file)])
    assert [p.source for p in data.read("valid")] == ["第98行", "第198行"]
    assert [p.source for p in data.read("test")] == ["第99行", "第199行"]
    assert len(data.read("train")) == 196
    other = tmp_path / "c.txt"
    other.write_text("前\u2028后\r\n" * 99 + "末\x85行", encoding="utf-8")
    assert [p.source for p in Lines([str(other)]).read("test")] == ["末\x85行"]
    assert Lines([str(other)]).read("valid") == [Passage("前\u2028后")]
    short = tmp_path / "b.txt"
    short.write_text("行\n" * 10, encoding="utf-8")
    with pytest.raises(ValueError, match="have 10 lines"):
        Lines([str(short)]).read("train")


def test_gaps_are_the_clauses_most_like_the_rest():
    text = "今天天气很好呀,基于遗传的图像分割方法.提出图像分割的一种遗传方法"
    kept, left_out, last = gap_pairs(text, 3)
    # shared with the rest: nothing of 7 characters; 9 of 11; 9 of 13
    assert kept == Passage(text, "基于遗传的图像分割方法")
    assert left_out == Passage(
        "今天天气很好呀,基于遗传的图像分割方法.", "提出图像分割的一种遗传方法"
    )
    assert last == Passage(text, "今天天气很好呀")
    assert gap_pairs(text, 1) == [kept]
    assert gap_pairs("精度为3.14159的一种方法，好", 1) == [Passage("精度为3.14159的一种方法，好")]


@given(st.text(st.sampled_from("天地玄黄宇宙洪荒，。.3 ;"), max_size=80), st.integers(1, 5))
def test_every_gap_is_a_clause_of_its_text(text, count):
    pairs = gap_pairs(text, count)
    assert 1 <= len(pairs) <= count
    for i, pair in enumerate(pairs):
        assert pair.target in text
        gone = len(text) - len(pair.source)
        assert gone >= len(pair.target) if i % 2 else gone == 0
        assert not pair.target or 6 <= len(pair.target) <= 40


def test_lines_become_pairs(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("一种图像分割方法，图像的分割方法很好\n无\n" * 60, encoding="utf-8")
    passages = Lines([str(file)], gaps=1, min_count=1).read("train")
    assert [bool(passage.target) for passage in passages] == [True, False] * 59
    with pytest.raises(ValueError, match="gaps is -1"):
        Lines(gaps=-1)


def test_lines_of_ones_own_become_pairs_as_those_of_files_do(tmp_path):
    file = tmp_path / "own.txt"
    file.write_text("一句话说了一些事情，二句话也说了一些事情，三句没有说。\n" * 100, "utf-8")
    data = Lines(file=str(file), gaps=2)
    for split in ("train", "valid", "test"):
        assert data.examples(split)
        assert all(passage.target for passage in data.examples(split))


def test_poems_are_characters():
    data = Poems(min_count=20)
    batch = data.collate([Passage("床前明月光，")])
    assert batch.token_ids.shape == (1, 8)
    assert batch.targets == [""]
    assert not batch.segment_ids.any()


@pytest.mark.parametrize("source", ["", "🙂🀄", "\x00\t\u3000", "长" * 20_000])
def test_odd_texts_give_a_batch(titles, source):
    batch = titles.collate([Passage(source), Passage(source, "题")])
    assert batch.token_ids.shape[1] <= titles.max_length
    assert batch.valid.any(-1).all()
    assert batch.segment_ids[1].sum() == 2


def test_words_are_the_longest_that_fit():
    words = frozenset({"明月", "明月光", "月光"})
    assert word_numbers(["", "明", "月", "光", "月", "光", ""], words) == [-1, 0, 0, 0, 1, 1, -1]
    assert word_numbers(["明", "", "月"], words) == [0, -1, 1]
    assert word_numbers([], words) == []


def test_words_come_from_a_file_of_zoo_words(tmp_path):
    file = tmp_path / "words.tsv"
    file.write_text("风声\t12\t0.5\n波浪\t9\t0.4\n", encoding="utf-8")
    data = Titles(root=ROOT, held_out=8, words=str(file), min_count=1)
    numbers = data.collate([Passage("风声波浪阻")]).word_ids[0].tolist()
    assert numbers == [-1, 0, 0, 1, 1, 2, -1]


def test_the_character_tokenizer_has_every_frequent_character():
    tokenizer = Tokenizer.from_texts(["ab山山", "山 b2"], min_count=2, max_length=16)
    assert tokenizer.tokens[5:] == ["b", "山", "##b"]
    ids = tokenizer.encode("b山bb水")
    assert [tokenizer.tokens[i] for i in ids[1:-1]] == ["b", "山", "b", "##b", "[UNK]"]


@pytest.mark.parametrize("text", ["25℃", "5×5", "データ", "Привет", "café", "1α2", "〇〇年"])
def test_a_known_character_is_known_within_words_too(text):
    tokenizer = Tokenizer.from_texts([text], min_count=1, max_length=16)
    ids = tokenizer.encode(text)
    assert tokenizer.unknown not in ids
    assert tokenizer.decode(ids) == text


def test_signs_and_chinese_characters_stand_alone():
    tokenizer = Tokenizer.from_texts(["a山，。-—a"], min_count=1, max_length=16)
    assert [t for t in tokenizer.tokens if t.startswith("##")] == ["##a"]


def test_the_share_of_unknown_tokens_is_remarked(tmp_path):
    file = tmp_path / "own.txt"
    file.write_text("春眠\n" * 90 + "😀😀\n" * 10, "utf-8")
    state = tmp_path / "preprocess.json"
    made = Tokenizer.from_texts(["春眠"], 1, 8).to_dict()
    state.write_text(json.dumps(made | {"class": "Tokenizer"}), "utf-8")
    told = Lines(file=str(file), preprocess=str(state)).remarks()
    assert "2.56% of the tokens are unknown" in told[1]  # 10 of 390; emoji side by side are one
    assert len(Lines(file=str(file)).remarks()) == 1


def test_the_cut_of_pairs_travels_with_the_tokenizer():
    data = Titles(root=ROOT, held_out=8, min_count=1, max_target=3)
    state = data.preprocess.to_dict()
    again = Tokenizer.from_dict(state)
    long = "白日依山", "黄河入海流"
    assert again.pair(*long) == data.preprocess.pair(*long) == data.encode(Passage(*long))
    old = {name: value for name, value in state.items() if name != "max_target"}
    assert Tokenizer.from_dict(old).max_target == 64


def test_encoding_is_the_same_after_a_checkpoint(titles):
    again = Tokenizer.from_dict(titles.preprocess.to_dict())
    assert again.encode("白日依山尽") == titles.preprocess.encode("白日依山尽")
    assert torch.equal(again(["春眠"]), titles.preprocess(["春眠"]))
