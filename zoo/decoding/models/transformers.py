"""Models of `transformers` as the engine wants them."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from zoo.decoding.cpu.inference import prepared
from zoo.decoding.engine.protocol import Decodable
from zoo.decoding.engine.record import end_ids
from zoo.decoding.models.gpt2 import GPT2Steps, is_plain_gpt2


class CausalModel:
    """Any causal language model of `transformers`, with the library's own modules and cache.

    Args:
        model: a model that takes `attention_mask` and `position_ids`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        positions = getattr(model.config, "max_position_embeddings", None)
        self.positions: int | None = positions if positions and positions > 0 else None
        self.vocabulary: int | None = getattr(model.get_input_embeddings(), "num_embeddings", None)
        accepted = inspect.signature(model.forward).parameters
        # older transformers call it past_key_values
        self.cache = "cache" if "cache" in accepted else "past_key_values"
        # a state-space model has no past to mask: its mask is for what it reads now
        self.forgets = getattr(model, "_is_stateful", False) and "position_ids" not in accepted

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, "Past"]:
        """Read the prompts; see `Decodable`."""
        valid = valid.to(self.model.device)
        positions = (valid.cumsum(1) - 1).clamp(min=0)
        return self.run(tokens.to(self.model.device), valid, positions, logits_to_keep=1)

    def step(self, tokens: Tensor, state: "Past") -> tuple[Tensor, "Past"]:
        """Read one more token of each row; see `Decodable`."""
        valid = state.valid[:, :0] if self.forgets else state.valid
        valid = F.pad(valid, (0, 1), value=True)
        positions = valid.sum(1, keepdim=True) - 1
        return self.run(tokens[:, None], valid, positions, **{self.cache: state.cache})

    def run(
        self, tokens: Tensor, valid: Tensor, positions: Tensor, **options: Any
    ) -> tuple[Tensor, "Past"]:
        """Call the model.

        Raises:
            ValueError: if it gives no cache of the library's.
        """
        output = self.model(
            input_ids=tokens,
            attention_mask=valid.long(),
            position_ids=positions,
            use_cache=True,
            output_hidden_states=True,
            **options,
        )
        if self.cache not in output:
            raise ValueError(f"{type(self.model).__name__} gives no {self.cache}: it is not taken")
        return output.logits[:, -1], Past(output[self.cache], valid, output.hidden_states[-1])

    def reorder(self, state: "Past", rows: Tensor) -> "Past":
        """Pick rows; see `Decodable`."""
        state.cache.reorder_cache(rows)
        return replace(state, valid=state.valid[rows])

    def hidden(self, state: "Past") -> Tensor:
        """Return the last layer's output; see `Contrastable`."""
        return state.hidden


@dataclass(frozen=True)
class Past:
    """The state of a `CausalModel`.

    Attributes:
        cache: the library's.
        valid: bool (batch, time), false on the padding of the prompts.
        hidden: float (batch, time, width), the last layer's output for the tokens last read.
    """

    cache: Any
    valid: Tensor
    hidden: Tensor


def as_decodable(model: Any) -> Decodable[Any]:
    """Return the model as the engine wants it.

    Args:
        model: a `Decodable`, what has one to give (`as_decodable`), or a causal language model of
            `transformers`.

    Raises:
        ValueError: if it is none of these, or is in training mode.
    """
    if getattr(model, "training", False):
        raise ValueError(f"{type(model).__name__} is in training mode: call model.eval() first")
    if isinstance(model, Decodable):
        return model
    if hasattr(model, "as_decodable"):
        return model.as_decodable()
    if type(model).__module__.startswith("transformers."):
        if model.config.is_encoder_decoder or not model.can_generate():
            raise ValueError(f"{type(model).__name__} is no causal language model")
        return prepared(model, GPT2Steps) if is_plain_gpt2(model) else CausalModel(model)
    raise ValueError(
        f"{type(model).__name__} cannot be decoded: it needs prefill, step and reorder (see "
        "zoo.decoding.Decodable), or as_decodable, or to be a causal model of transformers"
    )


def ends_of(model: Any, eos_id: int | Sequence[int] | None = None) -> tuple[int, ...]:
    """Return the end tokens that a user names, or else the model.

    Args:
        model: what `generate` takes; it may have an `eos_id`, or the settings of `transformers`.
        eos_id: the end token, or several; default the model's.

    Raises:
        ValueError: if nobody names the end.
    """
    if eos_id is None:
        settings = getattr(model, "generation_config", None)
        eos_id = getattr(model, "eos_id", getattr(settings, "eos_token_id", None))
    if not (ends := end_ids(eos_id)):
        raise ValueError(f"{type(model).__name__} has no eos_id: name the end with eos_id=")
    return ends


def caller_ends() -> tuple[int, ...]:
    """Return the end tokens of the `generate` of `transformers` that this is called from.

    It gives its processors tokens and scores, and no way to ask for more; but its settings, the
    model's and the caller's in one, are a variable of a frame above.

    Returns:
        The ids; none if there is no such frame, or no end token in its settings.
    """
    frame = inspect.currentframe()
    while frame:
        if frame.f_globals.get("__name__", "").startswith("transformers.generation."):
            settings = frame.f_locals.get("generation_config")
            if settings is not None:
                return end_ids(settings.eos_token_id)
        frame = frame.f_back
    return ()
