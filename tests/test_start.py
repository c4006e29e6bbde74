"""What a run starts from, and what the weights there derive from."""

import pytest

from zoo import checkpoint
from zoo.training.start import descent, start_folder

CLASSIFIER = "masks_classifier_sentiment"
E5 = "multilingual-e5-small"


@pytest.mark.parametrize(
    ("source", "name", "derived"),
    [
        ("masks_small_zh", CLASSIFIER, E5),  # an encoder, whose head is new
        (CLASSIFIER, CLASSIFIER, E5),
        ("masks_small_zh", "masks_poems_lm", E5),  # whose own weights are the zoo's alone
        ("masks_poems_lm", CLASSIFIER, None),
        ("adversarial_fgm_poems", "adversarial_fgm_sentiment", None),
    ],
)
def test_the_descent_is_that_of_the_weights_and_not_of_the_name(source, name, derived):
    assert descent(source, name) == derived


def test_a_model_of_others_is_what_its_descendants_derive_from(tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = tmp_path / "bert-tiny"
    sizes = {"vocab_size": 6, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.BertConfig(**sizes, intermediate_size=16, max_position_embeddings=16)
    transformers.BertForMaskedLM(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n好\n", "utf-8")
    for name in (CLASSIFIER, "masks_poems_lm"):
        assert descent(str(folder), name) == "bert-tiny"
        again = str(start_folder(str(folder), name))  # as a folder of a person's own
        assert descent(again, name) == "bert-tiny"
        text = (start_folder(again, name) / "README.md").read_text("utf-8")
        assert "derive from bert-tiny, under the licence of its owner." in text
        assert E5 not in text
    assert "derived" not in checkpoint.read_config(start_folder("masks_poems_lm", "masks_poems_lm"))
