"""`generate`: all ways of decoding behind one function."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.decoding.engine.filters import Consistent
from zoo.decoding.engine.options import Method, fill
from zoo.decoding.engine.processors import Processor
from zoo.decoding.engine.prompts import (
    by_length,
    cut,
    pad_prompts,
    require_room,
    require_tokens,
)
from zoo.decoding.engine.record import Generation
from zoo.decoding.engine.request import Request
from zoo.decoding.engine.rules import Rules
from zoo.decoding.engine.sampling import Steps
from zoo.decoding.engine.stop import Stop
from zoo.decoding.models.decodable import as_decodable, model_ends, warn_of_padding
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
        raise ValueError(f"stream is {stream!r}: expected a function of prompts and tokens")
    shown = stream is not None
    return finish(start(model, prompts, method, valid, batch_size, shown, options), stream)


def stream_tokens(
    model: Any,
    prompts: Tensor | Sequence[Sequence[int]],
    *,
    method: Method = "greedy",
    valid: Tensor | None = None,
    batch_size: int | None = None,
    **options: Any,
) -> Steps:
    """Continue prompts, and give the new tokens as they come.

    Args:
        model: as all the others, see `generate`.
        prompts: see `generate`.
        method: all but the beams, which are known only at the end.
        valid: see `generate`.
        batch_size: see `generate`.
        options: see `generate`.

    Yields:
        At each step the numbers of the rows that still run, int64 (n,), and their new tokens, int64
        (n,).

    Returns:
        The whole `Generation`, as the value of the iterator's `StopIteration`.

    Raises:
        ValueError: as `generate`, before the first step.
    """
    return start(model, prompts, method, valid, batch_size, True, options)


def start(
    model: Any,
    prompts: Any,
    method: str,
    valid: Tensor | None,
    batch_size: int | None,
    shown: bool,
    options: dict[str, Any],
) -> Steps:
    """Check what a user gives, and return the steps, of which none has run.

    Args:
        model: as all the others, see `generate`.
        prompts: see `generate`.
        method: see `generate`.
        valid: see `generate`.
        batch_size: see `generate`.
        shown: whether somebody wants to see each step.
        options: see `generate`.
    """
    search, rules = fill(method, options)
    if method in BEAMS and (idle := "stream" if shown else "stopping" if rules.stopping else ""):
        raise ValueError(f"{idle} does nothing for method={method!r}: leave it out")
    decodable = as_decodable(model)
    if valid is None and isinstance(prompts, Tensor):
        warn_of_padding(model, prompts)
    tokens, valid = pad_prompts(prompts, valid)
    vocabulary = getattr(decodable, "vocabulary", None)
    require_tokens(vocabulary, tokens)
    longest = int(valid.sum(1).max())
    require_room(decodable, longest, rules.max_new_tokens, search.reads_last)
    stop = Stop(rules.max_new_tokens, model_ends(model, rules.eos_id, vocabulary))
    first = getattr(decodable, "start", None)  # of an encoder-decoder
    stopping = [ForeignCriterion(c, first) if is_foreign(c) else c for c in rules.stopping]
    requests = []
    for batch in by_length(valid, batch_size):
        own, real = cut(tokens[batch], valid[batch])
        chain = processors(decodable, own.shape[1], len(tokens), rules, stop.eos, search.rows)
        named = rules.named(stop.eos)
        requests.append(Request(decodable, own, real, stop, chain, stopping, batch, named))
    return run(search, requests, shown)


def run(search: Any, requests: list[Request], shown: bool) -> Steps:
    """Run the search for each batch.

    Args:
        search: one of the methods.
        requests: a batch each.
        shown: whether somebody wants to see each step.

    Yields:
        As `stream_tokens`, if somebody wants to see it.

    Returns:
        The whole `Generation`.
    """
    found, rows = [], []
    for request in requests:
        batch, each = request.numbers, 0
        steps = search.search(request)
        while True:
            with torch.inference_mode():
                try:
                    running, tokens = next(steps)
                except StopIteration as end:
                    part: Generation = end.value
                    break
            if not shown:
                continue
            each = each or len(running) // len(batch)  # at first all of them run
            numbers = batch.to(running.device)[running // each] * each + running % each
            yield numbers, tokens.clone()  # out of inference mode, for any use
        found.append(part)
        each = len(part.lengths) // len(batch)
        rows.append((batch[:, None] * each + torch.arange(each)).flatten())
    return Generation.join(found, rows, requests[0].stop.padding)


def finish(steps: Steps, stream: Stream | None) -> Generation:
    """Run steps to the end.

    Args:
        steps: from `start`.
        stream: called with the rows and the tokens of each step, or None.
    """
    while True:
        try:
            rows, tokens = next(steps)
        except StopIteration as end:
            return end.value
        if stream:
            stream(rows, tokens)


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
