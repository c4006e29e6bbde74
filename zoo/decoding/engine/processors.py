"""What changes the scores between the model and the choice; all plug into transformers too.

A processor is called as `processor(tokens, scores)`: tokens int64 (rows, time), everything so far,
-1 where a prompt is padded; scores float (rows, vocabulary), logits or log-probabilities. It
returns new scores. That is also how `transformers` calls its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.decoding.engine.record import require_number, require_whole

Processor = Callable[[Tensor, Tensor], Tensor]
NEVER = -torch.inf
SMALLEST = 1e-6  # by which any logit can be divided in float32


def probabilities(scores: Tensor) -> Tensor:
    """Return softmax(scores) in float32; a row sums to 1 to 1e-6, for any dtype and vocabulary.

    The softmax alone is off by 6e-6 over 50,000 tokens; `sum` adds in pairs and is not.
    """
    weights = scores.float().softmax(-1)
    return weights / weights.sum(-1, keepdim=True)


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
                f"temperature is {self.temperature}: at least {SMALLEST}; method='greedy' is 0"
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
                f"repetition_penalty is {self.penalty}: from {SMALLEST} to {1 / SMALLEST:.0e}; "
                "1 changes nothing"
            )

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Penalise the tokens of each row."""
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


@dataclass
class History:
    """All tokens so far, kept only if a processor may ask for them.

    Attributes:
        processors: applied to the scores, in turn.
        tokens: int64 (rows, room), -1 on the padding of the prompts.
        length: how much of the room is in use.
    """

    processors: Sequence[Processor]
    tokens: Tensor
    length: int

    @classmethod
    def of(
        cls, tokens: Tensor, valid: Tensor, room: int, processors: Sequence[Processor]
    ) -> "History":
        """Begin with the prompts and room for new tokens."""
        rows, time = tokens.shape
        buffer = tokens.new_full((rows, time + room if processors else time), -1)
        buffer[:, :time] = tokens.masked_fill(~valid, -1)
        return cls(processors, buffer, time)

    def process(self, scores: Tensor) -> Tensor:
        """Apply all processors to float (rows, vocabulary).

        Returns:
            float32 (rows, vocabulary).

        Raises:
            ValueError: if they give NaN or infinity.
        """
        if not self.processors:
            return scores
        for processor in self.processors:
            scores = processor(self.tokens[:, : self.length], scores)
        if not (scores.amax(-1) < torch.inf).all():
            names = ", ".join(getattr(p, "__name__", repr(p)) for p in self.processors)
            raise ValueError(f"the processors ({names}) give NaN or infinity: check them")
        return scores.float()

    def append(self, tokens: Tensor) -> None:
        """Add one token to each row: int64 (rows,)."""
        if self.processors:
            self.tokens[:, self.length] = tokens
            self.length += 1

    def pick(self, rows: Tensor) -> "History":
        """Return a history of these rows, repeated or left out as `Decodable.reorder` has it."""
        kept = self.tokens[rows] if self.processors else self.tokens
        return History(self.processors, kept, self.length)
