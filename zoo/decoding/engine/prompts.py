"""Prompts: padded side by side, checked, and put in batches."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.errors import require_whole


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
            raise ValueError(f"prompts are {prompts!r}: expected a list of lists of token ids")
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
            f"prompts are {prompts.dtype} {tuple(prompts.shape)}: expected int64 (batch, time)"
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
            f"valid is {shape}: expected a tensor of the prompts' shape, {tuple(tokens.shape)}"
        )
    return [row[real] for row, real in zip(tokens, valid.bool(), strict=True)]


def token_ids(prompt: Sequence[int]) -> Tensor:
    """Return a list of token ids as int64 (time,).

    Raises:
        ValueError: if it is none.
    """
    if isinstance(prompt, str | int):
        raise ValueError(f"a prompt is {prompt!r}: expected a list of lists of token ids")
    try:
        row = torch.as_tensor(prompt)
    except (TypeError, ValueError, RuntimeError):  # texts, or lists of several lengths
        row = torch.tensor(-1)
    fractional = row.is_floating_point() or row.is_complex()
    if row.dim() != 1 or (fractional and len(row)) or (row.long() < 0).any():
        raise ValueError(
            f"a prompt is {prompt!r}: expected a list of token ids, whole numbers from 0"
        )
    return row.long()


def cut(tokens: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return prompts (batch, time) without the padding that all of them have on the left."""
    used = slice(tokens.shape[1] - int(valid.sum(1).max()), None)
    return tokens[:, used], valid[:, used]


def by_length(valid: Tensor, batch_size: int | None) -> list[Tensor]:
    """Return the numbers of the prompts of each batch, those of similar lengths together.

    Args:
        valid: bool (batch, time), false on padding.
        batch_size: prompts of a batch; None: all in one, in order.

    Raises:
        ValueError: if the size is no whole number from 1.
    """
    if batch_size is None or require_whole("batch_size", batch_size) >= len(valid):
        return [torch.arange(len(valid))]
    return [*valid.sum(1).cpu().sort(stable=True).indices.split(batch_size)]


def require_tokens(vocabulary: int | None, tokens: Tensor) -> None:
    """Refuse token ids that the model does not have.

    Raises:
        ValueError: with the id and the size of the vocabulary.
    """
    if vocabulary is not None and (largest := int(tokens.max())) >= vocabulary:
        raise ValueError(
            f"a prompt has the token {largest}, of a model with {vocabulary}, from 0 on: "
            "take the tokenizer that belongs to the model"
        )


def require_room(model: Any, prompt: int, limit: int, reads_last: bool) -> None:
    """Refuse a prompt whose continuation the model has no positions for.

    Args:
        model: a `Decodable`.
        prompt: tokens of the prompt.
        limit: most new tokens.
        reads_last: whether the model also reads the last of them.

    Raises:
        ValueError: with the numbers.
    """
    positions = getattr(model, "positions", None)
    if positions is None:
        return
    if isinstance(positions, int):
        fits = prompt + limit - 1 + reads_last <= positions
    else:  # what is written begins with a token that is not among the new ones
        fits = prompt <= positions[0] and limit + reads_last <= positions[1]
    if not fits:
        raise ValueError(
            f"a prompt of {prompt} tokens and {limit} new ones do not fit into the model's "
            f"{positions} positions: cut the prompt or lower max_new_tokens"
        )
