"""What the engine asks of a model: read the prompts, go a step, pick rows."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

State = TypeVar("State")


@runtime_checkable
class Decodable(Protocol[State]):
    """A model that can be decoded; `State` is whatever it keeps between two steps.

    A state belongs to the model from the moment it is handed back: `step` and `reorder` may change
    it in place, so the engine uses each state once. A model that has a fixed number of positions
    says so in an attribute `positions: int`, and prompts that do not fit are refused. One whose
    outputs are log-probabilities says so in `normalised = True`, which spares it a softmax a step.
    A network that is no `Decodable` itself may give one: `model.as_decodable()`.
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


def pad_prompts(prompts: Tensor | Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Put prompts side by side, padded with zeros on the left.

    Args:
        prompts: int64 (batch, time), or a list of lists of token ids of any lengths.

    Returns:
        Tokens int64 (batch, time) and valid bool (batch, time), as `Decodable.prefill` wants them.

    Raises:
        ValueError: if there is no prompt, if one is empty (the model needs a token to begin with)
            or no list of token ids.

    Example:
        >>> pad_prompts([[5, 6], [7]])[0]
        tensor([[5, 6],
                [0, 7]])
    """
    if isinstance(prompts, Tensor):
        if prompts.dim() != 2 or prompts.is_floating_point() or prompts.is_complex():
            raise ValueError(
                f"prompts are {prompts.dtype} {tuple(prompts.shape)}: give int64 (batch, time)"
            )
        prompts = prompts.long()
        if (prompts < 0).any():
            raise ValueError(f"a prompt has the token {int(prompts.min())}: ids begin at 0")
        rows = list(prompts)
    else:
        if not isinstance(prompts, Iterable):
            raise ValueError(f"prompts are {prompts!r}: give a list of lists of token ids")
        rows = [token_ids(prompt) for prompt in prompts]
    lengths = [len(row) for row in rows]
    if not lengths or not min(lengths):
        where = f"prompt {lengths.index(0)} is empty" if lengths else "there is no prompt"
        raise ValueError(f"{where}: a prompt needs a token to begin with, such as [CLS]")
    if isinstance(prompts, Tensor):
        return prompts, torch.ones_like(prompts, dtype=torch.bool)
    longest = max(lengths)
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    valid = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, row in enumerate(rows):
        tokens[i, longest - len(row) :] = row
        valid[i, longest - len(row) :] = True
    return tokens, valid


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
