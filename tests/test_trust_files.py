"""A stranger's files are refused before they fill the memory, write elsewhere or act."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hub_server import HubServer
from safetensors.torch import load_file, save_file

import zoo
from zoo import cli, hub, registry
from zoo.checkpoint.integrity import LARGEST, SUMS, verify, write_sums
from zoo.errors import printable
from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.knowledge.entities import Entity
from zoo.masks.bert import from_bert
from zoo.masks.tokenizer import Tokenizer
from zoo.training.plain import is_configuration
from zoo.words.counting.counts import MAGIC, Counts
from zoo.words.kernels.rows import ROW
from zoo.words.lexicon import COLUMNS, Lexicon

ESCAPE = "\x1b]0;owned\x07\x9b31m"


def stranger(name, tmp_path):
    return Path(shutil.copytree(registry.describe(name).checkpoint, tmp_path / "stranger"))


def edit(path, **changes):
    content = json.loads(path.read_text("utf-8"))
    content.get("arguments", {}).update(changes.pop("arguments", {}))
    path.write_text(json.dumps(content | changes), "utf-8")
    write_sums(path.parent)


# counts and lexicons, which kernels index by


def counts_file(path, alphabet=(0x4E00, 0x4E01), rows=((0x1000200010002, 0x20001, 5),), **changes):
    codes = changes.pop("codes", [1, 2] * 10)
    sizes = [[len(alphabet), len(rows), len(codes)]]
    head = {"characters": "unspaced", "half_width": False, "windows": "exact", "sizes": sizes}
    content = MAGIC + json.dumps(head | changes).encode() + b"\n"
    for numbers, kind in ((alphabet, np.uint32), (rows, ROW), (codes, np.uint16)):
        content += np.array(list(numbers), kind).tobytes()
    path.write_bytes(content + hashlib.sha256(content).digest())
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": [(0xFFFF0002_00010002, 0x20001, 5)]},  # would count beyond the characters
        {"rows": [(0x1_0002_0001_0002, 0x2FFFF, 5)]},
        {"rows": [(0x2_0001_0001_0001, 1, 5), (0x1_0001_0001_0001, 1, 5)]},  # would not end
        {"rows": [(0x1_0002_0001_0002, 9, 5), (0x1_0002_0001_0002, 1, 5)]},
        {"windows": "padded", "rows": [(0x1_0002_0001_0002, 8, 5)]},
        {"codes": [60_000] * 20},
        {"alphabet": [0x4E00, 0xFFFFFFFF]},
        {"alphabet": [0x4E01, 0x4E00]},
        {"alphabet": [0, 0x4E00]},
        {"sizes": [[2, 10**12, 10**12]]},
        {"sizes": [[2, -1, 20]]},
        {"sizes": "x"},
        {"windows": "open"},
        {"more": 1},
    ],
)
def test_counts_lead_no_kernel_beyond_its_arrays(changes, tmp_path):
    path = counts_file(tmp_path / "own.counts")
    assert Counts.load(path).length == 20
    with pytest.raises(ValueError, match=r"no counts that Counts\.save wrote"):
        Counts.load(counts_file(tmp_path / "a.counts", **changes))


@pytest.mark.parametrize("count", ["nan", "inf", "-5", "1e300", "9" * 400])
@pytest.mark.parametrize("others", ["\t1\t1\t1\t1", "\t\t\t\t"])
def test_a_lexicon_has_counts_with_logarithms(count, others, tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("\t".join(COLUMNS) + f"\n今天\t{count}{others}\n", "utf-8")
    with pytest.raises(ValueError, match=r"words\.tsv:2: the count is"):
        Lexicon.load(path)


@pytest.mark.parametrize("row", ["", "x" * 200_000 + "\t9\t1\t1\t1\t1"])
def test_a_lexicon_of_odd_rows_is_named(row, tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("\t".join(COLUMNS) + f"\n{row}\n", "utf-8")
    with pytest.raises(ValueError, match=r"words\.tsv"):
        Lexicon.load(path)


# tokenizers and networks that take all memory


def doubling(times, rule):
    return {"type": "Sequence", "normalizers": [rule] * times}


TWICE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
LONG = (256).to_bytes(4, "little") + bytes(256) + b"a" * 1000 + b"\0"  # a trie, and a string
BETWEEN = {"type": "Replace", "pattern": {"Regex": ""}, "content": "a"}


@pytest.mark.parametrize(
    "normalizer",
    [
        doubling(40, TWICE),
        doubling(40, BETWEEN),
        doubling(40, {"type": "ByteLevel"}),
        doubling(2, doubling(20, TWICE)),
        TWICE | {"content": "a" * 1000},
        {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(LONG).decode()},
    ],
)
def test_no_tokenizer_makes_a_text_far_longer(normalizer):
    state = Tokenizer.from_texts(["ab"], 1, 8).to_dict()
    Tokenizer.from_dict(state)
    state["definition"]["normalizer"] = normalizer
    with pytest.raises(ValueError, match="times as long: expected at most"):
        Tokenizer.from_dict(state)


def test_no_word_of_a_tokenizer_is_endless():
    state = Tokenizer.from_texts(["ab"], 1, 8).to_dict()
    state["definition"]["model"]["max_input_chars_per_word"] = 10**9
    with pytest.raises(ValueError, match="max_input_chars_per_word is 1000000000"):
        Tokenizer.from_dict(state)


@pytest.mark.parametrize("name", ["gan_r1_fashion", "nvae_tiny_digits"])
@pytest.mark.parametrize("blocks", [40, 10**12, 1 << 62])
def test_no_power_of_two_fills_the_memory(name, blocks, tmp_path):
    folder = stranger(name, tmp_path)
    edit(folder / "config.json", arguments={"blocks": blocks})
    with pytest.raises(ValueError, match=r"cannot be built: (shape|pictures)"):
        zoo.load(folder)


@pytest.mark.parametrize("epsilon", [float("nan"), -1, "x", [1e-5], None])
def test_a_network_has_numbers_for_numbers(epsilon, tmp_path):
    folder = stranger("adversarial_fgm_poems", tmp_path)
    edit(folder / "config.json", arguments={"epsilon": epsilon})
    with pytest.raises(ValueError, match="epsilon is"):
        zoo.load(folder)


@pytest.mark.parametrize("name", [SUMS, "config.json", "preprocess.json"])
def test_a_file_with_holes_is_not_read_whole(name, tmp_path):
    folder = stranger("pictures_digits", tmp_path)
    with (folder / name).open("r+b") as file:
        file.truncate(LARGEST + 1)
    if name != SUMS:
        write_sums(folder)
    with pytest.raises(ValueError, match=f"{name} has {LARGEST + 1} bytes"):
        zoo.load(folder)


def test_a_string_is_not_read_as_values():
    bomb = "a0: &a0 {k: v}, " + ", ".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 12)
    )
    assert is_configuration(f"{{{bomb}}}")  # PyYAML before 6.0.4 would take 9^11 pairs
    assert not is_configuration("no: configuration: at all")
    assert not is_configuration("data/reviews.csv")


def test_a_bert_of_odd_tensors_is_refused(tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 6, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.BertConfig(**sizes, intermediate_size=16, max_position_embeddings=16)
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    from_bert(tmp_path)
    path = tmp_path / "model.safetensors"
    good = load_file(path)
    for odd in (
        {name: tensor for name, tensor in good.items() if "self.key" not in name},
        {name: tensor for name, tensor in good.items() if "word_embeddings" not in name},
        {name: tensor.to(torch.complex64) for name, tensor in good.items()},
        {name: tensor.to(torch.float8_e4m3fn) for name, tensor in good.items()},
        {name: tensor.to(torch.int32) for name, tensor in good.items()},
    ):
        save_file(odd, path)
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            from_bert(tmp_path)


# what would be written or deleted elsewhere


def test_a_knowledge_base_writes_through_no_link(tmp_path):
    victim = tmp_path / "victim"
    entities = [Entity("1", ("蘇軾",)), Entity("2", ("杜甫",))]
    for name in ("knowledge.alive.2.npy", "knowledge.1.jsonl"):
        folder = tmp_path / name
        knowledge = KnowledgeBase.build(entities[:1], folder)
        if (folder / name).exists():
            (folder / name).rename(victim)
        (folder / name).symlink_to(victim)
        with victim.open("ab") as file:
            file.write(b"precious")
        before = victim.read_bytes()
        for change in (
            lambda kb=knowledge: kb.add(entities[1:]),
            lambda kb=knowledge: kb.remove(["1"]),
            lambda to=folder: KnowledgeBase.build(entities, to),
        ):
            with pytest.raises(ValueError, match=f"{name} is a link"):
                change()
        assert victim.read_bytes() == before


@pytest.mark.parametrize("changes", [{"generation": "1/../x"}, {"size": -1}, {"size": True}])
def test_a_knowledge_base_names_its_own_files(changes, tmp_path):
    KnowledgeBase.build([Entity("1", ("蘇軾",))], tmp_path)
    edit(tmp_path / "knowledge.json", **changes)
    with pytest.raises(ValueError, match="is damaged"):
        KnowledgeBase.open(tmp_path)


def test_no_answer_of_a_hub_names_a_folder_elsewhere(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").touch()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("zoo.hub.download.PAUSES", (0.0,))
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        repo = server.repos["a/b"] = type("Repo", (), {})()
        repo.private = repo.gated = False
        repo.tags, repo.head = {}, "../../../victim"
        repo.commits = {repo.head: {SUMS: b"x\n"}}
        repo.find = lambda revision: repo.head
        with pytest.raises(ValueError, match=r"the commit '\.\./\.\./\.\./victim': expected"):
            hub.pull("a/b")
    assert (victim / "precious").exists()


# what would act on the terminal, or be taken for more than it is


def test_no_error_acts_on_the_terminal(tmp_path, capsys):
    folder = stranger("adversarial_fgm_poems", tmp_path)
    (folder / ESCAPE).touch()
    with pytest.raises(ValueError, match="a line in SHA256SUMS"):
        verify(folder)
    with pytest.raises(SystemExit):
        cli.main(["show", str(folder)])
    (folder / ESCAPE).unlink()
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(yaml.safe_load(recipe.read_text()) | {ESCAPE: 1}), "utf-8")
    write_sums(folder)
    with pytest.raises(SystemExit):
        cli.main(["fit", str(folder)])
    written = capsys.readouterr().err
    assert written.count("owned") == 2
    assert written == printable(written)


def test_no_entity_acts_on_the_terminal(tmp_path, capsys):
    KnowledgeBase.build([Entity("1", ("a b",), ESCAPE)], tmp_path)
    cli.main(["knowledge", "show", str(tmp_path), "--name", "a b"])
    written = capsys.readouterr().out
    assert json.loads(written)["names"] == ["a b"]
    assert written == printable(written)


def test_a_damaged_knowledge_base_is_told_in_a_line(tmp_path, capsys):
    KnowledgeBase.build([Entity("1", ("a b",))], tmp_path)
    np.save(tmp_path / "knowledge.rows.1.npy", np.array([7], np.int32))
    with pytest.raises(SystemExit):
        cli.main(["knowledge", "show", str(tmp_path), "--name", "a b"])
    assert "the knowledge base is damaged" in capsys.readouterr().err


def test_a_recipe_that_measures_a_part_is_told(tmp_path, capsys):
    folder = stranger("adversarial_fgm_poems", tmp_path)
    recipe = folder / "recipe.yaml"
    content = yaml.safe_load(recipe.read_text())
    content["trainer"]["limit_test_batches"] = 1
    content["data"]["init_args"]["path"] = None
    recipe.write_text(yaml.safe_dump(content), "utf-8")
    write_sums(folder)
    cli.run(["test", str(folder), "--trainer.accelerator", "cpu"])
    told = capsys.readouterr().out
    assert "trainer.limit_test_batches is 1: what is measured is a part of the split" in told


@pytest.mark.parametrize("count", [-1, 1.5, True, 1 << 60])
def test_the_counts_of_annotators_are_counts(count, tmp_path):
    folder = stranger("linking_poets", tmp_path)
    marked = json.loads((folder / "behaviour.json").read_text("utf-8"))["marked"]
    edit(folder / "behaviour.json", marked=marked | {"蘇軾": count})
    with pytest.raises(ValueError, match="behaviour cannot be opened: a count is"):
        zoo.load(folder)
