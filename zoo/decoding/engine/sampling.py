"""One token after another: greedy and sampling are the same walk with another choice."""

from collections.abc import Callable
from operator import index

import torch
from torch import Tensor

from zoo.decoding.engine.processors import probabilities
from zoo.decoding.engine.record import Generation
from zoo.decoding.engine.request import Task

Choice = Callable[[Tensor], Tensor]  # scores (rows, vocabulary) to tokens (rows,)


def most_probable(scores: Tensor) -> Tensor:
    """Choose the best token of each row, the first of several."""
    if scores.device.type == "cpu":  # NumPy takes a tenth of torch's time
        return torch.from_numpy(scores.numpy().argmax(-1))
    return scores.argmax(-1)


def drawn(seed: int | torch.Generator | None) -> Choice:
    """Return the choice that draws from softmax(scores).

    Args:
        seed: a number, a generator on the scores' device, or None for torch's own state.

    Raises:
        ValueError: if it is none of these.
    """
    generator = seed if isinstance(seed, torch.Generator) else None
    if generator is not seed:
        seeded(seed, "cpu")  # refuses what is no seed before anything is read

    def draw(scores: Tensor) -> Tensor:
        nonlocal generator
        if generator is None and seed is not None:
            generator = seeded(seed, scores.device)
        return torch.multinomial(probabilities(scores), 1, generator=generator)[:, 0]

    return draw


def seeded(seed: object, device: torch.device | str) -> torch.Generator:
    """Return a generator with a seed, any whole number of 64 bits.

    Raises:
        ValueError: if it is none.
    """
    try:
        return torch.Generator(device).manual_seed(index(seed))  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"the seed is {seed!r}: give a whole number or a generator") from None


def walk(task: Task, choose: Choice) -> Generation:
    """Generate row by row, leaving out each row once it has ended.

    Args:
        task: what is to be generated.
        choose: picks a token of each row from the processed logits.
    """
    logits, state, history = task.begin()
    record = task.record(logits.device)
    rows = torch.arange(len(logits), device=logits.device)
    for step in range(task.stop.limit):
        logits = logits.float()
        log_probs = task.log_probs(logits, step, rows)
        chosen = choose(task.process(history, logits, step, rows))
        task.write(record, rows, step, chosen, log_probs.gather(1, chosen[:, None])[:, 0])
        ended = task.stop.ends(chosen)
        if ended.any():
            kept = (~ended).nonzero()[:, 0]
            rows, chosen, history = rows[kept], chosen[kept], history.pick(kept)
            state = task.model.reorder(state, kept) if len(rows) else state
        if not len(rows) or step == task.stop.limit - 1:
            break
        history.append(chosen)
        logits, state = task.model.step(chosen, state)
    return record.generation()
