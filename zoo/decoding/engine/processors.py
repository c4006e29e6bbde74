"""Processors: functions that change the scores before a token is chosen.

A processor is called as `processor(tokens, scores)`: tokens int64 (rows, time), everything so far,
-1 where a prompt is padded; scores float (rows, vocabulary), logits or log-probabilities. It
returns new scores. `transformers` calls its own in the same way, so these work there too.

Rows whose text has ended are left out. A processor that treats prompts differently has a third
parameter, `prompts`: int64 (rows,), the number of each row's prompt.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from zoo.errors import require_number, require_whole

Processor = Callable[..., Tensor]  # of tokens, scores and, if it has the parameter, prompts
NEVER = -torch.inf
SMALLEST = 1e-6  # by which any logit can be divided in float32


def probabilities(scores: Tensor) -> Tensor:
    """Return softmax(scores) in float32; a row sums to 1 to 1e-6, for any dtype and vocabulary.

    The softmax alone is off by 6e-6 over 50,000 tokens; `sum` adds in pairs and is not.
    """
    weights = scores.float().softmax(-1)
    return weights / weights.sum(-1, keepdim=True)


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)
def on_device(tokens: tuple[int, ...], device: torch.device) -> Tensor:
    """Return ids, int64 (tokens,), kept where they are: a copy at each step makes a GPU wait."""
    return torch.tensor(tokens, device=device)


@dataclass(frozen=True)
class Temperature:
    """Divide the scores by a temperature: below 1 sharper, above 1 flatter.

    Raises:
        ValueError: if it is below 1e-6.
    """

    temperature: float

    def __post_init__(self) -> None:
        require_number("temperature", self.temperature)
        if not self.temperature >= SMALLEST:
            raise ValueError(
                f"temperature is {self.temperature}: expected at least {SMALLEST}; for 0 take "
                "method='greedy'"
            )

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Scale the scores."""
        return scores / self.temperature


@dataclass(frozen=True)
class RepetitionPenalty:
    """Make every token that has come before less likely.

    Divides a positive score and multiplies a negative one by the penalty: Keskar et al., "CTRL",
    arXiv 1909.05858, section 4.1, with the sign handled as is customary.

    Raises:
        ValueError: if the penalty is not from 1e-6 to 1e6.
    """

    penalty: float

    def __post_init__(self) -> None:
        require_number("repetition_penalty", self.penalty)
        if not SMALLEST <= self.penalty <= 1 / SMALLEST:
            raise ValueError(
                f"repetition_penalty is {self.penalty}: expected a number from {SMALLEST} to "
                f"{1 / SMALLEST:.0e}; 1 changes nothing"
            )

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Penalise the tokens of each row."""
        if not tokens.shape[1]:
            return scores
        seen = torch.zeros_like(scores, dtype=torch.bool)
        # padding marks the row's last token, which is in the row anyway
        seen.scatter_(1, torch.where(tokens < 0, tokens[:, -1:], tokens), True)
        penalised = torch.where(scores < 0, scores * self.penalty, scores / self.penalty)
        return torch.where(seen, penalised, scores)


@dataclass(frozen=True)
class NoRepeatNgram:
    """Forbid every token that would complete an n-gram for the second time.

    Raises:
        ValueError: if the size is no whole number from 1.
    """

    size: int

    def __post_init__(self) -> None:
        require_whole("no_repeat_ngram", self.size)

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Forbid the continuations of earlier copies of the last n - 1 tokens."""
        if tokens.shape[1] < self.size:
            return scores
        grams = tokens.unfold(1, self.size, 1)  # (rows, places, size)
        ending = tokens[:, tokens.shape[1] - self.size + 1 :]  # (rows, size - 1)
        repeats = (grams[..., :-1] == ending[:, None]).all(-1) & (grams >= 0).all(-1)
        forbidden = torch.zeros_like(scores, dtype=torch.int)
        forbidden.scatter_add_(1, grams[..., -1].clamp(min=0), repeats.int())
        return scores.masked_fill(forbidden > 0, NEVER)


