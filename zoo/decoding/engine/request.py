"""A request: the model, the prompts and the rules, with the steps that all methods share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from zoo.decoding.engine.processors import NEVER, History, Processor, asks
from zoo.decoding.engine.protocol import Decodable
from zoo.decoding.engine.record import Record
from zoo.decoding.engine.rules import Criterion
from zoo.decoding.engine.stop import Stop, require_known


@dataclass(frozen=True)
class Request:
    """What is to be generated.

    Attributes:
        model: what is decoded.
        tokens: int64 (batch, time), prompts padded on the left.
        valid: bool (batch, time), false on padding.
        stop: end tokens and limit.
        processors: applied to the scores, in turn.
        stopping: criteria that end a row.
        numbers: int64 (batch,), what the user calls the prompts.
        named: the tokens that each option names, which the model must have.
    """

    model: Decodable[Any]
    tokens: Tensor
    valid: Tensor
    stop: Stop
    processors: Sequence[Processor]
    stopping: Sequence[Criterion]
    numbers: Tensor
    named: Mapping[str, Sequence[int]]

    def begin(self) -> tuple[Tensor, Any, History]:
        """Read the prompts; return the first logits, the model's state and the tokens so far."""
        logits, state = self.model.prefill(self.tokens, self.valid)
        for option, tokens in self.named.items():
            require_known(option, tokens, logits.shape[-1])
        prompts, valid = self.tokens.to(logits.device), self.valid.to(logits.device)
        kept = bool(self.stopping)
        return logits, state, History.of(prompts, valid, self.stop.limit, self.processors, kept)

    def log_probs(self, logits: Tensor, step: int, prompts: Tensor) -> Tensor:
        """Return the model's log-probabilities, float32 (rows, vocabulary).

        Args:
            logits: float (rows, vocabulary).
            step: which new token they are of, from 0.
            prompts: int64 (prompts,), whose rows follow each other.

        Raises:
            ValueError: if a row has a NaN.
        """
        logits = logits.float()
        normalised = getattr(self.model, "normalised", False)
        log_probs = logits if normalised else logits.log_softmax(-1)
        # A softmax turns a row with one NaN into a row of NaN, so two columns are enough to see it.
        softmaxed = not normalised or getattr(self.model, "softmaxed", False)
        seen = log_probs[:, :2] if softmaxed else log_probs
        right = seen < torch.inf
        if not right.all():
            wrong = int((~right).reshape(len(prompts), -1).nonzero()[0, 0])
            raise ValueError(
                f"the model's logits are NaN or infinite at step {step}, prompt "
                f"{self.number(prompts[wrong])}: check its weights"
            )
        return log_probs

    def process(self, history: History, scores: Tensor, prompts: Tensor) -> Tensor:
        """Apply the processors, which may leave a row no token.

        Args:
            history: the tokens so far.
            scores: float (rows, vocabulary).
            prompts: int64 (prompts,), whose rows follow each other.
        """
        if any(history.asking):
            each = len(scores) // len(prompts)
            prompts = self.numbers.to(prompts.device)[prompts].repeat_interleave(each)
        return history.process(scores, prompts)

    def require_choice(self, scores: Tensor, step: int, prompts: Tensor) -> None:
        """Refuse processed scores (rows, vocabulary) that leave a row no token.

        Args:
            scores: float (rows, vocabulary).
            step: which new token they are of, from 0.
            prompts: int64 (rows,), as the engine numbers them.

        Raises:
            ValueError: with the step and the prompt.
        """
        empty = (scores.amax(-1) == NEVER).nonzero()[:, 0]
        if len(empty):
            raise ValueError(
                f"no token is left at step {step}, prompt {self.number(prompts[empty[0]])}: "
                "loosen the filters or the n-gram rule"
            )

    def number(self, prompt: Tensor) -> int:
        """Return the user's number of a prompt of this request."""
        return int(self.numbers[int(prompt)])

    @cached_property
    def told(self) -> list[dict[str, int]]:
        """What each stopping criterion asks to be told besides tokens and log-probabilities."""
        start = {"start": self.tokens.shape[1]}
        return [start if asks(criterion, "start") else {} for criterion in self.stopping]

    def stopped(self, history: History, log_probs: Tensor) -> Tensor:
        """Return which rows a criterion ends, bool (rows,).

        Args:
            history: all tokens so far, the new ones included.
            log_probs: float32 (rows, vocabulary), from which the new ones were chosen.
        """
        stopped = torch.zeros(len(log_probs), dtype=torch.bool, device=log_probs.device)
        for criterion, told in zip(self.stopping, self.told, strict=True):
            answer = criterion(history.so_far, log_probs, **told)
            stopped |= torch.as_tensor(answer, dtype=torch.bool, device=log_probs.device)
        return stopped

    def record(self, device: torch.device, each: int = 1) -> Record:
        """Return room for so many rows of each prompt."""
        return Record(len(self.tokens) * each, self.stop, device)
