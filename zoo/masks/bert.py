"""BERT checkpoints of the Hugging Face Hub as networks of the zoo."""

import functools
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from zoo import hub
from zoo.checkpoint.weights import all_finite, sketch
from zoo.errors import one_line
from zoo.files import expand_home, json_object
from zoo.masks.net import Transformer
from zoo.masks.tokenizer import Tokenizer

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"  # of weights in several files
FILES = ("config.json", WEIGHTS, INDEX, "tokenizer.json", "vocab.txt", "tokenizer_config.json")
SIZES = {
    "vocab_size": "vocabulary",
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "heads",
    "intermediate_size": "hidden",
    "max_position_embeddings": "positions",
    "type_vocab_size": "segments",
}
SPARE_ROWS = 128  # embeddings are padded to a round number of rows, multilingual-e5's by 35
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}

_LEGACY = ((r"^bert\.", ""), (r"\.gamma$", ".weight"), (r"\.beta$", ".bias"))
_NAMES = {
    "embeddings.word_embeddings": "encoder.token_embedding",
    "embeddings.position_embeddings": "encoder.position_embedding",
    "embeddings.token_type_embeddings": "encoder.segment_embedding",
    "embeddings.LayerNorm": "encoder.embedding_norm",
    "cls.predictions.transform.dense": "head.transform.0",
    "cls.predictions.transform.LayerNorm": "head.transform.2",
}
_LAYER_NAMES = {
    "attention.self.query_key_value": "attention.query_key_value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "perceptron.0",
    "output.dense": "perceptron.2",
    "output.LayerNorm": "perceptron_norm",
}


def from_bert(
    name_or_folder: str | Path,
    *,
    keep_tokens: Literal["zh"] | Collection[str] | None = None,
    max_length: int | None = None,
    revision: str | None = None,
) -> Transformer:
    """Load a BERT of `transformers`: BERT, RoBERTa-wwm, MacBERT, multilingual-e5 and their like.

    Args:
        name_or_folder: a folder with `config.json`, `model.safetensors` or its shards, and
            `tokenizer.json` or `vocab.txt`; or a Hub repository, as `owner/name`, or one of BERT's
            first ones by its short name, such as `bert-base-chinese`.
        keep_tokens: which tokens to keep, as for `Tokenizer.trim`: the rows of the embeddings and
            of the head's bias are chosen to match. Default all.
        max_length: of the tokenizer; default as many tokens as the network has positions.
        revision: of a repository; default its main branch.

    Returns:
        The network in evaluation mode, its tokenizer attached as `preprocess`. A checkpoint
        without a head for tokens gets the bare embeddings as its head (`head="tied"`), with a bias
        of 0. A pooler, or a head for anything else, is left out.

    Raises:
        FileNotFoundError: if there is no such folder or repository, or a file is missing.
        ValueError: if it is no BERT, the tensors do not fit, or the vocabulary does not.

    Example:
        >>> bert = from_bert("bert-base-chinese", keep_tokens="zh")  # doctest: +SKIP
        >>> bert(bert.preprocess(["今天天气很好"])).shape  # doctest: +SKIP
        torch.Size([1, 8, 13584])
    """
    folder = _find(name_or_folder, revision)
    config = _read_config(folder)
    try:
        tensors = translate(_read_tensors(folder))
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{folder / WEIGHTS} is of no BERT: {one_line(error)}") from error
    arguments = _arguments(config, tensors, folder)
    positions = arguments["positions"]
    tokenizer = Tokenizer.from_folder(folder, positions if max_length is None else max_length)
    _require_match(tokenizer, arguments["vocabulary"], folder)
    build = functools.partial(Transformer, **arguments, padding=tokenizer.padding)
    _require_same(sketch(build, len(tensors), folder / WEIGHTS), tensors, folder)
    if keep_tokens is not None:
        tokenizer, rows = tokenizer.trim(keep_tokens)
        for name in ("encoder.token_embedding.weight", "head.bias"):
            tensors[name] = tensors[name][rows]
        build = functools.partial(build, vocabulary=len(rows), padding=tokenizer.padding)
    net = build()
    net.load_state_dict({name: tensors[name].float() for name in net.state_dict()})
    net.preprocess = tokenizer
    return net.eval()


def _find(name_or_folder: str | Path, revision: str | None) -> Path:
    """Return the folder with the files, downloading them if need be."""
    folder = expand_home(name_or_folder)
    if folder.is_dir():
        return folder
    repo = repository(name_or_folder)
    folder = hub.fetch(repo, FILES, revision=revision)
    shards = _weight_files(folder)
    return folder if shards == [WEIGHTS] else hub.fetch(repo, shards, revision=folder.name)


