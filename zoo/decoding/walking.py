"""One token after another: greedy and sampling are the same walk with another choice."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from zoo.decoding.processors import History, Processor, probabilities
from zoo.decoding.protocol import Decodable
from zoo.decoding.stopping import Generation, Record, Stop, require_probabilities

Choice = Callable[[Tensor], Tensor]  # scores (rows, vocabulary) to tokens (rows,)
Stream = Callable[[Tensor, Tensor], None]  # which prompts, and the new token of each


def most_probable(scores: Tensor) -> Tensor:
    """Choose the best token of each row."""
    return scores.argmax(-1)


def drawn(seed: int | torch.Generator | None) -> Choice:
    """Return the choice that draws from softmax(scores).

    Args:
        seed: a number, a generator on the scores' device, or None for torch's own state.
    """
    generator = seed if isinstance(seed, torch.Generator) else None

    def draw(scores: Tensor) -> Tensor:
        nonlocal generator
        if generator is None and isinstance(seed, int):
            generator = torch.Generator(scores.device).manual_seed(seed)
        return torch.multinomial(probabilities(scores), 1, generator=generator)[:, 0]

    return draw


def walk(
    model: Decodable[Any],
    tokens: Tensor,
    valid: Tensor,
    stop: Stop,
    choose: Choice,
    processors: list[Processor],
    stream: Stream | None = None,
) -> Generation:
    """Generate row by row, leaving out each row once it has ended.

    Args:
        model: what is decoded.
        tokens: int64 (batch, time), padded on the left.
        valid: bool (batch, time), false on padding.
        stop: end tokens and limit.
        choose: picks a token of each row from the processed scores.
        processors: applied to the logits, in turn.
        stream: called at each step with the prompts that still run and their new tokens.
    """
    logits, state = model.prefill(tokens, valid)
    stop.require_in(logits.shape[-1])
    record = Record(len(tokens), stop, logits.device)
    history = History.of(tokens.to(logits.device), valid.to(logits.device), stop.limit, processors)
    rows = torch.arange(len(tokens), device=logits.device)
    for step in range(stop.limit):
        logits = logits.float()
        all_log_probs = logits.log_softmax(-1)
        require_probabilities(all_log_probs[:, 0], step, rows)
        chosen = choose(history.process(logits))
        log_probs = all_log_probs.gather(1, chosen[:, None])[:, 0]
        record.put(rows, step, chosen, log_probs)
        record.lengths[rows] = step + 1
        record.scores[rows] += log_probs
        if stream:
            stream(rows, chosen)
        running = ~stop.ends(chosen)
        if not running.all():
            kept = running.nonzero()[:, 0]
            rows, chosen, history = rows[kept], chosen[kept], history.pick(kept)
            state = model.reorder(state, kept) if len(rows) else state
        if not len(rows) or step == stop.limit - 1:
            break
        history.append(chosen)
        logits, state = model.step(chosen, state)
    return record.generation()
