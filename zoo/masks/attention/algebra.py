"""Attention masks: which token attends to which, and so what a Transformer is.

A mask is one rule over (batch, head, query, key). From it come the boolean tensor, FlexAttention's
`mask_mod` and the flag of the fused kernel. Masks combine with `&`, `|` and `~`.

The schemes and the objectives they belong to: Su, https://kexue.fm/archives/6933.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
Stream = Literal["content", "query"]


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
        from zoo.masks.plot import draw  # matplotlib takes a second to import

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
                f"{self.name} {sign} {_brief(other)}: expected another mask; of real tokens, bool "
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


def bidirectional() -> Mask:
    """Let every token attend to every token: BERT."""
    return Mask("bidirectional", lambda b, h, q, k: (k >= 0) & (q >= 0))


def causal() -> Mask:
    """Let a token attend to itself and to the tokens before it: GPT, left to right."""
    return Mask("causal", lambda b, h, q, k: k <= q, is_causal=True)


def reverse() -> Mask:
    """Let a token attend to itself and to the tokens after it: a model from right to left."""
    return Mask("reverse", lambda b, h, q, k: k >= q)


def diagonal() -> Mask:
    """Let a token attend to itself alone, which fills the empty rows of another mask."""
    return Mask("diagonal", lambda b, h, q, k: k == q)


def prefix(lengths: Tensor) -> Mask:
    """Let all attend to the prefix, and later tokens to those before them: GLM, T5's prefix LM.

    Args:
        lengths: int64 (batch,), tokens of each sequence's prefix.

    Raises:
        ValueError: if they are no whole numbers of that shape.
    """
    rows = _whole("lengths", lengths, 1)[:, None]
    return _over(
        rows, "prefix", lambda at: lambda b, h, q, k: (k <= q) | (k < at(b, 0 * q)), any_time=True
    )


def unilm(segment_ids: Tensor) -> Mask:
    """Make plain BERT a sequence-to-sequence model: c_k <= c_q with c the running sum of segments.

    The source (segment 0) attends to all of itself; the target (segment 1) to the source and to its
    own past. UniLM: Dong et al., arXiv 1905.03197; the running sum is Su's (post 6933). Padding
    written as segment 0 would be seen by the last target token: combine with `& padding(valid)`.

    Args:
        segment_ids: int64 (batch, time).

    Raises:
        ValueError: if they are no whole numbers of that shape.
    """
    segments = _whole("segment_ids", segment_ids, 1, 2)
    return _over(segments.cumsum(-1), "unilm", lambda c: lambda b, h, q, k: c(b, k) <= c(b, q))


def permutation(order: Tensor, stream: Stream = "content") -> Mask:
    """Let a token attend to those that come no later in an order: XLNet, arXiv 1906.08237.

    Args:
        order: int64 (time,) or (batch, time), the positions in the order in which they are read;
            each row a permutation of 0 to time - 1.
        stream: `content` (a token sees itself) or `query` (it does not, since it is to be
            predicted). The first of an order has nothing before it; its row of the query stream
            attends to itself, and must not be trained on.

    Raises:
        ValueError: if a row of `order` is no permutation, or there is no such stream.
    """
    order = _whole("order", order, 1, 2)
    if stream not in get_args(Stream):
        raise ValueError(f"stream is {stream!r}: expected one of {', '.join(get_args(Stream))}")
    time = order.shape[-1]
    places = torch.arange(time, device=order.device).expand_as(order)
    # what tensors hold is unknown while a graph is made of them
    if not torch.compiler.is_compiling() and not torch.equal(order.sort(-1).values, places):
        raise ValueError(f"order has a row that is no permutation of 0 to {time - 1}: {order}")
    rank = order.argsort(-1)
    if stream == "content":
        return _over(rank, "permutation", lambda r: lambda b, h, q, k: r(b, k) <= r(b, q))
    return _over(
        rank,
        "permutation's query stream",
        lambda r: lambda b, h, q, k: (r(b, k) < r(b, q)) | ((r(b, q) == 0) & (k == q)),
    )


def block(ids: Tensor) -> Mask:
    """Let tokens attend to their own block, such as one of several texts packed into a sequence.

    Args:
        ids: int64 (time,) or (batch, time), the block of each token.

    Raises:
        ValueError: if they are no whole numbers of that shape.
    """
    ids = _whole("ids", ids, 1, 2)
    return _over(ids, "block", lambda own: lambda b, h, q, k: own(b, q) == own(b, k))


def sliding_window(radius: int) -> Mask:
    """Let tokens attend to those at most `radius` away; `& causal()` makes it Mistral's.

    Raises:
        ValueError: if `radius` is no whole number from 0.
    """
    if not isinstance(radius, Integral) or radius < 0:
        raise ValueError(f"radius is {radius}: give the number of tokens to see on each side")
    return Mask(f"sliding_window({radius})", lambda b, h, q, k: (q - k).abs() <= radius)


def padding(valid: Tensor) -> Mask:
    """Let tokens attend to real tokens.

    Args:
        valid: bool (batch, time), true on real tokens and false on padding; or whole numbers, 0 on
            padding, as a tokenizer of `transformers` gives them.

    Raises:
        ValueError: if it is neither.
    """
    real = _whole("valid", valid, 1, 2).bool()
    return _over(real, "padding", lambda real: lambda b, h, q, k: real(b, k))


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


def _whole(name: str, data: Any, *dimensions: int) -> Tensor:
    """Return booleans or whole numbers as a tensor; refuse anything else, or another shape."""
    try:
        numbers = torch.as_tensor(data)
    except (TypeError, ValueError, RuntimeError):
        numbers = torch.empty(0)
    wrong = numbers.is_floating_point() or numbers.is_complex()
    if wrong or numbers.dim() not in dimensions:
        many = " or ".join(map(str, dimensions))
        raise ValueError(f"{name} is {_brief(data)}: expected whole numbers, {many} dimensions")
    return numbers


def _brief(value: Any) -> str:
    """Return what a message says of a value."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)} of {value.dtype}"
    return f"{value!r:.80}"


def _over(
    data: Tensor,
    name: str,
    rule: Callable[[Callable[[Tensor, Tensor], Tensor]], Rule],
    any_time: bool = False,
) -> Mask:
    """Make a mask whose rule reads a value for each token, of all sequences or of each."""
    rows = data.reshape(-1, data.shape[-1])
    time = None if any_time else data.shape[-1]
    batch = rows.shape[0]  # not its len(), which torch.export takes for a constant
    if batch == 1:  # for any number of sequences
        return Mask(name, rule(lambda b, i: rows[0][i]), 1, time, data.device)
    return Mask(name, rule(lambda b, i: rows[b, i]), batch, time, data.device)
