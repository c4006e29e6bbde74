"""Which form the engine decodes a model in, and which end a model has."""

import warnings
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from zoo.decoding.engine.protocol import Decodable
from zoo.decoding.engine.stop import token_list
from zoo.decoding.models.transformers import from_transformers, is_of_transformers
from zoo.layers.evaluation import require_evaluation


def as_decodable(model: Any) -> Decodable[Any]:
    """Return the model in the form that the engine decodes.

    The weights may be laid out anew, for a faster product on a CPU: the result has the weights of
    this moment. `generate` does so at each call; to do it once for many calls, give `generate` the
    result.

    Args:
        model: a `Decodable`, what has one to give (`as_decodable`), or a model of `transformers`,
            also compiled or with adapters of `peft`.

    Raises:
        ValueError: if it is none of these, or is in training mode.
    """
    require_evaluation(model)
    model = getattr(model, "_orig_mod", model)  # what torch.compile has wrapped
    if isinstance(model, Decodable):
        return model
    if hasattr(model, "as_decodable"):
        return model.as_decodable()
    if is_of_transformers(model):
        return from_transformers(model)
    raise ValueError(
        f"{type(model).__name__} cannot be decoded: it needs prefill, step and reorder (see "
        "zoo.decoding.Decodable), or as_decodable, or to be a causal model of transformers"
    )


def model_ends(
    model: Any, eos_id: int | Sequence[int] | None = None, vocabulary: int | None = None
) -> tuple[int, ...]:
    """Return the end tokens that a user names, or else those of the model; none if there are none.

    Args:
        model: what `generate` takes; it may have an `eos_id`, or the settings of `transformers`.
        eos_id: the end token, or several; default the model's.
        vocabulary: number of token ids, if known: what a model's settings name beyond is no end.
    """
    if eos_id is not None:
        return token_list("eos_id", eos_id)
    settings = getattr(model, "generation_config", None)
    own = getattr(model, "eos_id", getattr(settings, "eos_token_id", None))
    ends = token_list("eos_id", own)
    return tuple(end for end in ends if vocabulary is None or end < vocabulary)


def ends_of(model: Any, eos_id: int | Sequence[int] | None = None) -> tuple[int, ...]:
    """Return the end tokens that a user names, or else those of the model.

    Args:
        model: as for `model_ends`.
        eos_id: as for `model_ends`.

    Raises:
        ValueError: if nobody names the end.
    """
    if not (ends := model_ends(model, eos_id)):
        raise ValueError(f"{type(model).__name__} has no eos_id: name the end with eos_id=")
    return ends


def warn_of_padding(model: Any, prompts: Tensor) -> None:
    """Warn of a tensor in which some rows, but not all, begin or end with the padding token.

    Args:
        model: as for `generate`; without a known padding token there is no warning.
        prompts: int64 (batch, time).
    """
    padding = padding_of(model)
    if padding is None or prompts.dim() != 2 or not prompts.numel():
        return
    for side, column in (("begin", 0), ("end", -1)):
        padded = int((prompts[:, column] == padding).sum())
        if 0 < padded < len(prompts):
            warnings.warn(
                f"{padded} of {len(prompts)} prompts {side} with the padding token {padding}, and "
                "it is read as text: give valid=, the tokenizer's attention_mask",
                stacklevel=4,
            )


def padding_of(model: Any) -> int | None:
    """Return the padding token that a model's settings or embeddings name, or None."""
    settings = getattr(model, "generation_config", None)
    if (padding := getattr(settings, "pad_token_id", None)) is not None:
        return padding
    parts = model.modules() if isinstance(model, nn.Module) else ()
    found = (part.padding_idx for part in parts if isinstance(part, nn.Embedding))
    return next(found, None)
