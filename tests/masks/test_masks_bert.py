import json

import pytest
import torch
import transformers
from conftest import twin
from hub_server import HubServer, Repo
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer as Fast
from tokenizers import normalizers, pre_tokenizers
from tokenizers.models import Unigram
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining, BertModel, BertTokenizer

import zoo
from zoo import cli, masks
from zoo.masks.bert import from_bert
from zoo.masks.tokenizer import Tokenizer

SPECIAL = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [
    *SPECIAL,
    *"今天气很好！，。（）",
    "##天",
    "##！",
    "hello",
    "world",
    "##ing",
    "1",
    "20",
    "##2",
]
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "▁今天",
    "天气",
    "今",
    "天",
    "气",
    "好",
    "，",
    "▁hello",
]
PIECES += [*"helo12", "▁20", "мир", "<mask>"]
SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 16,
    "pad_token_id": 0,
    "initializer_range": 0.3,
}


def write_vocabulary(folder, fast=True):
    (folder / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    tokenizer = BertTokenizer(vocab=str(folder / "vocab.txt"))
    if fast:
        tokenizer.save_pretrained(folder)
    return tokenizer


def write_pieces(folder):
    scores = [0.0] * 4 + [-3.0 - 0.1 * i for i in range(len(PIECES) - 4)]
    tokenizer = Fast(Unigram(list(zip(PIECES, scores, strict=True)), 3, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.save(str(folder / "tokenizer.json"))


def randomise(model):
    for parameter in model.parameters():  # their biases and norms start at 0 and 1
        torch.nn.init.normal_(parameter, 0.3, 0.3)
    return model.eval()


def legacy(folder):
    tensors = load_file(folder / "model.safetensors")
    renamed = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in tensors.items()
    }
    save_file(renamed, folder / "model.safetensors")


def bert_base_chinese(folder):
    """As on the Hub: both pre-training heads and a pooler, norms by their TensorFlow names."""
    model = randomise(BertForPreTraining(BertConfig(vocab_size=len(WORDS), **SIZES)))
    model.save_pretrained(folder)
    legacy(folder)
    write_vocabulary(folder, fast=False)
    return lambda **batch: model(**batch).prediction_logits


def roberta_wwm(folder):
    """BERT's names and vocabulary, no sentence head."""
    model = randomise(BertForMaskedLM(BertConfig(vocab_size=len(WORDS), **SIZES)))
    model.save_pretrained(folder)
    write_vocabulary(folder)
    return lambda **batch: model(**batch).logits


def macbert(folder):
    """As RoBERTa-wwm, with GELU by its tanh form and another epsilon."""
    config = BertConfig(vocab_size=len(WORDS), hidden_act="gelu_new", layer_norm_eps=1e-5, **SIZES)
    model = randomise(BertForMaskedLM(config))
    model.save_pretrained(folder)
    write_vocabulary(folder)
    return lambda **batch: model(**batch).logits


def multilingual_e5(folder):
    """No head at all, XLM-R's vocabulary, more rows than tokens."""
    model = randomise(BertModel(BertConfig(vocab_size=len(PIECES) + 5, **SIZES)))
    model.save_pretrained(folder)
    write_pieces(folder)
    embeddings = model.embeddings.word_embeddings.weight
    return lambda **batch: model(**batch).last_hidden_state @ embeddings.T


FAMILIES = [bert_base_chinese, roberta_wwm, macbert, multilingual_e5]


def batch(rows):
    torch.manual_seed(1)
    return {
        "input_ids": torch.randint(4, rows, (3, 11)),
        "token_type_ids": torch.tensor([0, 1])
        .repeat_interleave(torch.tensor([5, 6]))
        .expand(3, 11),
        "attention_mask": (torch.arange(11) < torch.tensor([[11], [7], [9]])).long(),
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_the_logits_are_those_of_transformers(family, tmp_path):
    torch.manual_seed(0)
    theirs = family(tmp_path)
    ours = from_bert(tmp_path)
    inputs = batch(len(ours.preprocess))
    valid = inputs["attention_mask"].bool()
    with torch.no_grad():
        expected = theirs(**inputs)[valid]
        found = ours(inputs["input_ids"], inputs["token_type_ids"], masks.padding(valid))[valid]
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_trimming_chooses_logits_and_changes_none(family, tmp_path):
    torch.manual_seed(0)
    family(tmp_path)
    whole, part = from_bert(tmp_path), from_bert(tmp_path, keep_tokens="zh")
    assert len(part.preprocess) < len(whole.preprocess)
    rows = [whole.preprocess.tokens.index(token) for token in part.preprocess.tokens]
    text = "今天天气好12"
    assert part.preprocess.decode(part.preprocess.encode(text)) == text
    with torch.no_grad():
        small, large = part(part.preprocess([text])), whole(whole.preprocess([text]))
    torch.testing.assert_close(small, large[..., rows])


@pytest.mark.parametrize("family", [roberta_wwm, macbert])
def test_a_causal_bert_is_the_decoder_of_transformers(family, tmp_path):
    torch.manual_seed(0)
    family(tmp_path)
    theirs = transformers.BertLMHeadModel.from_pretrained(tmp_path, is_decoder=True).eval()
    ids = batch(len(WORDS))["input_ids"]
    with torch.no_grad():
        found, expected = from_bert(tmp_path)(ids, mask=masks.causal()), theirs(ids).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_ids_are_those_of_transformers(tmp_path):
    theirs = write_vocabulary(tmp_path)
    for made in (
        Tokenizer.from_folder(tmp_path),
        Tokenizer((tmp_path / "tokenizer.json").read_text("utf-8")),
    ):
        for text in ["今天天气很好！hello worlding 2022", "", "😀 今", "Hello\tWORLD（好）"]:
            assert made.encode(text) == theirs(text)["input_ids"]


def test_vocab_txt_alone_gives_the_same_ids(tmp_path):
    theirs = write_vocabulary(tmp_path, fast=False)
    assert not (tmp_path / "tokenizer.json").exists()
    text = "今天天气很好！Hello worlding 2022 😀"
    assert Tokenizer.from_folder(tmp_path).encode(text) == theirs(text)["input_ids"]


@pytest.mark.parametrize(
    "settings",
    [
        {"do_lower_case": False},
        {"strip_accents": False},
        {"strip_accents": True, "do_lower_case": False},
        {"tokenize_chinese_chars": False},
    ],
)
@pytest.mark.parametrize("fast", [False, True])
def test_the_settings_of_the_tokenizer_hold(settings, fast, tmp_path):
    words = [*SPECIAL, *"天气", "天气", "##气", "cafe", "café", "Cafe", "Café"]
    (tmp_path / "vocab.txt").write_text("\n".join(words), "utf-8")
    BertConfig(**SIZES, vocab_size=len(words)).save_pretrained(tmp_path)
    if fast:
        BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    state = json.loads(path.read_text("utf-8")) if fast else {"tokenizer_class": "BertTokenizer"}
    path.write_text(json.dumps(state | settings), "utf-8")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    text = "Café café cafe 天气"
    assert Tokenizer.from_folder(tmp_path).encode(text) == theirs(text)["input_ids"]


def shard(folder):
    """Part the weights of a folder into two files and an index, as transformers does."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    home = {tensor: names[i % 2] for i, tensor in enumerate(sorted(tensors))}
    for name in names:
        save_file({t: tensors[t] for t in home if home[t] == name}, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": home}))


@pytest.mark.hub
def test_weights_in_several_files_are_read(tmp_path, monkeypatch):
    from huggingface_hub import constants

    roberta_wwm(tmp_path)
    expected = from_bert(tmp_path).state_dict()
    shard(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    files = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        server.repos["owner/bert"] = Repo()
        server.repos["owner/bert"].commit(files)
        found = [from_bert(tmp_path), from_bert("owner/bert")]
    for net in found:
        assert all(torch.equal(tensor, expected[n]) for n, tensor in net.state_dict().items())
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"model-00002-of-00002\.safetensors is missing"):
        from_bert(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../b"}}')
    with pytest.raises(ValueError, match=r"names '\.\./b': expected files of its own folder"):
        from_bert(tmp_path)


def test_a_bert_with_one_type_of_tokens(tmp_path):
    write_vocabulary(tmp_path)
    model = randomise(
        BertForMaskedLM(BertConfig(**SIZES, vocab_size=len(WORDS), type_vocab_size=1))
    )
    model.save_pretrained(tmp_path)
    net = from_bert(tmp_path)
    ids = torch.tensor([[3, 6, 7, 8, 4]])
    torch.testing.assert_close(net(ids), model(ids).logits, rtol=1e-4, atol=1e-4)
    assert net.task == "lm"
    segments = torch.tensor([[0, 0, 1, 1, 1]])
    assert torch.equal(net(ids, segments), net(ids))
    assert net.generate(["今天", "好"], max_new_tokens=3, task="seq2seq")
    assert net.generate(["今天", "好"], max_new_tokens=3)


@pytest.mark.hub
def test_a_repository_is_fetched_and_verified(tmp_path, monkeypatch):
    from huggingface_hub import constants

    roberta_wwm(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    files = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        for name in ("owner/bert", "google-bert/bert-base-chinese"):
            server.repos[name] = Repo()
            server.repos[name].commit(files)
        net = from_bert("owner/bert")
        server.break_("flip", "model.safetensors", 1)
        again = from_bert("bert-base-chinese")
        server.break_("flip", "model.safetensors")
        server.repos["owner/other"] = Repo()
        server.repos["owner/other"].commit(files)
        with pytest.raises(
            ValueError, match=r"model\.safetensors: expected \w+, found other content: tried 3"
        ):
            from_bert("owner/other")
    offline = from_bert("owner/bert")
    expected = from_bert(tmp_path).state_dict()
    for found in (net, again, offline):
        for name, tensor in found.state_dict().items():
            assert torch.equal(tensor, expected[name])


@pytest.mark.hub
@pytest.mark.parametrize("write", [roberta_wwm, macbert, multilingual_e5])
@pytest.mark.parametrize("where", ["folder", "owner/bert", "bert-base-chinese"])
def test_a_fit_starts_from_a_bert_of_transformers(where, write, tmp_path, monkeypatch, capsys):
    from huggingface_hub import constants

    source, output = tmp_path / "bert", tmp_path / "out"
    source.mkdir()
    write(source)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    options = {
        "from": str(source) if where == "folder" else where,
        "output": str(output),
        "data.max_length": "12",
        "data.max_target": "5",
        "model.lr": "0",
        "model.beams": "[]",
        "trainer.max_steps": "1",
        "trainer.default_root_dir": str(tmp_path),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        for name in ("owner/bert", "google-bert/bert-base-chinese"):
            server.repos[name] = Repo()
            server.repos[name].commit({p.name: p.read_bytes() for p in source.iterdir()})
        cli.run(["fit", "masks_title_csl", *twin("masks_title_csl"), *words])
    assert "before" in capsys.readouterr().out
    bert, net = from_bert(source, keep_tokens="zh"), zoo.load(output)
    assert net.preprocess.to_dict() == bert.preprocess.to_dict() | {
        "max_length": 12,
        "max_target": 5,
    }
    expected = bert.state_dict()
    for name, tensor in net.state_dict().items():  # a step of length 0
        assert torch.equal(tensor, expected[name])
    ids = bert.preprocess(["今天天气很好", "天"])
    torch.testing.assert_close(net(ids), bert(ids))  # and so the heads and the epsilon, too


def test_a_fit_says_what_it_cannot_start_from(tmp_path, capsys):
    roberta_wwm(tmp_path)

    def said(model, source):
        with pytest.raises(SystemExit):
            cli.main(["fit", model, "--from", str(source)])
        return capsys.readouterr().err

    assert "SHA256SUMS" in said("adversarial_fgm_poems", tmp_path)  # which knows no other ones
    assert "no_such is no folder" in said("masks_title_csl", tmp_path / "no_such")
    change_config(tmp_path, model_type="gpt2")
    assert "model_type is 'gpt2'" in said("masks_title_csl", tmp_path)


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def spoil_weights(folder):
    tensors = load_file(folder / "model.safetensors")
    next(t for t in tensors.values() if t.is_floating_point())[0] = float("nan")
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda f: (f / "config.json").unlink(), FileNotFoundError, "has no config.json"),
        (lambda f: (f / "config.json").write_text("{"), ValueError, "is no configuration"),
        (lambda f: change_config(f, model_type="gpt2"), ValueError, "'gpt2'.*expected 'bert'"),
        (lambda f: change_config(f, vocab_size=None), ValueError, "vocab_size is None, expected a"),
        (lambda f: (f / "tokenizer_config.json").write_text("{"), ValueError, "is no JSON"),
        (lambda f: change_config(f, hidden_act="silu"), ValueError, "hidden_act is 'silu'"),
        (
            lambda f: change_config(f, hidden_size=48),
            ValueError,
            "does not fit its config.json: encoder.token_embedding.weight is .*48.* by its config",
        ),
        (
            lambda f: change_config(f, num_hidden_layers=3),
            ValueError,
            "encoder.blocks.2.attention_norm.weight is missing, and 11 more",
        ),
        (lambda f: change_config(f, num_hidden_layers=10**7), ValueError, "far more than"),
        (lambda f: change_config(f, intermediate_size=1 << 50), ValueError, "by its config"),
        (lambda f: (f / "config.json").write_text("[" * 10**5), ValueError, "is no configuration"),
        (spoil_weights, ValueError, "has values that are not finite"),
        (
            lambda f: (f / "vocab.txt").write_text("\n".join([*WORDS, "新"]), "utf-8"),
            ValueError,
            f"the vocabulary has {len(WORDS) + 1} tokens and the network {len(WORDS)}",
        ),
        (
            lambda f: (f / "vocab.txt").write_text("\n".join(WORDS[2:]), "utf-8"),
            ValueError,
            r"no padding token, \[PAD\] or <pad>",
        ),
        (lambda f: (f / "vocab.txt").unlink(), FileNotFoundError, "neither tokenizer.json nor"),
        (
            lambda f: (f / "model.safetensors").unlink(),
            FileNotFoundError,
            "a pickle, .* is not read",
        ),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"\x00" * 40),
            ValueError,
            "is no safetensors file",
        ),
    ],
)
def test_what_does_not_fit_is_refused(spoil, kind, message, tmp_path):
    bert_base_chinese(tmp_path)
    spoil(tmp_path)
    with pytest.raises(kind, match=message):
        from_bert(tmp_path)


def test_too_few_embeddings_are_refused_before_they_are_trimmed(tmp_path):
    bert_base_chinese(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    short = {n: t[:-3] if len(t) == len(WORDS) else t for n, t in tensors.items()}
    save_file(short, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"does not fit its config\.json: encoder\.token"):
        from_bert(tmp_path, keep_tokens="zh")


def test_the_tokens_to_keep_are_no_word(tmp_path):
    roberta_wwm(tmp_path)
    with pytest.raises(ValueError, match="keep_tokens is 'en': expected 'zh', or a list"):
        from_bert(tmp_path, keep_tokens="en")


def test_an_unknown_token_to_keep_is_named(tmp_path):
    roberta_wwm(tmp_path)
    with pytest.raises(
        ValueError, match="'新' and 0 more of keep_tokens are not in the vocabulary"
    ):
        from_bert(tmp_path, keep_tokens=["今", "新"])


def test_a_head_that_is_not_tied_is_refused(tmp_path):
    model = BertForMaskedLM(BertConfig(vocab_size=len(WORDS), tie_word_embeddings=False, **SIZES))
    randomise(model).save_pretrained(tmp_path)
    write_vocabulary(tmp_path)
    with pytest.raises(ValueError, match="not tied"):
        from_bert(tmp_path)


def test_the_trimmed_vocabulary_travels_with_the_tokenizer(tmp_path):
    write_pieces(tmp_path)
    part, _ = Tokenizer.from_folder(tmp_path).trim("zh")
    again = Tokenizer.from_dict(json.loads(json.dumps(part.to_dict())))
    assert again.tokens == part.tokens
    assert "мир" not in again.tokens
    text = "今天天气好，hello 20"
    assert again.encode(text) == part.encode(text)
    assert again.unknown == again.tokens.index("<unk>")
    assert again.decode(again.encode("今天мир")) == "今天"


def test_long_and_odd_texts_are_cut_to_the_limit(tmp_path):
    write_vocabulary(tmp_path)
    tokenizer = Tokenizer.from_folder(tmp_path, max_length=12)
    assert len(tokenizer.encode("今天" * 10_000)) == 12
    assert tokenizer.encode("") == [tokenizer.start, tokenizer.end]
    assert tokenizer.encode("😀") == [tokenizer.start, tokenizer.unknown, tokenizer.end]
    ids, segments = tokenizer.pair("今" * 50, "天" * 3)
    assert len(ids) == len(segments) == 12
    assert tokenizer.decode(ids) == "今" * 6 + "天" * 3
    assert segments == [0] * 8 + [1] * 4


@pytest.mark.parametrize("max_length", [5, 8, 12])
@pytest.mark.parametrize("max_target", [1, 3, 64])
def test_a_pair_is_never_too_long_and_has_something_of_its_source(max_length, max_target, tmp_path):
    write_vocabulary(tmp_path)
    tokenizer = Tokenizer.from_folder(tmp_path, max_length)
    ids, segments = tokenizer.pair("今" * 50, "天" * 50, max_target)
    assert len(ids) == max_length
    assert sum(segments) == min(max_target, max_length - 3)
    assert ids[1] not in tokenizer.special


def test_lengths_that_hold_no_pair_or_no_text_are_refused(tmp_path):
    write_vocabulary(tmp_path)
    tokenizer = Tokenizer.from_folder(tmp_path, 4)
    with pytest.raises(ValueError, match="max_length is 4: expected a whole number, at least 5"):
        tokenizer.pair("今", "天")
    with pytest.raises(ValueError, match="max_target is 0"):
        tokenizer.pair("今", "天", 0)
    for length in (0, 1):
        with pytest.raises(ValueError, match=f"max_length is {length}"):
            tokenizer.encode("今", length)


def test_ids_without_a_token_are_refused():
    state = Tokenizer.from_texts(["今天天气"], 1, 8).to_dict()
    state["definition"]["model"]["vocab"]["天"] += 7
    with pytest.raises(ValueError, match="the ids of the vocabulary leave out"):
        Tokenizer.from_dict(state)


def test_what_comes_before_pieces_has_no_blank_behind_it(tmp_path):
    write_pieces(tmp_path)
    tokenizer = Tokenizer.from_folder(tmp_path)

    def pieces(ids):
        return [tokenizer.tokens[i] for i in ids[1:-1]]

    assert [pieces(encode("好")) for encode in (tokenizer.encode, tokenizer.encode_end)] == [
        ["▁", "好"],
        ["好"],
    ]
    assert pieces(tokenizer.encode("今天天气")) == ["▁今天", "天气"]
    assert pieces(tokenizer.encode_end("今天天气")) == ["今", "天", "天气"]
    assert len(tokenizer.encode_end("今" * 2000)) == 2002
    assert pieces(tokenizer.encode_end("")) == []
    net = masks.Transformer(len(tokenizer), 16, 1, 2, positions=0, segments=0).eval()
    net.preprocess = tokenizer
    (made,) = net.generate(["好"], order="rtl", length=4, method="sample", generator=0)
    assert made.endswith("好")
    assert not made.endswith(" 好")
