"""Texts: stop strings keep what was written, a stream is the text in pieces."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from table_model import TableModel

import zoo
from zoo.decoding import generate
from zoo.decoding.texts import StopStrings, pieces, stream, write
from zoo.decoding.tokenizer import UNKNOWN

transformers = pytest.importorskip("transformers")
LETTERS = "abcdefgh"
PROMPTS = [[2], [3, 4], [5, 5, 2]]
LIMIT = {"max_new_tokens": 12}


def decode(tokens):
    return "".join(LETTERS[token] for token in tokens)


def test_a_stop_string_ends_a_text_and_stays_in_it():
    model = TableModel(8, seed=6)
    plain = write(model, PROMPTS, decode, **LIMIT)
    stop = [plain[0][3:5], plain[1][6]]
    found = write(model, PROMPTS, decode, stop=stop, **LIMIT)
    for text, whole in zip(found, plain, strict=True):
        ends = [whole.find(s) + len(s) for s in stop if s in whole]
        assert text == (whole[: min(ends)] if ends else whole)
    assert found[0] != plain[0]


def test_a_stop_string_in_the_prompt_does_not_count():
    model = TableModel(8, seed=6)
    text = write(model, [[2, 3]], decode, **LIMIT)[0]
    absent = next(letter for letter in LETTERS if letter not in text)
    prompt = [LETTERS.index(absent), 2, 3]
    assert write(model, [prompt], decode, stop=[absent], **LIMIT) == [text]


@pytest.mark.parametrize("stop", [[""], "abc", [3], 3])
def test_what_is_no_stop_string_is_refused(stop):
    with pytest.raises(ValueError, match=r"stop is .*: expected a list of strings, none empty"):
        write(TableModel(8), [[2]], decode, stop=stop)


def test_a_criterion_keeps_what_was_written_and_says_so():
    def long_enough(tokens, log_probs):
        assert log_probs.shape == (len(tokens), 8)
        return (tokens >= 0).sum(1) >= 5

    found = generate(TableModel(8, seed=6), PROMPTS, stopping=[long_enough], **LIMIT)
    assert found.lengths.tolist() == [4, 3, 2]
    assert found.finished.all()
    plain = generate(TableModel(8, seed=6), PROMPTS, **LIMIT)
    whole = zip(found.to_lists(), plain.to_lists(), strict=True)
    assert all(row == full[: len(row)] for row, full in whole)
    at_once = generate(TableModel(8), [[2]], stopping=[lambda tokens, _: True], **LIMIT)
    assert at_once.lengths.tolist() == [1]


def test_criteria_of_transformers_work():
    model = TableModel(8, seed=6)
    criteria = transformers.StoppingCriteriaList([transformers.MaxLengthCriteria(6)])
    found = generate(model, [[2, 3], [4, 5]], stopping=criteria, **LIMIT)
    assert found.lengths.tolist() == [4, 4]
    late = transformers.MaxTimeCriteria(0.0)
    assert generate(model, PROMPTS, stopping=[late], **LIMIT).lengths.tolist() == [1, 1, 1]


@pytest.mark.parametrize("stop", [(), ("b",), ("dd", "e")])
def test_a_stream_is_the_text(stop):
    model = TableModel(8, seed=6)
    for prompt in PROMPTS:
        found = list(stream(model, prompt, decode, stop=stop, **LIMIT))
        assert all(found)
        assert ["".join(found)] == write(model, [prompt], decode, stop=stop, **LIMIT)


@settings(max_examples=200)
@given(st.text(max_size=20))
def test_bytes_of_one_character_come_together(text):
    steps = ((None, torch.tensor([byte])) for byte in text.encode())
    found = list(pieces(steps, StopStrings((), lambda ids: bytes(ids).decode(errors="replace"))))
    assert "".join(found) == text
    assert "\N{REPLACEMENT CHARACTER}" not in "".join(found) or "\N{REPLACEMENT CHARACTER}" in text


@pytest.mark.parametrize("name", ["decoding_lstm_poems", "masks_title_csl"])
def test_the_bundled_models_stream_and_stop(name):
    net = zoo.load(name)
    text = {"decoding_lstm_poems": "白日依山尽，", "masks_title_csl": "研究水稻产量."}[name]
    (whole,) = net.generate([text], max_new_tokens=12)
    assert "".join(net.stream(text, max_new_tokens=12)) == whole
    assert net.generate([text], max_new_tokens=12, stop=[whole[2]]) == [
        whole[: whole.find(whole[2]) + 1]
    ]
    two = net.generate([text, ""], method="sample", samples=2, generator=0, max_new_tokens=12)
    assert len(two) == 4
    with pytest.raises(ValueError, match="stream does nothing for method='beam'"):
        net.stream(text, method="beam", max_new_tokens=12)


def test_unknown_tokens_are_never_written():
    net = zoo.load("decoding_lstm_poems")
    net.model.bias[UNKNOWN] = 100.0  # as if most of the training texts were unknown characters
    assert net.generate(["白"], max_new_tokens=9, forbidden_tokens=None) == ["□" * 9]
    assert "□" not in net.generate(["白"], max_new_tokens=9)[0]
    assert "□" not in "".join(net.stream("白", max_new_tokens=9))


def test_options_that_a_text_does_not_have_are_refused():
    model = TableModel(8)
    assert write(model, [[2]], decode, stop=None, stopping=None) == write(model, [[2]], decode)
    with pytest.raises(ValueError, match="samples is 2: a stream is one text"):
        stream(model, [2], decode, method="sample", samples=2)
    with pytest.raises(ValueError, match=r"^stop does nothing for method='beam'"):
        write(model, [[2]], decode, method="beam", stop=["a"])
    with pytest.raises(ValueError, match="stopping is 3: expected a list of functions"):
        write(model, [[2]], decode, stop=["a"], stopping=3)
