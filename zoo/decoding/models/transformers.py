"""Models of `transformers` in the form that the engine decodes."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from zoo.decoding.engine.protocol import Decodable
from zoo.decoding.models.by_length import ByLength
from zoo.decoding.models.encoder_decoder import (
    EncoderDecoder,
    cache_name,
    device_of,
    parameters,
)
from zoo.decoding.models.gpt2 import GPT2Steps, is_plain_gpt2


class CausalModel:
    """Any causal language model of `transformers`, with the library's own modules and cache.

    Args:
        model: a model that takes `attention_mask`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        positions = getattr(model.config, "max_position_embeddings", None)
        self.positions: int | None = positions if positions and positions > 0 else None
        self.eos_id = model.generation_config.eos_token_id
        self.vocabulary: int | None = getattr(model.get_input_embeddings(), "num_embeddings", None)
        self.cache = cache_name(model)
        takes = parameters(model)
        self.last = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
        self.takes_positions = "position_ids" in takes
        # a state-space model has no past to mask: its mask is for what it reads now
        self.forgets = getattr(model, "_is_stateful", False) and not self.takes_positions

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, "PastTokens"]:
        """Read the prompts; see `Decodable`."""
        valid = valid.to(device_of(self.model))
        logits, state = self.run(tokens, valid, counted(valid), **self.last)
        return logits, replace(state, prompt=tokens)

    def step(self, tokens: Tensor, state: "PastTokens") -> tuple[Tensor, "PastTokens"]:
        """Read one more token of each row; see `Decodable`."""
        valid = state.valid[:, :0] if self.forgets else state.valid
        valid = F.pad(valid, (0, 1), value=True)
        positions = valid.sum(1, keepdim=True) - 1
        last = {self.cache: state.cache, "output_hidden_states": True}
        return self.run(tokens[:, None], valid, positions, **last)

    def run(
        self, tokens: Tensor, valid: Tensor, positions: Tensor, **options: Any
    ) -> tuple[Tensor, "PastTokens"]:
        """Call the model.

        Raises:
            ValueError: if it gives no cache of the library's.
        """
        output = self.call(tokens, valid, positions, use_cache=True, **options)
        if self.cache not in output:
            raise ValueError(f"{type(self.model).__name__} gives no {self.cache}: it is not taken")
        hidden = output.hidden_states[-1] if "output_hidden_states" in options else None
        return output.logits[:, -1], PastTokens(output[self.cache], valid, hidden)

    def call(self, tokens: Tensor, valid: Tensor, positions: Tensor, **options: Any) -> Any:
        """Return what the model gives for tokens int64 (batch, time)."""
        if self.takes_positions:
            options["position_ids"] = positions
        tokens = tokens.to(device_of(self.model))  # the logits may be elsewhere
        return self.model(input_ids=tokens, attention_mask=valid.long(), **options)

    def reorder(self, state: "PastTokens", rows: Tensor) -> "PastTokens":
        """Pick rows; see `Decodable`."""
        state.cache.reorder_cache(rows)
        return replace(state, valid=state.valid[rows.to(state.valid.device)])

    def hidden(self, state: "PastTokens") -> Tensor:
        """Return the last layer's output; see `Contrastable`.

        The prompts are read once more: `transformers` gives the outputs of all layers or of none,
        and those of long prompts are large.
        """
        if state.hidden is not None:
            return state.hidden
        assert state.prompt is not None
        shown = {"use_cache": False, "output_hidden_states": True, **self.last}
        output = self.call(state.prompt, state.valid, counted(state.valid), **shown)
        return output.hidden_states[-1]


def counted(valid: Tensor) -> Tensor:
    """Return the position of each token of prompts, int64 (batch, time), 0 on padding."""
    return (valid.cumsum(1) - 1).clamp(min=0)


@dataclass(frozen=True)
class PastTokens:
    """The state of a `CausalModel`.

    Attributes:
        cache: the library's.
        valid: bool (batch, time), false on the padding of the prompts.
        hidden: float (batch, 1, width), the last layer's output of a step.
        prompt: before the first step, its tokens, int64 (batch, time).
    """

    cache: Any
    valid: Tensor
    hidden: Tensor | None
    prompt: Tensor | None = None


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
        ValueError: if it neither is a causal language model nor an encoder-decoder of texts, or has
            learned prompts of `peft`.
    """
    if type(model).__module__.startswith("peft."):
        if model.active_peft_config.is_prompt_learning:
            raise ValueError(
                f"{type(model).__name__} has a learned prompt, which generation does not read: "
                "adapters inside of layers, such as LoRA, are taken"
            )
        model = model.get_base_model()  # its layers have the adapters in them
    if not model.can_generate():
        raise ValueError(
            f"{type(model).__name__} is no causal language model and no encoder-decoder"
        )
    if model.config.is_encoder_decoder:
        return EncoderDecoder(model)
    if is_plain_gpt2(model):
        return GPT2Steps(model)
    if "attention_mask" not in parameters(model):
        raise ValueError(
            f"{type(model).__name__} takes no attention_mask, and would read padding as text: it "
            "is not taken"
        )
    causal = CausalModel(model)
    # without positions of its tokens, a model that is no state-space model would count padding
    return causal if causal.takes_positions or causal.forgets else ByLength(causal)
