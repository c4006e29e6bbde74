"""Models of `transformers` as the engine wants them."""

import inspect
from typing import Any

import torch
from torch import Tensor

from zoo.decoding.protocol import Decodable


class CausalModel:
    """Any causal language model of `transformers`, with the library's own modules and cache.

    Args:
        model: a model that takes `attention_mask` and `position_ids`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.positions: int | None = getattr(model.config, "max_position_embeddings", None)
        accepted = inspect.signature(model.forward).parameters
        # transformers before 5.2x has the old name
        self.cache = "cache" if "cache" in accepted else "past_key_values"

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, Any]:
        """Read the prompts; see `Decodable`."""
        valid = valid.to(self.model.device)
        position = (valid.cumsum(1) - 1).clamp(min=0)
        output = self.model(
            input_ids=tokens.to(self.model.device),
            attention_mask=valid.long(),
            position_ids=position,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1], (output[self.cache], valid)

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read one more token of each row; see `Decodable`."""
        past, valid = state
        valid = torch.cat([valid, valid.new_ones(len(valid), 1)], 1)
        output = self.model(
            input_ids=tokens[:, None],
            attention_mask=valid.long(),
            position_ids=valid.sum(1, keepdim=True) - 1,
            use_cache=True,
            **{self.cache: past},
        )
        return output.logits[:, -1], (output[self.cache], valid)

    def reorder(self, state: Any, rows: Tensor) -> Any:
        """Pick rows; see `Decodable`."""
        past, valid = state
        past.batch_select_indices(rows)
        return past, valid[rows]


def as_decodable(model: Any) -> Decodable[Any]:
    """Return the model as the engine wants it.

    Args:
        model: a `Decodable`, or a causal language model of `transformers`.

    Raises:
        ValueError: if it is neither, or is in training mode.
    """
    if isinstance(model, torch.nn.Module) and model.training:
        raise ValueError(f"{type(model).__name__} is in training mode: call model.eval() first")
    if isinstance(model, Decodable):
        return model
    if type(model).__module__.startswith("transformers."):
        return CausalModel(model)
    raise ValueError(
        f"{type(model).__name__} cannot be decoded: it needs prefill, step and reorder "
        "(zoo.decoding.Decodable), or to be a causal language model of transformers"
    )
