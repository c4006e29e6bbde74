"""What is to be generated, and its first step, which all ways of decoding have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.decoding.engine.processors import NEVER, History, Processor
from zoo.decoding.engine.protocol import Decodable
from zoo.decoding.engine.record import Record, Stop, require_known, require_probabilities
from zoo.decoding.heads import SelfTerminating

Stream = Callable[[Tensor, Tensor], None]  # which prompts, and the new token of each


@dataclass(frozen=True)
class Task:
    """What is to be generated.

    Attributes:
        model: what is decoded.
        tokens: int64 (batch, time), prompts padded on the left.
        valid: bool (batch, time), false on padding.
        stop: end tokens and limit.
        processors: applied to the scores, in turn.
        stream: called at each step with the prompts that still run and their new tokens.
    """

    model: Decodable[Any]
    tokens: Tensor
    valid: Tensor
    stop: Stop
    processors: list[Processor]
    stream: Stream | None = None

    def begin(self) -> tuple[Tensor, Any, History]:
        """Read the prompts; return the first logits, the model's state and the tokens so far."""
        logits, state = self.model.prefill(self.tokens, self.valid)
        require_known(self.stop.eos, logits.shape[-1])
        tokens, valid = self.tokens.to(logits.device), self.valid.to(logits.device)
        return logits, state, History.of(tokens, valid, self.stop.limit, self.processors)

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
        # a softmax makes a row of NaN from one, but for a head's end token: two columns tell
        whole = normalised and not isinstance(self.model, SelfTerminating)
        seen = log_probs if whole else log_probs[:, :2]
        require_probabilities(seen.reshape(len(prompts), -1), step, prompts)
        return log_probs

    def record(self, device: torch.device, n_best: int = 1) -> Record:
        """Return room for `n_best` rows of each prompt."""
        return Record(len(self.tokens) * n_best, self.stop, device)

    def write(
        self, record: Record, rows: Tensor, step: int, tokens: Tensor, log_probs: Tensor
    ) -> None:
        """Write and stream the next token of some rows: int64 (rows,), and float (rows,)."""
        record.add(rows, step, tokens, log_probs)
        if self.stream:
            self.stream(rows, tokens)

    def process(self, history: History, logits: Tensor, step: int, prompts: Tensor) -> Tensor:
        """Apply the processors to float (rows, vocabulary).

        Raises:
            ValueError: if they leave a row no token.
        """
        if not self.processors:
            return logits
        scores = history.process(logits)
        empty = (scores.amax(-1) == NEVER).nonzero()[:, 0]
        if len(empty):
            raise ValueError(
                f"no token is left at step {step}, prompt {int(prompts[empty[0]])}: "
                "loosen the filters or the n-gram rule"
            )
        return scores
