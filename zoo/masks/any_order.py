"""Texts written from right to left or in a random order: the order decides who sees whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from zoo import decoding
from zoo.decoding.engine.processors import Forbid
from zoo.masks.decodable import DecodableTransformer
from zoo.masks.tokenizer import WHOLE, Tokenizer
from zoo.masks.transformer import TokenTransformer

Stream = Callable[[Tensor, Tensor], None]
Order = Literal["ltr", "rtl", "random"]
# options of what may end early, or is written many at a time
LEFT_TO_RIGHT = {"max_new_tokens", "min_new_tokens", "batch_size", "eos_id", "stop", "stopping"}


@dataclass(frozen=True)
class Plan:
    """In which order a text of known length is read and written.

    Attributes:
        prompt: the ids that are known, in the order in which they are read.
        places: the position of each token in that order, the known ones first.
    """

    prompt: list[int]
    places: list[int]

    def text(self, made: Sequence[int]) -> list[int]:
        """Return the ids from left to right, for those that were written."""
        pairs = zip(self.places, [*self.prompt, *made], strict=True)
        return [token for _, token in sorted(pairs)]


def right_to_left(known: list[int], length: int) -> Plan:
    """Write what comes before some tokens.

    Args:
        known: the last ids of the text, its end token among them.
        length: tokens of the whole text, its start and end included; the start is not written.
    """
    return Plan(known[::-1], list(range(length - 1, 0, -1)))


def at_random(known: list[int], length: int, generator: Generator | None) -> Plan:
    """Write what comes between some tokens and the end, in a random order.

    Args:
        known: the first ids of the text, its start among them, and its end, which is read next.
        length: tokens of the whole text.
        generator: of the order; default torch's global one.
    """
    first, last = len(known) - 1, length - 1
    device = generator.device if generator else None
    between = first + torch.randperm(last - first, generator=generator, device=device)
    return Plan(known, [*range(first), last, *between.tolist()])


def write_in_order(
    net: TokenTransformer,
    tokenizer: Tokenizer,
    texts: list[str],
    order: Literal["rtl", "random"],
    length: int,
    *,
    generator: int | Generator | None = None,
    stream: Stream | None = None,
    **options: Any,
) -> list[str]:
    """Write texts of a known length from right to left, or in a random order.

    The keys of what is written are kept like those of any text, in the order of writing: a token
    that comes later sees all of them, which is the mask of `zoo.masks.permutation`. Each text has
    an order of its own, and so is written by itself.

    Args:
        net: a network trained under the objective `reverse`, or `permutation` for random orders.
        tokenizer: its tokenizer.
        texts: with `rtl` their ends, with `random` their beginnings; empty ones for nothing known.
        order: the order.
        length: characters, or other tokens, of each text, with what is given.
        generator: of the orders, and of sampling: a seed, or a generator; default torch's own.
        stream: as of `zoo.decoding.generate`: called with the numbers of the rows that are being
            written and their new tokens, in the order of writing.
        **options: of `zoo.decoding.generate`.

    Returns:
        The whole texts, with what was given; where several are drawn of each (`samples`), these
        follow each other.

    Raises:
        ValueError: if the length is no length of a text of this network or leaves nothing to
            write, if an option does nothing in this order, or if the network cannot be told which
            position it is to write.
    """
    whole = length + 2
    if useless := LEFT_TO_RIGHT & {name for name, value in options.items() if value is not None}:
        raise ValueError(
            f"{min(useless)} does nothing where order is {order!r}: leave it out; a text is "
            "written by itself and has `length` tokens"
        )
    if order == "random" and net.encoder.target_embedding is None:
        raise ValueError(
            "the network cannot be told which position to write next: random orders need one that "
            "was built with targets and trained under the objective permutation"
        )
    limit = net.encoder.limit or whole
    if not 1 <= length <= limit - 2:
        raise ValueError(f"length is {length}: give 1 to {limit - 2} tokens")
    if generator is not None and not isinstance(generator, Generator):
        device = net.encoder.token_embedding.weight.device
        generator = Generator(device).manual_seed(index(generator))
    if order == "rtl" or options.get("method") == "sample":  # else it is of the order alone
        options["generator"] = generator
    written = []
    for text in texts:
        plan = _plan(tokenizer, text, order, whole, generator)
        own = {"stream": numbered(stream, len(written))} if stream else {}
        written += _write(net, tokenizer, plan, {**options, **own})
    return written


def numbered(stream: Stream, first: int) -> Stream:
    """Return a stream for one of several texts.

    Args:
        stream: as of `zoo.decoding.generate`, called with the numbers of rows and their tokens.
        first: the number of the text's first row among the rows of all texts.
    """
    return lambda rows, tokens: stream(rows + first, tokens)


def _plan(
    tokenizer: Tokenizer, text: str, order: Order, whole: int, generator: Generator | None
) -> Plan:
    known = tokenizer.encode_end(text) if order == "rtl" else tokenizer.encode(text, WHOLE)
    if len(known) >= whole:
        raise ValueError(
            f"{text!r} has {len(known) - 2} tokens: nothing is left to write of a length of "
            f"{whole - 2}, give a greater one"
        )
    return right_to_left(known[1:], whole) if order == "rtl" else at_random(known, whole, generator)


def _write(
    net: TokenTransformer, tokenizer: Tokenizer, plan: Plan, options: dict[str, Any]
) -> list[str]:
    own = Forbid(tuple(sorted(tokenizer.special)))
    options |= {"processors": [*(options.get("processors") or ()), own]}
    made = decoding.generate(
        DecodableTransformer(net, "lm", plan.places),
        [plan.prompt],
        max_new_tokens=len(plan.places) - len(plan.prompt),
        **options,
    )
    return [tokenizer.decode(plan.text(ids)) for ids in made.to_lists()]
