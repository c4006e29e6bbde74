"""Attention masks: which token attends to which, and so what a Transformer is.

A mask is one rule over (batch, head, query, key). From it come the boolean tensor, FlexAttention's
`mask_mod` and the flag of the fused kernel. Masks combine with `&`, `|` and `~`.

The masks there are stand in `zoo.masks.attention.schemes`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Mask:
    """One rule that says which key (column) a query (row) may attend to.

    Attributes:
        name: the expression that made it, such as `causal & padding`.
        mask_mod: the rule: int64 indices of batch, head, query and key, which broadcast, to bool;
            what `torch.nn.attention.flex_attention.create_block_mask` takes.
        batch: sequences it is made for; 1 if it is the same for all.
        time: tokens of a sequence; None if it fits any number.
        device: where its rule reads; None if it reads nothing.
        is_causal: whether the fused kernel may be called with `is_causal=True` in its place.
    """

    name: str
    mask_mod: Rule
    batch: int = 1
    time: int | None = None
    device: torch.device | None = None
    is_causal: bool = False

    def __and__(self, other: Mask) -> Mask:
        """Allow what both allow."""
        return self._combine(other, operator.and_, "&")

    def __or__(self, other: Mask) -> Mask:
        """Allow what either allows."""
        return self._combine(other, operator.or_, "|")

    def __invert__(self) -> Mask:
        """Allow what this mask forbids."""
        rule = self.mask_mod
        return Mask(
            f"~{self.name}",
            lambda b, h, q, k: ~rule(b, h, q, k),
            self.batch,
            self.time,
            self.device,
        )

    def __repr__(self) -> str:
        return f"Mask({self.name}, batch={self.batch}, time={self.time})"

    def tensor(self, time: int | None = None, device: torch.device | str | None = None) -> Tensor:
        """Write the mask out.

        Args:
            time: tokens of a sequence; default what the mask is made for.
            device: where the tensor is to be; default where the mask's own data are.

        Returns:
            bool (batch, 1, time, time), true where a query (row) may attend to a key (column). The
            batch is 1 if the mask is the same for all sequences.

        Raises:
            ValueError: if the mask fits another number of tokens, if no number is known, or if a
                query may attend to nothing: a softmax over nothing is not a number.
        """
        allowed = self._write_out(self._length(time), self.device or device)
        require_filled(allowed, self.name)
        return allowed if device is None else allowed.to(device)

    def plot(
        self, time: int | None = None, tokens: list[str] | None = None, axes: Axes | None = None
    ) -> Axes:
        """Draw the mask of the first sequence.

        Args:
            time: tokens of a sequence; default what the mask is made for.
            tokens: labels of rows and columns; default none.
            axes: where to draw; default a figure of its own.

        Raises:
            ValueError: as `tensor`, or if there is not a label for each token.
        """
        from zoo.masks.attention.plot import draw  # matplotlib takes a second to import

        return draw(self.tensor(time)[0, 0].cpu(), self.name, tokens, axes)

    def _length(self, time: int | None) -> int:
        if time is None and self.time is None:
            raise ValueError(f"{self.name} fits any number of tokens: say how many, tensor(time)")
        if None not in (time, self.time) and time != self.time:
            raise ValueError(f"{self.name} is made for {self.time} tokens, the sequence has {time}")
        return self.time if time is None else time  # pyright: ignore[reportReturnType]

    def _write_out(self, time: int, device: torch.device | str | None) -> Tensor:
        position = torch.arange(time, device=device)
        sequence = torch.arange(self.batch, device=device)
        allowed = self.mask_mod(
            sequence[:, None, None, None],
            torch.zeros(1, 1, 1, 1, dtype=torch.int64, device=device),
            position[:, None],
            position,
        )
        return allowed.expand(self.batch, 1, time, time)

    def _combine(self, other: Mask, join: Callable[[Any, Any], Any], sign: str) -> Mask:
        if not isinstance(other, Mask):
            raise ValueError(
                f"{self.name} {sign} {brief(other)}: expected another mask; of real tokens, bool "
                "(batch, time), zoo.masks.padding(valid) makes one"
            )
        if 1 not in (self.batch, other.batch) and self.batch != other.batch:
            raise ValueError(
                f"{self.name} is made for {self.batch} sequences, {other.name} for {other.batch}"
            )
        if None not in (self.time, other.time) and self.time != other.time:
            raise ValueError(
                f"{self.name} is made for {self.time} tokens, {other.name} for {other.time}"
            )
        one, two = self.mask_mod, other.mask_mod
        return Mask(
            f"({self.name} {sign} {other.name})",
            lambda b, h, q, k: join(one(b, h, q, k), two(b, h, q, k)),
            max(self.batch, other.batch),
            self.time if other.time is None else other.time,
            self.device or other.device,
        )


def require_filled(allowed: Tensor, name: str = "the mask") -> None:
    """Refuse a mask under which a query may attend to nothing.

    Not while a graph is made, as by `torch.compile` and `torch.export`: what a tensor holds is then
    unknown.

    Args:
        allowed: bool (..., time, time).
        name: what it is called in the message.

    Raises:
        ValueError: if a row is empty; the message names it.
    """
    if torch.compiler.is_compiling():
        return
    filled = allowed.any(-1)
    if not filled.all():
        *sequence, row = (~filled).nonzero()[0].tolist()
        where = f" of sequence {sequence[0]}" if sequence else ""
        raise ValueError(
            f"{name}: row {row}{where} may attend to nothing, so its softmax is not a number: "
            "let it look at itself, as `mask | zoo.masks.diagonal()` does, or leave it out"
        )


def brief(value: Any) -> str:
    """Return what a message says of a value."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)} of {value.dtype}"
    return f"{value!r:.80}"
