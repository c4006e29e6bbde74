import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.sentiment import read_labelled
from zoo.data.text import CharacterTokenizer


def test_ids_padding_and_unknown():
    tokenizer = CharacterTokenizer("天地", max_length=4)
    assert tokenizer(["地天", "玄", ""]).tolist() == [[3, 2], [1, 0], [1, 0]]
    assert len(tokenizer) == 4


def test_a_long_text_keeps_its_first_and_last_half():
    tokenizer = CharacterTokenizer("abcdefg", max_length=5)
    assert tokenizer.encode("abcdefg") == tokenizer.encode("abcfg")
    assert CharacterTokenizer("ab", max_length=1).encode("ab") == [2]


def test_the_vocabulary_is_sorted_and_leaves_out_the_rare():
    assert CharacterTokenizer.from_texts(["乙甲乙", "甲丙"]).vocabulary == ["乙", "甲"]


@given(st.lists(st.text(), min_size=1), st.integers(1, 9))
def test_a_tokenizer_survives_its_dictionary(texts, length):
    tokenizer = CharacterTokenizer.from_texts(texts, min_count=1, max_length=length)
    again = CharacterTokenizer.from_dict(tokenizer.to_dict())
    assert torch.equal(again(texts), tokenizer(texts))
    assert tokenizer(texts).shape[1] <= length


@given(st.text(min_size=1, max_size=20))
def test_every_known_character_gets_an_id_of_its_own(text):
    tokenizer = CharacterTokenizer.from_texts([text], min_count=1)
    ids = tokenizer.encode(text)
    assert len(set(ids)) == len(set(text))
    assert min(ids) >= 2


def test_one_string_is_no_batch():
    with pytest.raises(TypeError, match=r"write \[text\]"):
        CharacterTokenizer("a")("a")


def test_a_character_twice_and_no_length():
    with pytest.raises(ValueError, match="list each once"):
        CharacterTokenizer("aa")
    with pytest.raises(ValueError, match="max_length is 0"):
        CharacterTokenizer("a", max_length=0)


def test_the_label_follows_the_last_tab(tmp_path):
    path = tmp_path / "x.data"
    path.write_text("a\tb\tno\nc\tyes\r\n", "utf-8", newline="")
    assert read_labelled(path, ["no", "yes"]) == [("a\tb", 0), ("c", 1)]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_the_file_named(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.data"
    path.write_bytes(content)
    try:
        examples = read_labelled(path, ["0", "1"])
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert all(label in {0, 1} for _, label in examples)
