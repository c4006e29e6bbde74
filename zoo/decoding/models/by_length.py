"""Batches for models that cannot read padding."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.decoding.engine.protocol import Contrastable


class OneLength(NamedTuple):
    """The rows whose prompts are of one length.

    Attributes:
        rows: int64 (rows,), their places in the batch.
        state: the model's.
    """

    rows: Tensor
    state: Any


class ByLength:
    """A model that reads prompts of one length at a time, so that it never sees padding.

    Args:
        model: a `Decodable` that counts positions from the beginning of a row.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        for name in ("positions", "vocabulary", "eos_id"):
            setattr(self, name, getattr(model, name, None))
        if isinstance(model, Contrastable):
            self.hidden = self._hidden

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, list[OneLength]]:
        """Read the prompts; see `Decodable`."""
        lengths = valid.sum(1)
        found, groups = [], []
        for length in lengths.unique().tolist():
            rows = (lengths == length).nonzero()[:, 0]
            logits, state = self.model.prefill(tokens[rows, -length:], valid[rows, -length:])
            found.append(logits)
            groups.append(OneLength(rows.to(logits.device), state))
        return joined(found, groups), groups

    def step(self, tokens: Tensor, state: list[OneLength]) -> tuple[Tensor, list[OneLength]]:
        """Read one more token of each row; see `Decodable`."""
        found, groups = [], []
        for rows, inner in state:
            logits, inner = self.model.step(tokens[rows], inner)
            found.append(logits)
            groups.append(OneLength(rows, inner))
        return joined(found, groups), groups

    def reorder(self, state: list[OneLength], rows: Tensor) -> list[OneLength]:
        """Pick rows; see `Decodable`."""
        groups = []
        place = torch.empty(sum(len(group.rows) for group in state), dtype=torch.long)
        place = place.to(rows.device)
        for own, inner in state:
            place.fill_(-1)
            place[own] = torch.arange(len(own), device=own.device)
            kept = (place[rows] >= 0).nonzero()[:, 0]
            if len(kept):
                groups.append(OneLength(kept, self.model.reorder(inner, place[rows[kept]])))
        return groups

    def _hidden(self, state: list[OneLength]) -> Tensor:
        found = [self.model.hidden(group.state) for group in state]
        longest = max(hidden.shape[1] for hidden in found)
        padded = [F.pad(hidden, (0, 0, longest - hidden.shape[1], 0)) for hidden in found]
        return joined(padded, state)


def joined(parts: list[Tensor], groups: list[OneLength]) -> Tensor:
    """Return the rows of all groups in the order of the batch.

    Args:
        parts: float (rows of a group, ...), of each group.
        groups: the groups.
    """
    if len(parts) == 1:
        return parts[0]
    whole = torch.cat(parts)
    return whole[torch.cat([group.rows for group in groups]).argsort()]
