"""When a row ends: at an end token or at the limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from operator import index
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Stop:
    """The two ways in which a row ends.

    Attributes:
        limit: most new tokens of a row.
        eos: ids of the end tokens; empty if only the limit ends a row.
    """

    limit: int
    eos: tuple[int, ...] = ()

    @property
    def padding(self) -> int:
        """The token that fills a row after its end."""
        return self.eos[0] if self.eos else 0

    def ends(self, tokens: Tensor) -> Tensor:
        """Return which tokens end their row: bool, in the shape of `tokens`."""
        if not self.eos:
            return torch.zeros_like(tokens, dtype=torch.bool)
        ended = tokens == self.eos[0]
        for eos in self.eos[1:]:
            ended |= tokens == eos
        return ended


def token_list(name: str, tokens: int | Sequence[int] | None) -> tuple[int, ...]:
    """Return one token id, or several, as a tuple; empty for None.

    Args:
        name: the option.
        tokens: what the user gave.

    Raises:
        ValueError: if it is neither a token id nor several.
    """
    if tokens is None:
        return ()
    single = isinstance(tokens, Integral | str) or getattr(tokens, "ndim", 1) == 0
    ids: Any = [tokens] if single else tokens
    try:
        found = tuple(map(index, ids))
    except TypeError:
        raise ValueError(
            f"{name} is {tokens!r}: expected a token id or several, such as tokenizer.eos_token_id"
        ) from None
    if found and min(found) < 0:
        raise ValueError(f"{name} is {tokens}: token ids begin at 0, None means no such token")
    return found


def require_known(name: str, tokens: Sequence[int], vocabulary: int) -> None:
    """Refuse a token that no model of this vocabulary can give.

    Raises:
        ValueError: if an id is not below `vocabulary`.
    """
    if tokens and max(tokens) >= vocabulary:
        raise ValueError(
            f"{name} {max(tokens)} is not in a vocabulary of {vocabulary}: it never comes"
        )
