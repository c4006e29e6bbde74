import struct

import masks_e5 as e5
import numpy as np
import pytest
import torch
from masks_backbone import frequent_tokens, shallower
from transformers import BertModel

from zoo.masks import padding
from zoo.masks.bert import from_bert

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "天", "气", "天气", "很", "好", "a", ",", "<mask>"]
SIZES = {"hidden": 32, "depth": 2, "heads": 2, "inner": 64, "positions": 16, "kinds": 2}


def quantise(weights):
    """Write Q4_0 blocks, one number at a time, as the format is described."""
    out = b""
    for block in weights.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7 or 1)
        steps = np.clip(np.round(block / np.float32(scale)) + 8, 0, 15).astype(int)
        nibbles = bytes(int(steps[j] | steps[j + 16] << 4) for j in range(16))
        out += scale.tobytes() + nibbles
    return out


def tensors(rng):
    width, inner = SIZES["hidden"], SIZES["inner"]
    found = {
        "emb.word": (True, (len(PIECES), width)),
        "emb.pos": (False, (SIZES["positions"], width)),
        "emb.type": (False, (SIZES["kinds"], width)),
        "emb.ln.w": (False, (width,)),
        "emb.ln.b": (False, (width,)),
    }
    for layer in range(SIZES["depth"]):
        for part in ("q", "k", "v", "ao"):
            found[f"l{layer}.{part}.w"] = (True, (width, width))
            found[f"l{layer}.{part}.b"] = (False, (width,))
        found |= {f"l{layer}.fi.w": (True, (inner, width)), f"l{layer}.fi.b": (False, (inner,))}
        found |= {f"l{layer}.fo.w": (True, (width, inner)), f"l{layer}.fo.b": (False, (width,))}
        for norm in ("aln", "oln"):
            found |= {f"l{layer}.{norm}.{kind}": (False, (width,)) for kind in "wb"}
    return {
        name: (packed, rng.normal(size=shape).astype(np.float32))
        for name, (packed, shape) in found.items()
    }


@pytest.fixture
def weights():
    return tensors(np.random.default_rng(0))


@pytest.fixture
def file(tmp_path, weights):
    blob = "".join(PIECES).encode()
    ends = np.cumsum([0] + [len(piece.encode()) for piece in PIECES], dtype="<u4")
    head = e5.MAGIC + struct.pack("<I7i", 1, 32, 2, 2, 64, len(PIECES), 16, 2)
    head += struct.pack("<fi5iQ", 1e-12, 32, len(PIECES), 0, 2, 1, 3, len(blob))
    head += ends.tobytes() + np.arange(0, -len(PIECES), -1, dtype="<f4").tobytes() + blob
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xFF0C, 1, ord(","))
    content = {
        name: quantise(values) if packed else values.tobytes()
        for name, (packed, values) in weights.items()
    }
    size = len(head) + 4 + sum(23 + len(name) for name in content)
    directory = struct.pack("<i", len(content))
    at = size
    for name, data in content.items():
        packed, values = weights[name]
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", packed, values.size, at, len(data))
        at += len(data)
    path = tmp_path / "e5.bin"
    path.write_bytes(head + directory + b"".join(content.values()))
    return path


def test_a_block_is_a_scale_times_nibbles_less_eight():
    nibbles = bytes(range(16))  # low nibble j, high nibble 0
    block = np.float16(0.5).tobytes() + nibbles
    expected = [0.5 * (j - 8) for j in range(16)] + [-4.0] * 16
    assert e5.dequantise(block, 32).tolist() == expected


def test_the_file_comes_back_within_half_a_step(file, weights):
    found = e5.read(file)
    assert found.pieces == PIECES
    for name, (packed, values) in weights.items():
        tensor = found.tensors[e5._bert_name(name)].numpy()
        step = np.abs(values).max() / 7 if packed else 0
        assert tensor.shape == values.shape
        assert np.abs(tensor - values).max() <= 0.51 * step + 1e-7


def test_transformers_reads_the_folder_and_agrees(file, tmp_path):
    folder = e5.convert(file, tmp_path / "e5")
    theirs, info = BertModel.from_pretrained(
        folder, add_pooling_layer=False, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    ours = from_bert(folder)
    ids = ours.preprocess(["天气很好", "天"])
    valid = ids != ours.preprocess.padding
    expected = theirs.eval()(ids, attention_mask=valid.long()).last_hidden_state
    found = ours.encode(ids, mask=padding(valid))
    torch.testing.assert_close(found[valid], expected[valid], rtol=1e-4, atol=1e-4)


def test_texts_become_the_most_probable_pieces(file, tmp_path):
    tokenizer = from_bert(e5.convert(file, tmp_path / "e5")).preprocess
    ids = tokenizer.encode("天气，\t很好ａ")
    names = [tokenizer.tokens[i] for i in ids]
    assert names == ["<s>", "▁", "天气", ",", "▁", "很", "好", "a", "</s>"]
    assert tokenizer.decode(ids) == "天气, 很好a"


@pytest.mark.parametrize("damage", ["magic", "short"])
def test_another_file_is_refused(file, damage):
    content = file.read_bytes()
    file.write_bytes(b"E5S2" + content[4:] if damage == "magic" else content[:-100])
    with pytest.raises(ValueError, match="expected b'E5S1'" if damage == "magic" else "cut short"):
        e5.read(file)


def test_the_tokens_that_are_kept_can_spell_the_others(file, tmp_path):
    net = from_bert(e5.convert(file, tmp_path / "e5"))
    texts = ["天气很好", "天气好", "a"]
    tokens = frequent_tokens(net.preprocess, texts, 4)
    assert set(tokens) == {"▁", "天", "气", "好"}  # and not 天气, which is as frequent
    assert "天气" in frequent_tokens(net.preprocess, texts, 7)


def test_a_shallower_network_is_the_first_layers(file, tmp_path):
    net = from_bert(e5.convert(file, tmp_path / "e5"))
    one = shallower(net, 1)
    del net.encoder.blocks[1:]
    ids = net.preprocess(["天气很好"])
    torch.testing.assert_close(one.eval()(ids), net(ids))
