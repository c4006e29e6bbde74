"""What the engine asks of a model: read the prompts, go a step, pick rows."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

import torch
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


def pad_prompts(
    prompts: Tensor | Sequence[Sequence[int]], valid: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Put prompts side by side, padded with zeros on the left.

    Args:
        prompts: int64 (batch, time), or a list of lists of token ids of any lengths.
        valid: of a tensor, bool or int (batch, time), false on padding, which may be anywhere;
            default: nothing is padding.

    Returns:
        Tokens int64 (batch, time) and valid bool (batch, time), as `Decodable.prefill` wants them.

    Raises:
        ValueError: if there is no prompt, if one is empty (the model needs a token to begin with)
            or no list of token ids, or `valid` does not fit.

    Example:
        >>> pad_prompts([[5, 6], [7]])[0]
        tensor([[5, 6],
                [0, 7]])
    """
    if isinstance(prompts, Tensor):
        tokens = whole_tokens(prompts)
        rows = list(tokens) if valid is None else unpadded(tokens, valid)
    else:
        if valid is not None:
            raise ValueError("valid is for a tensor of prompts: a list has no padding")
        if not isinstance(prompts, Iterable):
            raise ValueError(f"prompts are {prompts!r}: give a list of lists of token ids")
        tokens, rows = None, [token_ids(prompt) for prompt in prompts]
    lengths = [len(row) for row in rows]
    if not lengths or not min(lengths):
        where = f"prompt {lengths.index(0)} is empty" if lengths else "there is no prompt"
        raise ValueError(f"{where}: a prompt needs a token to begin with, such as [CLS]")
    if tokens is not None and valid is None:
        return tokens, torch.ones_like(tokens, dtype=torch.bool)
    longest = max(lengths)
    padded = rows[0].new_zeros(len(rows), longest)
    real = torch.zeros_like(padded, dtype=torch.bool)
    for i, row in enumerate(rows):
        padded[i, longest - len(row) :] = row
        real[i, longest - len(row) :] = True
    return padded, real


def whole_tokens(prompts: Tensor) -> Tensor:
    """Return a tensor of token ids as int64.

    Raises:
        ValueError: if it is no (batch, time) of whole numbers from 0.
    """
    if prompts.dim() != 2 or prompts.is_floating_point() or prompts.is_complex():
        raise ValueError(
            f"prompts are {prompts.dtype} {tuple(prompts.shape)}: give int64 (batch, time)"
        )
    tokens = prompts.long()
    if (tokens < 0).any():
        raise ValueError(f"a prompt has the token {int(tokens.min())}: ids begin at 0")
    return tokens


def unpadded(tokens: Tensor, valid: Tensor) -> list[Tensor]:
    """Return the rows of int64 (batch, time) without their padding.

    Raises:
        ValueError: if `valid` has another shape.
    """
    if not isinstance(valid, Tensor) or valid.shape != tokens.shape:
        shape = tuple(getattr(valid, "shape", ())) or valid
        raise ValueError(
            f"valid is {shape}: give a tensor like the prompts', {tuple(tokens.shape)}"
        )
    return [row[real] for row, real in zip(tokens, valid.bool(), strict=True)]


def token_ids(prompt: Sequence[int]) -> Tensor:
    """Return a list of token ids as int64 (time,).

    Raises:
        ValueError: if it is none.
    """
    if isinstance(prompt, str | int):
        raise ValueError(f"a prompt is {prompt!r}: give a list of lists of token ids")
    try:
        row = torch.as_tensor(prompt)
    except (TypeError, ValueError, RuntimeError):  # texts, or lists of several lengths
        row = torch.tensor(-1)
    fractional = row.is_floating_point() or row.is_complex()
    if row.dim() != 1 or (fractional and len(row)) or (row.long() < 0).any():
        raise ValueError(f"a prompt is {prompt!r}: give a list of token ids, whole numbers from 0")
    return row.long()
