"""Models of `transformers` as the engine wants them."""

import inspect
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from zoo.decoding.engine.protocol import Decodable
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
        self.eos_id = model.generation_config.eos_token_id
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


def is_of_transformers(model: Any) -> bool:
    """Return whether a model is one of `transformers`, a subclass of one, or has its adapters."""
    kinds = type(model).__mro__
    library = any(
        kind.__name__ == "PreTrainedModel" and kind.__module__.startswith("transformers.")
        for kind in kinds
    )
    return library or type(model).__module__.startswith("peft.")


def from_transformers(model: Any) -> Decodable[Any]:
    """Return a model of `transformers` in the form that the engine decodes.

    Raises:
        ValueError: if it is no causal language model.
    """
    if model.config.is_encoder_decoder or not model.can_generate():
        raise ValueError(f"{type(model).__name__} is no causal language model")
    return GPT2Steps(model) if is_plain_gpt2(model) else CausalModel(model)
