"""`generate`: texts from texts, by any of the ways of decoding."""

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from zoo.decoding.texts import stream as stream_text
from zoo.decoding.texts import write
from zoo.layers.texts import require_texts
from zoo.masks.any_order import Order, Stream, write_in_order
from zoo.masks.decodable import DecodableTransformer, TextTask
from zoo.masks.tokenizer import Tokenizer
from zoo.masks.transformer import TokenTransformer

SIZES = {"max_new_tokens": 64, "batch_size": 16}  # what is taken from left to right by default


def generate(
    net: TokenTransformer,
    tokenizer: Tokenizer | None,
    texts: list[str],
    *,
    task: TextTask,
    order: Order = "ltr",
    length: int | None = None,
    beam: int = 1,
    max_new_tokens: int | None = None,
    batch_size: int | None = None,
    stream: Stream | None = None,
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
        max_new_tokens: most tokens of a result, its end included; default 64. It and `batch_size`
            are for writing from left to right.
        batch_size: texts at a time, those of similar lengths together; default 16.
        stream: called at each step with the numbers of the texts that are being written, int64
            (n,), and their new tokens, int64 (n,); not for beams.
        **options: further ones of `zoo.decoding.generate`, such as `method="sample"`, `top_p`, and
            `stop`, strings that end a text. From a source, `no_repeat_ngram` is 2 by default,
            and None switches it off.

    Returns:
        A text for each, in order: what follows it, or, where `order` is another, all of it. Of a
        text with `n_best` or `samples` results, these in turn. From a source without words, or
        without a Chinese character if the vocabulary is Chinese, nothing is written: its result is
        empty, and a warning says so.

    Raises:
        TypeError: if `texts` is a single string.
        ValueError: if the network has no tokenizer, or no room for `max_new_tokens`, or an option
            does not go with the order.
    """
    require_texts(texts)
    tokenizer = require_tokenizer(tokenizer)
    options = {"method": "beam" if beam > 1 else "greedy", "beam": beam, **options}
    given = {"max_new_tokens": max_new_tokens, "batch_size": batch_size}
    sizes = {name: size for name, size in given.items() if size is not None}
    if order != "ltr":
        if length is None or task != "lm":
            raise ValueError(f"order={order!r} is for task='lm', and needs the length of the text")
        options |= sizes
        return write_in_order(net, tokenizer, texts, order, length, stream=stream, **options)
    if length is not None:
        raise ValueError("length does nothing from left to right: give max_new_tokens")
    options = {**defaults(tokenizer, task), **options, **SIZES, **sizes}
    each = options.get("samples") or options.get("n_best") or 1
    kept = readable(tokenizer, texts) if task == "seq2seq" else [*range(len(texts))]
    prompts = encode(net, tokenizer, [texts[i] for i in kept], task, options["max_new_tokens"])
    shown = stream and renumbered(stream, kept, each)
    made = write(
        DecodableTransformer(net, task), prompts, tokenizer.decode, stream=shown, **options
    )
    results = [""] * (len(texts) * each)
    for place, number in enumerate(kept):
        results[number * each : (number + 1) * each] = made[place * each : (place + 1) * each]
    return results


def readable(tokenizer: Tokenizer, texts: list[str]) -> list[int]:
    """Return the numbers of the sources that a model can read; warn of the others.

    Args:
        tokenizer: the model's.
        texts: the sources.
    """
    kept = [number for number, text in enumerate(texts) if tokenizer.reads(text)]
    if len(kept) < len(texts):
        first = min({*range(len(texts))} - {*kept})
        language = "no Chinese characters" if tokenizer.is_chinese else "no words"
        warnings.warn(
            f"{len(texts) - len(kept)} of {len(texts)} sources have {language}, the first is "
            f"number {first}, {texts[first]!r:.40}: nothing is written from them",
            stacklevel=4,
        )
    return kept


def renumbered(stream: Stream, kept: list[int], each: int) -> Stream:
    """Return a stream that is told the numbers of all texts, not of those that are kept.

    Args:
        stream: a function of rows and tokens.
        kept: the numbers of the texts that are written from.
        each: results of a text.
    """
    numbers = torch.tensor(kept)

    def told(rows: Tensor, tokens: Tensor) -> None:
        own = numbers.to(rows.device)[rows // each]
        stream(own * each + rows % each, tokens)

    return told


def stream(
    net: TokenTransformer,
    tokenizer: Tokenizer | None,
    text: str,
    *,
    task: TextTask,
    max_new_tokens: int = SIZES["max_new_tokens"],
    **options: Any,
) -> Iterator[str]:
    """Write a text for another one, piece by piece.

    Args:
        net: a network in evaluation mode.
        tokenizer: its tokenizer.
        text: see `generate`.
        task: see `generate`.
        max_new_tokens: see `generate`.
        **options: those of `zoo.decoding.generate`; not for beams.

    Yields:
        Pieces of what is written, as they come.
    """
    tokenizer = require_tokenizer(tokenizer)
    if task == "seq2seq" and not readable(tokenizer, [text]):
        return iter(())
    (prompt,) = encode(net, tokenizer, [text], task, max_new_tokens)
    options = {**defaults(tokenizer, task), **options, "max_new_tokens": max_new_tokens}
    return stream_text(DecodableTransformer(net, task), prompt, tokenizer.decode, **options)


def require_tokenizer(tokenizer: Tokenizer | None) -> Tokenizer:
    """Return a network's tokenizer.

    Raises:
        ValueError: if there is none.
    """
    if tokenizer is None:
        raise ValueError("the network has no tokenizer: set net.preprocess, as zoo.load does")
    return tokenizer


def encode(
    net: TokenTransformer,
    tokenizer: Tokenizer,
    texts: list[str],
    task: TextTask,
    max_new_tokens: int,
) -> list[list[int]]:
    """Return the prompts for some texts, cut to what the network's positions allow."""
    room = (net.encoder.limit or tokenizer.max_length + max_new_tokens) - max_new_tokens
    if room < 3:
        raise ValueError(
            f"max_new_tokens is {max_new_tokens}: of {net.encoder.limit} positions at least 3 "
            "are the source's"
        )
    prompts = [tokenizer.encode(text, min(room, tokenizer.max_length)) for text in texts]
    # a text that goes on has no end yet
    return prompts if task == "seq2seq" else [prompt[:-1] for prompt in prompts]


def defaults(tokenizer: Tokenizer, task: TextTask) -> dict[str, Any]:
    """Return options of `zoo.decoding.generate` that differ for texts.

    Tokens that are no text are never written, and no pair of tokens comes twice in what is written
    from a source.
    """
    unwritten = sorted(tokenizer.special - {tokenizer.end})
    bigrams = 2 if task == "seq2seq" else None
    return {"eos_id": tokenizer.end, "forbidden_tokens": unwritten, "no_repeat_ngram": bigrams}
