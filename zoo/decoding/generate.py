"""`generate`: all ways of decoding behind one function."""

import warnings
from collections.abc import Callable, Generator, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.decoding.engine.checks import require_whole
from zoo.decoding.engine.filters import Consistent
from zoo.decoding.engine.options import Method, fill
from zoo.decoding.engine.processors import Processor
from zoo.decoding.engine.protocol import pad_prompts
from zoo.decoding.engine.record import Generation
from zoo.decoding.engine.request import Request
from zoo.decoding.engine.rules import Rules
from zoo.decoding.engine.stop import Stop
from zoo.decoding.models.decodable import as_decodable, model_ends
from zoo.decoding.models.processors import Foreign, ForeignCriterion, is_foreign

Stream = Callable[[Tensor, Tensor], None]  # the numbers of the rows, and the new token of each
BEAMS = ("beam", "diverse_beam")


def generate(
    model: Any,
    prompts: Tensor | Sequence[Sequence[int]],
    *,
    method: Method = "greedy",
    valid: Tensor | None = None,
    batch_size: int | None = None,
    stream: Stream | None = None,
    **options: Any,
) -> Generation:
    """Continue prompts, each until its end token or the limit.

    Args:
        model: a `Decodable`, a network of `zoo.masks`, or a model of `transformers`: a causal
            language model or an encoder-decoder.
        prompts: int64 (batch, time), or a list of lists of token ids of any lengths.
        method: "greedy", the likeliest token at each step; "sample", a random one; "beam", the
            sequences of highest score; "diverse_beam", the same in groups that avoid each other;
            "contrastive", likely tokens that do not repeat what has been said.
        valid: bool or int (batch, time), false on the padding of a tensor of prompts: the
            attention mask of a tokenizer. Default: nothing is padding.
        batch_size: prompts at a time, those of similar lengths together; default all.
        stream: called at each step with the numbers of the rows that still run, int64 (n,), and
            their new tokens, int64 (n,); not for beams, which are known only at the end. A row's
            number is that of its prompt, times `samples` if more than one is drawn.
        options: those of `zoo.decoding.engine.rules.Rules`, which every method obeys, and those of
            the method's class: `Sampling`, `Beam`, `DiverseBeam` or `Contrast`.

    Returns:
        The new tokens, their log-probabilities, and whether each row came to its end.

    Raises:
        ValueError: if an option is unknown, out of its range or does nothing for this method, if a
            prompt holds a token that the model does not have, or does not fit into its positions
            together with its continuation, if the model gives NaN.

    Example:
        >>> class Counter:  # a model of ten tokens: after n comes n + 1
        ...     def prefill(self, tokens, valid):
        ...         return self.step(tokens[:, -1], None)
        ...     def step(self, tokens, state):
        ...         return torch.nn.functional.one_hot((tokens + 1) % 10, 10) * 9.0, None
        ...     def reorder(self, state, rows):
        ...         return state
        >>> out = generate(Counter(), [[1, 2, 3], [5]], eos_id=9, max_new_tokens=5)
        >>> out.to_lists()
        [[4, 5, 6, 7, 8], [6, 7, 8, 9]]
        >>> out.finished
        tensor([False,  True])
    """
    if stream is not None and not callable(stream):
        raise ValueError(f"stream is {stream!r}: give a function of prompts and tokens")
    search, rules = fill(method, options)
    if method in BEAMS and (idle := "stream" if stream else "stopping" if rules.stopping else ""):
        raise ValueError(f"{idle} does nothing for method={method!r}: leave it out")
    decodable = as_decodable(model)
    if valid is None and isinstance(prompts, Tensor):
        warn_of_padding(model, prompts)
    tokens, valid = pad_prompts(prompts, valid)
    vocabulary = getattr(decodable, "vocabulary", None)
    require_tokens(vocabulary, tokens)
    require_room(decodable, int(valid.sum(1).max()), rules.max_new_tokens)
    stop = Stop(rules.max_new_tokens, model_ends(model, rules.eos_id, vocabulary))
    stopping = [ForeignCriterion(c) if is_foreign(c) else c for c in rules.stopping]
    found, rows = [], []
    for batch in by_length(valid, batch_size):
        own, real = cut(tokens[batch], valid[batch])
        chain = processors(decodable, own.shape[1], len(tokens), rules, stop.eos, search.rows)
        request = Request(decodable, own, real, stop, chain, stopping, batch)
        found.append(finish(normally(search.search(request)), batch, stream))
        each = len(found[-1].lengths) // len(batch)
        rows.append((batch[:, None] * each + torch.arange(each)).flatten())
    return Generation.join(found, rows, stop.padding)


