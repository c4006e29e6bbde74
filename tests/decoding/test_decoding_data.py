"""Tokenizer and texts: nothing is lost, every text has its end, WikiText's files are read right."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.text import Passage
from zoo.decoding.data import Abstracts, Poems, WikiText
from zoo.decoding.tokenizer import BEGIN, END, UNKNOWN, Tokenizer

WIKI = """ 
 = Robert Boulter = 
 
 Robert Boulter is an English <unk> , television and theatre actor . 
 He had a role . 

 = = Career = = 

 In 2000 Boulter was in The Bill , as one character : Scott . 
"""


@given(st.text(alphabet="白日依山尽，", min_size=0))
def test_what_is_encoded_is_decoded(text):
    tokenizer = Tokenizer("白日依山尽，")
    assert tokenizer.decode([*tokenizer.prompt(text), END, 7]) == text


@given(st.lists(st.text(min_size=1), min_size=1), st.sampled_from(["character", "word"]))
def test_any_text_makes_a_tokenizer_that_survives_a_checkpoint(texts, unit):
    tokenizer = Tokenizer.from_texts(texts, unit, min_count=1)
    again = Tokenizer.from_dict(tokenizer.to_dict())
    for text in texts:
        assert again.encode(text) == tokenizer.encode(text)
        known = text.split() if unit == "word" else list(text)
        assert tokenizer.decode(tokenizer.encode(text)) == (" " if unit == "word" else "").join(
            known
        ) or {"[PAD]", "[UNK]", "[BOS]", "[EOS]"} & set(known)


def test_rare_characters_are_unknown():
    tokenizer = Tokenizer.from_texts(["aab", "ab", "c"], min_count=2)
    assert tokenizer.encode("abc") == [4, 5, UNKNOWN]
    assert tokenizer.decode([4, UNKNOWN, 5]) == "a□b"


def test_a_tokenizer_of_nonsense_is_refused():
    with pytest.raises(ValueError, match="twice"):
        Tokenizer("aa")
    with pytest.raises(ValueError, match="unit is 'byte': expected character or word"):
        Tokenizer("ab", unit="byte")


def test_a_batch_holds_whole_texts_and_how_much_of_them_is_given():
    data = Poems(min_count=1)
    tokens, context = data.collate([Passage("春眠", "不觉晓"), Passage("春眠不觉晓，", "处处")])
    assert tokens.shape == (2, 10)
    assert context.tolist() == [3, 7]
    assert (tokens[:, 0] == BEGIN).all()
    assert tokens[0].tolist().count(END) == 1
    assert tokens[0, 6] == END
    assert tokens[0, 7:].tolist() == [0, 0, 0]
    assert data.preprocess.decode(tokens[1]) == "春眠不觉晓，处处"


def test_poems_are_continued_from_their_first_line():
    passages = Poems().read("test")
    assert len(passages) == 1000
    assert all(len(p.source) in (6, 8) and p.source[-1] == "，" for p in passages)
    assert all(p.target[-1] == "。" for p in passages)
    first = next(iter(Poems().train_dataloader()))
    again = next(iter(Poems().train_dataloader()))
    assert torch.equal(first[0], again[0])


def test_abstracts_are_whole_and_in_one_split_each(tmp_path):
    lines = [f"题{i}\t{'字' * (5 + i)}。" for i in range(40)]
    (tmp_path / "train.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    data = Abstracts(str(tmp_path), prompt=10, longest=30)
    parts = {split: data.read(split) for split in ("train", "valid", "test")}
    lengths = sorted(len(p.source + p.target) for part in parts.values() for p in part)
    assert lengths == list(range(11, 31))
    assert [len(part) for part in parts.values()] == [16, 2, 2]
    assert all(len(p.source) == 10 for part in parts.values() for p in part)
    (tmp_path / "train.tsv").write_text("没有摘要\n", "utf-8")
    with pytest.raises(ValueError, match="line 1: expected a title, a TAB and an abstract"):
        data.read("test")


def test_the_abstracts_of_csl(data):
    for split, least in (("train", 2000), ("valid", 200), ("test", 200)):
        passages = Abstracts(str(data / "title_csl")).read(split)
        assert len(passages) >= least


def test_wikitext_is_read_by_paragraphs(tmp_path):
    for split in ("train", "valid", "test"):
        (tmp_path / f"wiki.{split}.tokens").write_text(WIKI, "utf-8")
    data = WikiText(str(tmp_path), prompt=4, longest=14)
    assert data.read("train") == [
        Passage("Robert Boulter is an", "English [UNK] , television and theatre actor ."),
        Passage("He had a role", "."),
        Passage("In 2000 Boulter was", "in The Bill , as one character : Scott ."),
    ]
    tokens, context = data.collate(data.train)
    assert context.tolist() == [5, 5, 5]
    assert (tokens[0] == UNKNOWN).sum() == 1
    assert data.preprocess.decode(tokens[1]) == "He had a role ."
    assert WikiText(str(tmp_path), prompt=4, longest=5).read("test") == [
        Passage("He had a role", ".")
    ]


def test_a_missing_wikitext_says_where_it_is_from(tmp_path):
    with pytest.raises(FileNotFoundError, match="wikitext-2-v1"):
        WikiText(str(tmp_path)).read("valid")


def test_a_line_break_does_not_hide_the_first_clause():
    passage = Abstracts().from_row({"text": "床前明月光，\n疑是地上霜。"})
    assert passage == Passage("床前明月光，", "\n疑是地上霜。")
