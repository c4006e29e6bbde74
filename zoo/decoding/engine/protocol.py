"""What the engine asks of a model: read the prompts, go a step, pick rows."""

from typing import Protocol, TypeVar, runtime_checkable

from torch import Tensor

State = TypeVar("State")


@runtime_checkable
class Decodable(Protocol[State]):
    """A model that can be decoded; `State` is whatever it keeps between two steps.

    `step` and `reorder` may change a state in place, so the engine uses each state once. A network
    that is no `Decodable` itself may return one: `model.as_decodable()`.

    A model may have these attributes:
        positions: int, the longest text that it takes, or two, for a source and for what is written
            from it; prompts that do not fit are refused.
        vocabulary: int, the number of its token ids; prompts with others are refused.
        eos_id: int or several, its end token.
        normalised: True if its outputs are log-probabilities, which saves a softmax a step.
        softmaxed: True if these come from a softmax, at most one column excepted, so that one NaN
            makes a row of NaN; the engine then looks for NaN in two columns, not in all.
        source: True if the prompt is a source, such as the text of a summary: the rules against
            repetition then count the new tokens alone.
    """

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, State]:
        """Read the prompts.

        Args:
            tokens: int64 (batch, time), padded on the left: each row ends with its last token.
            valid: bool (batch, time), false on padding. What stands there must not matter.

        Returns:
            Logits or log-probabilities of the next token, float (batch, vocabulary), and a state.
        """
        ...

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one more token of each row.

        Args:
            tokens: int64 (batch,).
            state: what the last call gave back.

        Returns:
            Logits or log-probabilities of the next token, float (batch, vocabulary), and a state.
        """
        ...

    def reorder(self, state: State, rows: Tensor) -> State:
        """Return a state whose row i is row `rows[i]` of `state`.

        Args:
            state: what the last call gave back.
            rows: int64 (new batch,), non-decreasing or not; rows may be repeated or left out.
        """
        ...


@runtime_checkable
class Contrastable(Decodable[State], Protocol[State]):
    """A `Decodable` that also shows what it made of the tokens, as contrastive search wants."""

    def hidden(self, state: State) -> Tensor:
        """Return the last layer's output for the tokens that the last call read.

        Args:
            state: what that call gave back.

        Returns:
            float (batch, time, width) after `prefill`, (batch, 1, width) after `step`.
        """
        ...
