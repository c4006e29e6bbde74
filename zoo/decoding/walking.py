"""One token after another: greedy and sampling are the same walk with another choice."""

from collections.abc import Callable
from operator import index

import torch
from torch import Tensor

from zoo.decoding.processors import probabilities
from zoo.decoding.stopping import Generation, Record
from zoo.decoding.task import Task

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
    number = None if seed is generator else seeded(seed, "cpu").initial_seed()

    def draw(scores: Tensor) -> Tensor:
        nonlocal generator
        if generator is None and number is not None:
            generator = seeded(number, scores.device)
        return torch.multinomial(probabilities(scores), 1, generator=generator)[:, 0]

    return draw


class Since:
    """The tokens since a row was last left out: to write them at once costs less."""

    def __init__(self) -> None:
        self.tokens: list[Tensor] = []
        self.log_probs: list[Tensor] = []

    def add(self, tokens: Tensor, log_probs: Tensor) -> None:
        """Add a step: int64 (rows,), and float (rows,)."""
        self.tokens.append(tokens)
        self.log_probs.append(log_probs)

    def write(self, record: Record, rows: Tensor, length: int) -> None:
        """Write all steps, by which rows int64 (rows,) come to a length."""
        steps, log_probs = slice(length - len(self.tokens), length), torch.stack(self.log_probs, 1)
        record.put(rows, steps, torch.stack(self.tokens, 1), log_probs)
        record.lengths[rows] = length
        record.scores[rows] += log_probs.sum(1)


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
    since = Since()
    for step in range(task.stop.limit):
        logits = logits.float()
        log_probs = task.log_probs(logits, step, rows)
        chosen = choose(task.process(history, logits, step, rows))
        since.add(chosen, log_probs.gather(1, chosen[:, None])[:, 0])
        if task.stream:
            task.stream(rows, chosen)
        ended = task.stop.ends(chosen)
        last = step == task.stop.limit - 1
        if last or ended.any():
            since.write(record, rows, step + 1)
            since = Since()
            kept = (~ended).nonzero()[:, 0]
            rows, chosen, history = rows[kept], chosen[kept], history.pick(kept)
            state = task.model.reorder(state, kept) if len(rows) else state
        if last or not len(rows):
            break
        history.append(chosen)
        logits, state = task.model.step(chosen, state)
    return record.generation()
