"""The masks there are: BERT's, GPT's, UniLM's, XLNet's, and what combines with them.

The schemes and the objectives they belong to: Su, https://kexue.fm/archives/6933.
"""

from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from zoo.masks.attention.algebra import Mask, Rule, brief

Stream = Literal["content", "query"]


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


def _whole(name: str, data: Any, *dimensions: int) -> Tensor:
    """Return booleans or whole numbers as a tensor; refuse anything else, or another shape."""
    try:
        numbers = torch.as_tensor(data)
    except (TypeError, ValueError, RuntimeError):
        numbers = torch.empty(0)
    wrong = numbers.is_floating_point() or numbers.is_complex()
    if wrong or numbers.dim() not in dimensions:
        many = " or ".join(map(str, dimensions))
        raise ValueError(f"{name} is {brief(data)}: expected whole numbers, {many} dimensions")
    return numbers


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
