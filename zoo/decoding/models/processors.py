"""Processors and stopping criteria of `transformers`, called as they expect to be."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.decoding.engine.processors import NEVER


def is_foreign(function: Any) -> bool:
    """Return whether a function is an object of `transformers`, or of a class derived from one."""
    return any(kind.__module__.startswith("transformers.") for kind in type(function).__mro__)


@dataclass(frozen=True)
class Foreign:
    """A processor of `transformers`, which sees each prompt at its place, and no padding.

    It may go by the number of a row, so it is given as many rows as there are in all batches; for
    those that have ended or are in another batch, copies of one that runs. Of several rows of a
    prompt, those that run come first. It knows no padding of ours, so prompts of different lengths
    are given to it in turn.

    Attributes:
        processor: the processor.
        prompts: how many prompts there are.
        each: rows of each prompt.
        start: tokens that it does not see, those of an encoder's source.
        first: the token that it sees before the new ones, or None.
    """

    processor: Any
    prompts: int
    each: int = 1
    start: int = 0
    first: int | None = None

    def __call__(self, tokens: Tensor, scores: Tensor, prompts: Tensor) -> Tensor:
        """Apply the processor; for the arguments see `zoo.decoding.engine.processors`."""
        tokens = tokens[:, self.start :]
        if self.first is not None:
            tokens = torch.nn.functional.pad(tokens, (1, 0), value=self.first)
        padding = (tokens < 0).sum(1)
        before = (prompts[:, None] == prompts).tril(-1).sum(1)  # rows of the same prompt
        places = prompts * self.each + before
        changed = torch.empty_like(scores)
        for width in padding.unique().tolist():
            rows = (padding == width).nonzero()[:, 0]
            found = self.apply(tokens[rows, width:], scores[rows], prompts[rows], places[rows])
            changed[rows] = found.to(changed.dtype)
        return changed

    def apply(self, tokens: Tensor, scores: Tensor, prompts: Tensor, places: Tensor) -> Tensor:
        """Apply the processor to rows without padding.

        Args:
            tokens: int64 (rows, time).
            scores: float (rows, vocabulary).
            prompts: int64 (rows,).
            places: int64 (rows,), where each row stands among all rows of the search.
        """
        if (function := getattr(self.processor, "_prefix_allowed_tokens_fn", None)) is not None:
            return constrained(function, tokens, scores, prompts)
        full = torch.zeros(self.prompts * self.each, dtype=torch.long, device=places.device)
        full[places] = torch.arange(len(places), device=places.device)
        return self.processor(tokens[full], scores[full])[places]


def constrained(function: Any, tokens: Tensor, scores: Tensor, prompts: Tensor) -> Tensor:
    """Return scores in which only the tokens that a function allows are left.

    Args:
        function: of a prompt's number and its tokens so far, to a list of ids; what
            `prefix_allowed_tokens_fn` is in `transformers`.
        tokens: int64 (rows, time), without padding.
        scores: float (rows, vocabulary).
        prompts: int64 (rows,).
    """
    kept = torch.full_like(scores, NEVER)
    for row, (prompt, so_far) in enumerate(zip(prompts.tolist(), tokens, strict=True)):
        allowed = function(prompt, so_far)
        kept[row, allowed] = scores[row, allowed]
    return kept


@dataclass(frozen=True)
class ForeignCriterion:
    """A stopping criterion of `transformers`, which knows no padding of ours.

    Attributes:
        criterion: the criterion.
        first: of an encoder-decoder, the token before the new ones: it sees these, not the source.
    """

    criterion: Any
    first: int | None = None

    def __call__(self, tokens: Tensor, log_probs: Tensor, start: int) -> Tensor | bool:
        """Return which rows it ends, bool (rows,); `start` tokens are the prompt's."""
        if self.first is not None:
            tokens = torch.nn.functional.pad(tokens[:, start:], (1, 0), value=self.first)
        return self.criterion(tokens.clamp(min=0), log_probs)
