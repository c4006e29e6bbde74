"""`generate`: texts from texts, by any of the ways of decoding."""

from typing import Any

from zoo import decoding
from zoo.masks.any_order import Order, write_in_order
from zoo.masks.decodable import DecodableTransformer, TextTask
from zoo.masks.tokenizer import Tokenizer
from zoo.masks.transformer import TokenTransformer


def generate(
    net: TokenTransformer,
    tokenizer: Tokenizer | None,
    texts: list[str],
    *,
    task: TextTask,
    order: Order = "ltr",
    length: int | None = None,
    beam: int = 1,
    max_new_tokens: int = 64,
    batch_size: int = 16,
    **options: Any,
) -> list[str]:
    """Write a text for each of some texts.

    Args:
        net: a network in evaluation mode.
        tokenizer: its tokenizer.
        texts: any number; of what is longer than the network's positions allow, the beginning.
        task: `seq2seq`: write what the text is the source of; `lm`: continue it, as a causal
            language model; `prefix`: continue it, while all of it sees all of it.
        order: in which a text is written: from left to right (default), from right to left (`rtl`:
            the texts are ends, and `length` is needed), in a random order (`random`, likewise).
        length: characters, or other tokens, of a whole text that is not written from left to right.
        beam: width of the beam search; default 1, greedy.
        max_new_tokens: most tokens of a result, its end included; default 64.
        batch_size: texts at a time, those of similar lengths together; default 16.
        **options: further ones of `zoo.decoding.generate`, such as `method="sample"`, `top_p`.

    Returns:
        A text for each, in order: what follows it, or, where `order` is another, all of it. Where
        more are asked for of each (`n_best`, `samples`), these follow each other.

    Raises:
        TypeError: if `texts` is a single string.
        ValueError: if the network has no tokenizer, or no room for `max_new_tokens`, or an option
            does not go with the order.
    """
    if isinstance(texts, str):
        raise TypeError("expected a list of texts, got one string: write [text]")
    if tokenizer is None:
        raise ValueError("the network has no tokenizer: set net.preprocess, as zoo.load does")
    options = {"method": "beam" if beam > 1 else "greedy", "beam": beam, **options}
    if order != "ltr":
        if length is None or task != "lm":
            raise ValueError(f"order={order!r} is for task='lm', and needs the length of the text")
        return write_in_order(net, tokenizer, texts, order, length, **options)
    if length is not None:
        raise ValueError("length does nothing from left to right: give max_new_tokens")
    room = (net.encoder.positions or tokenizer.max_length + max_new_tokens) - max_new_tokens
    if room < 3:
        raise ValueError(
            f"max_new_tokens is {max_new_tokens}: of {net.encoder.positions} positions at least 3 "
            "are the source's"
        )
    prompts = [tokenizer.encode(text, min(room, tokenizer.max_length)) for text in texts]
    if task != "seq2seq":  # a text that goes on has no end yet
        prompts = [prompt[:-1] for prompt in prompts]
    if not prompts:
        return []
    made = decoding.generate(
        DecodableTransformer(net, task),
        prompts,
        max_new_tokens=max_new_tokens,
        eos_id=tokenizer.end,
        batch_size=batch_size,
        **options,
    )
    return [tokenizer.decode(ids) for ids in made.to_lists()]
