"""What is no batch of texts is named, by every network of texts."""

import pytest

import zoo
from zoo.layers.texts import require_texts


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("春", r"got one string: write \[text\]"),
        (3, "texts is 3: expected a list of strings"),
        (None, "texts is None: expected a list"),
        (["春", 3], "text 1 is 3: expected a string"),
    ],
)
def test_what_is_no_batch_of_texts_is_named(texts, message):
    with pytest.raises(TypeError, match=message):
        require_texts(texts)
    with pytest.raises(TypeError, match=message):
        zoo.load("adversarial_fgm_poems").preprocess(texts)
    with pytest.raises(TypeError, match=message):
        zoo.load("decoding_lstm_poems").generate(texts)


def test_texts_may_come_from_anywhere():
    require_texts(text for text in ("春", "秋"))
    require_texts(())