def processors(
    model: Any, start: int, prompts: int, rules: Rules, eos: Sequence[int], each: int
) -> list[Processor]:
    """Return the processors of the rules, each told what it has to know.

    Args:
        model: a `Decodable`.
        start: tokens of a row before the first new one.
        prompts: how many prompts there are, over all batches.
        rules: the rules.
        eos: the end tokens.
        each: rows of a prompt that are searched at a time.
    """
    first = getattr(model, "start", None)  # of an encoder-decoder
    unseen = 0 if first is None else start
    chain = []
    for processor in rules.chain(start, eos, getattr(model, "source", False)):
        if isinstance(processor, Consistent):
            processor = processor.knowing(tuple(eos))
        elif is_foreign(processor):
            processor = Foreign(processor, prompts, each, unseen, first)
        chain.append(processor)
    return chain


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


def normally(
    steps: Generator[tuple[Tensor, Tensor], None, Generation],
) -> Generator[tuple[Tensor, Tensor], None, Generation]:
    """Run steps in inference mode, which whoever receives them is not in.

    Args:
        steps: from a method's `search`.
    """
    while True:
        with torch.inference_mode():
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
        yield step


def finish(
    steps: Generator[tuple[Tensor, Tensor], None, Generation], batch: Tensor, stream: Stream | None
) -> Generation:
    """Run steps to the end.

    Args:
        steps: from `normally`.
        batch: int64 (prompts,), the numbers of the prompts.
        stream: called with the rows and the tokens of each step, or None.
    """
    each = None
    while True:
        try:
            rows, tokens = next(steps)
        except StopIteration as end:
            return end.value
        if stream:
            each = each or len(rows) // len(batch)
            numbers = batch.to(rows.device)[rows // each] * each + rows % each
            stream(numbers, tokens.clone())  # a tensor of inference mode is of less use


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


def require_room(model: Any, prompt: int, limit: int) -> None:
    """Refuse a prompt whose continuation the model has no positions for.

    Raises:
        ValueError: with the numbers.
    """
    positions = getattr(model, "positions", None)
    if positions is None:
        return
    if isinstance(positions, int):
        fits = prompt + limit - 1 <= positions  # the last token is not read
    else:
        fits = prompt <= positions[0] and limit <= positions[1]
    if not fits:
        raise ValueError(
            f"a prompt of {prompt} tokens and {limit} new ones do not fit into the model's "
            f"{positions} positions: cut the prompt or lower max_new_tokens"
        )


def warn_of_padding(model: Any, prompts: Tensor) -> None:
    """Warn of a tensor in which some rows, but not all, begin or end with the padding token.

    Args:
        model: as for `generate`; without a known padding token there is no warning.
        prompts: int64 (batch, time).
    """
    settings = getattr(model, "generation_config", None)
    padding = getattr(settings, "pad_token_id", getattr(model, "padding_id", None))
    if padding is None or prompts.dim() != 2 or not prompts.numel():
        return
    for side, column in (("begin", 0), ("end", -1)):
        padded = int((prompts[:, column] == padding).sum())
        if 0 < padded < len(prompts):
            warnings.warn(
                f"{padded} of {len(prompts)} prompts {side} with the padding token {padding}, and "
                "it is read as text: give valid=, the tokenizer's attention_mask",
                stacklevel=4,
            )