def repository(name: str | Path) -> str:
    """Return a repository's full name; BERT's first ones are from before the Hub had owners."""
    name = str(name)
    return f"google-bert/{name}" if re.fullmatch(r"bert-[\w-]+", name) else name


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no config.json: give the folder of a BERT")
    try:
        config = json_object(path.read_bytes(), str(path))
        kind, positions = config["model_type"], config.get("position_embedding_type", "absolute")
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path} is no configuration of transformers: {error}") from error
    if kind != "bert" or positions != "absolute":
        raise ValueError(
            f"{path}: model_type is {kind!r} with {positions} positions, expected 'bert' with "
            "absolute ones (RoBERTa-wwm and MacBERT are of that type)"
        )
    return config


def _weight_files(folder: Path) -> list[str]:
    """Return the names of the files that hold the weights: one, or those that an index lists."""
    path = folder / INDEX
    if (folder / WEIGHTS).is_file() or not path.is_file():
        return [WEIGHTS]
    try:
        names = sorted(set(json.loads(path.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no index of weights: {error!r}") from error
    if strange := [name for name in names if Path(str(name)).name != name]:
        raise ValueError(f"{path} names {strange[0]!r}: expected files of its own folder")
    return names


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name in _weight_files(folder):
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing; a pickle, such as pytorch_model.bin, is not read: load it "
                "with transformers once and call save_pretrained(folder)"
            )
        try:
            tensors |= load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is no safetensors file: {error}") from error
    return tensors


def translate(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors of a BERT our names; queries, keys and values become one matrix."""
    for pattern, new in _LEGACY:
        theirs = {re.sub(pattern, new, name): tensor for name, tensor in theirs.items()}
    for name in [name for name in theirs if ".self.query." in name]:
        parts = [
            theirs.pop(name.replace(".query.", f".{part}.")) for part in ("query", "key", "value")
        ]
        theirs[name.replace(".query.", ".query_key_value.")] = torch.cat(parts)
    ours = {new: tensor for name, tensor in theirs.items() if (new := _our_name(name))}
    embeddings = ours["encoder.token_embedding.weight"]
    decoder = theirs.get("cls.predictions.decoder.weight", embeddings)
    if not torch.equal(decoder, embeddings):
        raise ValueError("its head is not tied to its embeddings: such a BERT is not supported")
    bias = theirs.get("cls.predictions.bias", theirs.get("cls.predictions.decoder.bias"))
    ours["head.bias"] = torch.zeros(len(embeddings)) if bias is None else bias
    return ours


def _our_name(name: str) -> str | None:
    """Translate a name; None for what the network does not have, such as the pooler."""
    part, _, kind = name.rpartition(".")
    if part in _NAMES:
        return f"{_NAMES[part]}.{kind}"
    layer = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)", part)
    if layer and layer[2] in _LAYER_NAMES:
        return f"encoder.blocks.{layer[1]}.{_LAYER_NAMES[layer[2]]}.{kind}"
    return None


def _arguments(config: dict[str, Any], tensors: dict[str, Tensor], folder: Path) -> dict[str, Any]:
    """Return the constructor's arguments, all but `padding`."""
    if absent := [name for name in SIZES if not isinstance(config.get(name), int)]:
        raise ValueError(
            f"{folder / 'config.json'}: {absent[0]} is {config.get(absent[0])!r}, expected a number"
        )
    activation = config.get("hidden_act", "gelu")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"{folder / 'config.json'}: hidden_act is {activation!r}, expected one of "
            f"{', '.join(ACTIVATIONS)}"
        )
    return {
        **{ours: config[theirs] for theirs, ours in SIZES.items()},
        "dropout": config.get("hidden_dropout_prob", 0.1),
        "activation": ACTIVATIONS[activation],
        "epsilon": config.get("layer_norm_eps", 1e-12),
        "head": "bert" if "head.transform.0.weight" in tensors else "tied",
    }


def _require_match(tokenizer: Tokenizer, rows: int, folder: Path) -> None:
    """Refuse a vocabulary that another checkpoint must have been trained with."""
    if not 0 <= rows - len(tokenizer) < SPARE_ROWS:
        raise ValueError(
            f"{folder}: the vocabulary has {len(tokenizer)} tokens and the network {rows}: take "
            "both from the same checkpoint"
        )


def _require_same(net: nn.Module, tensors: dict[str, Tensor], folder: Path) -> None:
    """Refuse tensors that are not those of a network, before memory is taken for it."""
    wrong = [
        f"{name} is {tuple(tensors[name].shape)} there, {tuple(tensor.shape)} by its config"
        if name in tensors
        else f"{name} is missing"
        for name, tensor in net.state_dict(keep_vars=True).items()
        if name not in tensors or tensors[name].shape != tensor.shape
    ]
    if wrong:
        raise ValueError(
            f"{folder / WEIGHTS} does not fit its config.json: {wrong[0]}"
            + (f", and {len(wrong) - 1} more" if wrong[1:] else "")
        )
    real = {n: t.is_floating_point() and all_finite(t) for n, t in tensors.items()}
    if odd := [name for name, is_real in real.items() if not is_real]:
        raise ValueError(
            f"{folder / WEIGHTS}: {odd[0]} has values that are not finite numbers; get it again"
        )