@dataclass(frozen=True)
class Allow:
    """Forbid all tokens but these.

    Attributes:
        allowed: ids.
    """

    allowed: tuple[int, ...]

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Keep the scores of the allowed tokens."""
        allowed = on_device(self.allowed, scores.device)
        kept = torch.full_like(scores, NEVER)
        return kept.index_copy(-1, allowed, scores.index_select(-1, allowed))


@dataclass(frozen=True)
class Forbid:
    """Forbid some tokens.

    Attributes:
        forbidden: ids.
        steps: forbid them for so many new tokens; default None: always.
        start: tokens of a row before the first new one; needed with `steps`.
    """

    forbidden: tuple[int, ...]
    steps: int | None = None
    start: int = 0

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Remove the scores of the forbidden tokens."""
        if self.steps is not None and tokens.shape[1] - self.start >= self.steps:
            return scores
        return scores.index_fill(-1, on_device(self.forbidden, scores.device), NEVER)


@dataclass(frozen=True)
class Force:
    """Begin every row with the same tokens.

    Attributes:
        first: ids of the first new tokens.
        start: tokens of a row before the first new one.
    """

    first: tuple[int, ...]
    start: int

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Leave only the forced token, with the score 0."""
        step = tokens.shape[1] - self.start
        if step >= len(self.first):
            return scores
        forced = torch.full_like(scores, NEVER)
        forced[:, self.first[step]] = 0
        return forced


@dataclass(frozen=True)
class AfterPrompt:
    """A processor that sees the new tokens alone, not the prompt.

    Attributes:
        processor: the processor.
        start: tokens of a row before the first new one.
    """

    processor: Processor
    start: int

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Apply the processor."""
        return self.processor(tokens[:, self.start :], scores)


def asks(function: Callable, name: str) -> bool:
    """Return whether a function has a parameter of this name."""
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions of other languages have no signature
        return False


@dataclass
class History:
    """All tokens so far, kept only if somebody may ask for them.

    Attributes:
        processors: applied to the scores, in turn.
        asking: for each processor, whether it asks for the numbers of the prompts.
        tokens: int64 (rows, room), -1 on the padding of the prompts.
        length: how much of the room is in use.
        kept: whether new tokens are kept.
    """

    processors: Sequence[Processor]
    asking: Sequence[bool]
    tokens: Tensor
    length: int
    kept: bool

    @classmethod
    def of(
        cls,
        tokens: Tensor,
        valid: Tensor,
        room: int,
        processors: Sequence[Processor],
        kept: bool = False,
    ) -> "History":
        """Begin with the prompts.

        Args:
            tokens: int64 (rows, time).
            valid: bool (rows, time), false on padding.
            room: most new tokens.
            processors: applied to the scores, in turn.
            kept: keep the tokens although there are no processors; default False.
        """
        rows, time = tokens.shape
        kept = kept or bool(processors)
        buffer = tokens.new_full((rows, time + room if kept else time), -1)
        buffer[:, :time] = tokens.masked_fill(~valid, -1)
        asking = [asks(processor, "prompts") for processor in processors]
        return cls(processors, asking, buffer, time, kept)

    @property
    def so_far(self) -> Tensor:
        """All tokens, int64 (rows, time), -1 on padding."""
        return self.tokens[:, : self.length]

    def process(self, scores: Tensor, prompts: Tensor) -> Tensor:
        """Apply all processors.

        Args:
            scores: float (rows, vocabulary).
            prompts: int64 (rows,), the number of each row's prompt.

        Returns:
            float32 (rows, vocabulary).

        Raises:
            ValueError: if they give NaN or infinity.
        """
        if not self.processors:
            return scores
        for processor, asks in zip(self.processors, self.asking, strict=True):
            told: dict[str, Any] = {"prompts": prompts} if asks else {}
            scores = processor(self.so_far, scores, **told)
        if not (scores.amax(-1) < torch.inf).all():
            names = ", ".join(getattr(p, "__name__", repr(p)) for p in self.processors)
            raise ValueError(f"the processors ({names}) give NaN or infinity: check them")
        return scores.float()

    def append(self, tokens: Tensor) -> None:
        """Add one token to each row: int64 (rows,)."""
        if self.kept:
            self.tokens[:, self.length] = tokens
            self.length += 1

    def pick(self, rows: Tensor) -> "History":
        """Return a history of these rows, repeated or left out as `Decodable.reorder` has it."""
        tokens = self.tokens[rows] if self.kept else self.tokens
        return History(self.processors, self.asking, tokens, self.length, self.kept)
