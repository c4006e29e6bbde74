"""Classification of texts, pairs and tokens: on which backbones, at which learning rates."""

import json

import pytest
import torch
from conftest import twin
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForMaskedLM

import zoo
from zoo import checkpoint, cli
from zoo.data.conll import read_sentences
from zoo.masks.classification.data import LabelledText, Reviews, TaggedTexts
from zoo.masks.classification.module import ClassificationModel, layer_groups
from zoo.masks.classifiers import TextClassifier, TokenClassifier, build_classifier
from zoo.masks.tokenizer import Tokenizer

NAME = "masks_classifier_sentiment"
ROOT = "tests/conf/data/sentiment"
TINY = {"width": 16, "depth": 1, "heads": 2, "positions": 32, "segments": 2, "norm": "post"}


def write_bert(folder):
    """Write a tiny BERT of transformers with random weights."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"很好不酒店房间书服务"]
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    config = BertConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=40,
        vocab_size=len(words),
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return str(folder)


@pytest.mark.train
@pytest.mark.parametrize("source", ["masks_small_zh", "masks_poems_lm", "bert"])
def test_a_classifier_starts_from_a_backbone(source, tmp_path, capsys):
    source = write_bert(tmp_path) if source == "bert" else source
    output = tmp_path / "trained"
    options = ["--from", source, "--trainer.max_steps", "1", "--model.lr", "1e-9"]
    options += ["--model.encoder_lr", "1e-9", "--trainer.default_root_dir", str(tmp_path)]
    cli.run(["fit", NAME, *twin(NAME), *options, "--output", str(output)])
    net = zoo.load(str(output))
    if source.startswith("masks"):
        backbone = zoo.load(source)
    else:
        backbone = zoo.masks.from_bert(source, keep_tokens="zh")
    assert isinstance(net, TextClassifier)
    assert net.preprocess.tokens == backbone.preprocess.tokens
    theirs = backbone.encoder.state_dict()
    for name, tensor in net.encoder.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=1e-6)
    recipe = (output / "recipe.yaml").read_text("utf-8")
    assert f"width: {backbone.arguments['width']}" in recipe
    assert 0.5 <= net.predict(["很好"])[0].probability <= 1


@pytest.mark.train
def test_a_trained_classifier_is_no_backbone_and_starts_with_its_head(tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    options = ["--trainer.default_root_dir", str(tmp_path)]
    cli.run(["fit", NAME, *twin(NAME), *options, "--output", str(first)])
    options += ["--from", str(first), "--trainer.max_steps", "1", "--model.lr", "1e-9"]
    cli.run(["fit", NAME, *twin(NAME), *options, "--output", str(second)])
    before, after = zoo.load(str(first)), zoo.load(str(second))
    torch.testing.assert_close(after.head.weight, before.head.weight, rtol=0, atol=1e-6)


def test_pairs_are_cut_in_use_as_in_training():
    data = Reviews(root=ROOT, max_pair=3, min_count=1)
    example = LabelledText("很好很好", 1, "不好不好不好")
    again = Tokenizer.from_dict(data.preprocess.to_dict())
    ids, segments = again.pairs([example.text], [example.pair])
    assert (ids[0].tolist(), segments[0].tolist()) == data.encode(example)
    assert segments.sum() == 3


def test_an_encoder_may_learn_nothing():
    assert ClassificationModel(30, **TINY, encoder_lr=0.0).encoder_lr == 0.0
    assert ClassificationModel(30, **TINY, lr=0.5).encoder_lr == 0.5


def test_sentences_that_are_cut_are_remarked(tmp_path):
    file = tmp_path / "ner.conll"
    file.write_text("\n".join(["春 B\n眠 O\n"] * 9 + ["不 O\n觉 O\n晓 O\n"]), "utf-8")
    assert (
        "1 of 10 texts are longer" in TaggedTexts(str(file), max_length=4, min_count=1).remarks()[1]
    )
    assert "longer" not in str(TaggedTexts(str(file), max_length=5, min_count=1).remarks())


def test_lower_layers_have_lower_learning_rates():
    net = TextClassifier(30, width=16, depth=3, heads=2, positions=8)
    groups = layer_groups(net, lr=1.0, encoder_lr=0.1, layer_decay=0.5)
    found = {id(p): group for group in groups for p in group["params"]}
    assert len(found) == sum(len(group["params"]) for group in groups) == len([*net.parameters()])
    for part, rate in [
        (net.head, 1.0),
        (net.encoder.norm, 0.1),
        (net.encoder.blocks[2], 0.1),
        (net.encoder.blocks[1], 0.05),
        (net.encoder.blocks[0], 0.025),
        (net.encoder.token_embedding, 0.0125),
        (net.encoder.position_embedding, 0.0125),
    ]:
        for parameter in part.parameters():
            assert found[id(parameter)]["lr"] == pytest.approx(rate)
            assert found[id(parameter)]["weight_decay"] == (parameter.dim() > 1)


def test_one_rate_for_all_is_the_default():
    net = TextClassifier(30, width=16, depth=3, heads=2)
    assert {group["lr"] for group in layer_groups(net, 0.1, 0.1, 1.0)} == {0.1}


def test_texts_without_words_have_the_frequencies_of_the_classes():
    plain, blank = Reviews(root=ROOT), Reviews(root=ROOT, blanks=2)
    added = blank.train[len(plain.train) :]
    assert blank.train[: len(plain.train)] == plain.train
    assert [e.label for e in added] == [e.label for e in plain.train[::2]]
    assert not any(c.isalpha() for example in added for c in example.text)
    assert blank.held_out("test") == plain.held_out("test")


def write_table(path, rows):
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines), "utf-8")
    return str(path)


def fit(module, data):
    """Train on the data and return the accuracy on what it was trained on."""
    trainer = Trainer(
        max_epochs=40,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, data.train_dataloader())
    (metrics,) = trainer.test(module, data.train_dataloader(), verbose=False)
    return metrics["test_accuracy"]


@pytest.mark.train
def test_the_second_text_of_a_pair_is_told_from_the_first(tmp_path):
    kinds = {"天": "sky", "地": "earth"}
    rows = [{"text": a, "pair": b, "label": kinds[b]} for a in kinds for b in kinds]
    file = write_table(tmp_path / "pairs.jsonl", rows * 5)
    data = Reviews(file=file, min_count=1, batch_size=8)
    assert data.labels == ["earth", "sky"]
    torch.manual_seed(0)
    module = ClassificationModel(data.vocabulary, 2, lr=1e-2, dropout=0.0, **TINY)
    assert fit(module, data) == 1
    module.net.preprocess, module.net.labels = data.preprocess, data.labels
    found = module.net.eval().predict(["天", "地"], ["地", "天"])
    assert [p.label for p in found] == ["earth", "sky"]
    with pytest.raises(ValueError, match="pairs has 1 texts: expected 2, one for each"):
        module.net.predict(["天", "天"], ["天"])


@pytest.mark.train
def test_tokens_get_the_tag_of_their_word(tmp_path):
    sentence = "在 O\n北京 PLACE\n读 O\n书 O\n\n"
    (tmp_path / "a.conll").write_text(sentence * 10 + "书\tO\n在\tO\n上海\tPLACE\n\n" * 10, "utf-8")
    data = TaggedTexts(str(tmp_path / "a.conll"), min_count=1, batch_size=4)
    batch = data.collate(data.read("test"))
    place = data.labels.index("PLACE")
    assert batch.labels[0].tolist() == [-100, 0, place, -100, 0, 0, -100]  # start and end have none
    torch.manual_seed(0)
    module = ClassificationModel(data.vocabulary, data.classes, "token", lr=1e-2, **TINY)
    assert isinstance(module.net, TokenClassifier)
    assert fit(module, data) == 1
    module.net.preprocess, module.net.labels = data.preprocess, data.labels
    tags = module.net.eval().predict([["在", "上海"], "书"])
    assert tags == [["O", "PLACE"], ["O"]]


def test_the_kind_of_a_classifier_is_among_its_arguments():
    for kind, found in (("text", TextClassifier), ("token", TokenClassifier)):
        module = ClassificationModel(30, 3, kind, **TINY)
        again = build_classifier(**module.arguments)
        assert type(again) is type(module.net) is found
        again.load_state_dict(module.net.state_dict())
        assert module.hparams["kind"] == kind
    assert json.dumps(module.arguments)


def test_labels_that_are_missing_count_nowhere():
    module = ClassificationModel(30, 3, "token", **TINY).eval()
    tokens, labels = torch.randint(1, 30, (2, 5)), torch.tensor([[0, 1, 2, -100, -100]] * 2)
    whole = module.losses((tokens, labels))["loss"]
    logits = module(tokens)[:, :3].flatten(0, 1)
    expected = torch.nn.functional.cross_entropy(logits, labels[:, :3].flatten())
    torch.testing.assert_close(whole, expected)


def test_a_batch_without_any_label_has_a_loss_of_nothing_and_moves_no_metric():
    module = ClassificationModel(30, 3, **TINY).eval()
    tokens, none = torch.randint(1, 30, (2, 5)), torch.tensor([-100, -100])
    loss = module.losses((tokens, none))["loss"]
    loss.backward()
    assert loss.item() == 0
    assert not any(p.grad.any() for p in module.parameters() if p.grad is not None)
    trainer = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    batches = [(tokens, none), (tokens, torch.tensor([0, 2])), (tokens[:1], none[:1])]
    with_none, without = (
        trainer.test(module, DataLoader(rows, batch_size=None), verbose=False)
        for rows in (batches, batches[1:2])
    )
    assert with_none == without


@given(st.binary(max_size=60))
def test_any_bytes_are_sentences_or_are_refused_with_the_file_named(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.conll"
    path.write_bytes(content)
    try:
        sentences = read_sentences(path)
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert all(len(words) == len(tags) > 0 for words, tags in sentences)


def test_the_bundled_classifiers_of_adversarial_training_are_what_they_were():
    net = zoo.load("adversarial_fgm_sentiment")
    assert type(net) is TextClassifier
    config = checkpoint.read_config(zoo.registry.describe("adversarial_fgm_sentiment").checkpoint)
    assert net.arguments | config["arguments"] == net.arguments
