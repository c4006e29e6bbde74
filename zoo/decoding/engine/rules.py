"""The options that every way of decoding has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from zoo.decoding.engine.processors import (
    AfterPrompt,
    Allow,
    Forbid,
    Force,
    NoRepeatNgram,
    Processor,
    RepetitionPenalty,
)
from zoo.decoding.engine.stop import token_list
from zoo.errors import require_whole

Criterion = Callable[..., Tensor | bool]  # tokens, log-probabilities: has it ended?
HIDDEN = {"flag": None}  # what no command line can give


@dataclass(frozen=True)
class Rules:
    """What holds for every method.

    Attributes:
        max_new_tokens: most new tokens of a row; default 64.
        min_new_tokens: no end token before so many new tokens; default 0.
        eos_id: the token that ends a row, or several; default the model's own, if it knows one. An
            empty list: only the limit ends a row.
        repetition_penalty: above 1, tokens that came before become less likely; default 1. For a
            model that writes from a source, those of the target.
        no_repeat_ngram: no n-gram of this size occurs twice in a row; default None. The prompt
            counts, but not the source of a model that writes from a source.
        allowed_tokens: no token but these, and the end; default None: all.
        forbidden_tokens: none of these tokens; default None.
        first_tokens: every row begins with these tokens; default None.
        processors: functions of tokens and scores, called before temperature and filters, as
            `transformers` calls its own; a `Consistent` filter without an end token of its own
            keeps `eos_id`.
        stopping: functions of all tokens so far, int64 (rows, time), -1 where a prompt is padded,
            and the log-probabilities of the last one, float32 (rows, vocabulary); a row for which
            one returns true ends there, and keeps what has been written. One with a parameter
            `start` is told how many tokens are the prompt's. Those of `transformers` work too. Not
            for beams.
    """

    max_new_tokens: int = 64
    min_new_tokens: int = 0
    eos_id: int | Sequence[int] | None = field(default=None, metadata=HIDDEN)
    repetition_penalty: float = 1.0
    no_repeat_ngram: int | None = None
    allowed_tokens: Sequence[int] | None = None
    forbidden_tokens: Sequence[int] | None = None
    first_tokens: Sequence[int] | None = None
    processors: Sequence[Processor] = field(default=(), metadata=HIDDEN)
    stopping: Sequence[Criterion] = field(default=(), metadata=HIDDEN)

    def __post_init__(self) -> None:
        require_whole("max_new_tokens", self.max_new_tokens)
        require_whole("min_new_tokens", self.min_new_tokens, least=0)
        require_functions("processors", self.processors)
        require_functions("stopping", self.stopping)
        token_list("eos_id", self.eos_id)
        self.chain(0, (), source=False)  # each of them checks its numbers

    def named(self, eos: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """Return the tokens that each option names, `eos` being those of `eos_id`."""
        options = ("allowed_tokens", "forbidden_tokens", "first_tokens")
        given = {name: token_list(name, getattr(self, name)) for name in options}
        return {"eos_id": tuple(eos), **given}

    def chain(self, start: int, eos: Sequence[int], source: bool) -> list[Processor]:
        """Return the processors of these rules.

        Args:
            start: tokens of a row before the first new one.
            eos: ids of the end tokens.
            source: whether the prompt is a source, which the new text may repeat.
        """
        chain: list[Processor] = []
        named = self.named(eos)
        if self.repetition_penalty != 1:
            chain.append(RepetitionPenalty(self.repetition_penalty))
        if self.no_repeat_ngram is not None:
            chain.append(NoRepeatNgram(self.no_repeat_ngram))
        if source:
            chain = [AfterPrompt(processor, start) for processor in chain]
        if self.min_new_tokens and eos:
            chain.append(Forbid(tuple(eos), self.min_new_tokens, start))
        if self.allowed_tokens is not None:
            chain.append(Allow((*named["allowed_tokens"], *eos)))
        if named["forbidden_tokens"]:
            chain.append(Forbid(named["forbidden_tokens"]))
        if named["first_tokens"]:
            chain.append(Force(named["first_tokens"], start))
        return [*chain, *self.processors]


def require_functions(name: str, functions: Sequence[Processor | Criterion]) -> None:
    """Refuse what is no list of functions.

    Raises:
        ValueError: with what was given.
    """
    if not isinstance(functions, Sequence) or not all(map(callable, functions)):
        raise ValueError(
            f"{name} is {functions!r}: expected a list of functions of tokens and scores"
        )
