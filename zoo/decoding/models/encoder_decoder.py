"""Encoder-decoders of `transformers`, such as T5 and BART: the prompt is the encoder's."""

import inspect
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Source:
    """The state of an `EncoderDecoder`.

    Attributes:
        encoded: float (batch, time, width), the encoder's output.
        valid: bool (batch, time), false on padding, which is on the right.
        cache: the library's; None before the first step.
    """

    encoded: Tensor
    valid: Tensor
    cache: Any = None


class EncoderDecoder:
    """An encoder-decoder of `transformers`, with the library's own modules and cache.

    Prompts are sources; what is generated begins with the model's `decoder_start_token_id`, which
    is not among the new tokens.

    Args:
        model: a model that takes `encoder_outputs` and `decoder_input_ids`.

    Raises:
        ValueError: if its sources are not tokens, or nobody names the decoder's first token.
    """

    source = True

    def __init__(self, model: Any) -> None:
        name = type(model).__name__
        if model.main_input_name != "input_ids":
            raise ValueError(f"{name} reads {model.main_input_name}: expected a model of texts")
        settings = model.generation_config
        starts = settings.decoder_start_token_id, settings.bos_token_id
        self.start: Any = next((start for start in starts if start is not None), None)
        if self.start is None:
            raise ValueError(f"{name} has no decoder_start_token_id: set it in generation_config")
        self.model, self.cache = model, cache_name(model)
        self.eos_id = settings.eos_token_id
        self.vocabulary: int = model.get_input_embeddings().num_embeddings
        longest = getattr(model.config, "max_position_embeddings", None)
        self.positions = (longest, longest) if longest else None

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, Source]:
        """Encode the sources and read the decoder's first token; see `Decodable`."""
        tokens, valid = on_the_right(tokens, valid)
        device = device_of(self.model)
        tokens, valid = tokens.to(device), valid.to(device)
        encoder = self.model.get_encoder()
        encoded = encoder(input_ids=tokens, attention_mask=valid.long()).last_hidden_state
        first = torch.full((len(tokens),), self.start, device=encoded.device)
        return self.step(first, Source(encoded, valid))

    def step(self, tokens: Tensor, state: Source) -> tuple[Tensor, Source]:
        """Read one more token of each row; see `Decodable`."""
        output = self.model(
            encoder_outputs=(state.encoded,),
            attention_mask=state.valid.long(),
            decoder_input_ids=tokens[:, None],
            use_cache=True,
            **{self.cache: state.cache},
        )
        return output.logits[:, -1], replace(state, cache=output[self.cache])

    def reorder(self, state: Source, rows: Tensor) -> Source:
        """Pick rows; see `Decodable`."""
        state.cache.reorder_cache(rows)
        return Source(state.encoded[rows], state.valid[rows], state.cache)


def cache_name(model: Any) -> str:
    """Return what a model of `transformers` calls its cache, in older ones `past_key_values`."""
    return "cache" if "cache" in parameters(model) else "past_key_values"


def parameters(model: Any) -> set[str]:
    """Return the names of a model's arguments; of a subclass that passes all on, its parents'."""
    found: set[str] = set()
    for kind in type(model).__mro__:
        if "forward" in vars(kind):
            own = inspect.signature(kind.forward).parameters
            found |= own.keys()
            if not any(p.kind is p.VAR_KEYWORD for p in own.values()):
                break
    return found


def device_of(model: Any) -> torch.device:
    """Return where a model wants its tokens, also if its weights are loaded when they are used."""
    return torch.device("cpu") if model.device.type == "meta" else model.device


def on_the_right(tokens: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return prompts whose padding is on the right, where positions are counted from the left.

    Args:
        tokens: int64 (batch, time), padded on the left.
        valid: bool (batch, time), false on padding.
    """
    order = (~valid).long().argsort(dim=1, stable=True)
    return tokens.gather(1, order), valid.gather(1, order)
