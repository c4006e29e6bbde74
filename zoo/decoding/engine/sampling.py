"""Greedy decoding and sampling: the same loop with another choice of the token."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import index
from typing import ClassVar

import torch
from torch import Tensor

from zoo.decoding.engine.filters import Consistent, Filters
from zoo.decoding.engine.processors import Processor, Temperature, probabilities
from zoo.decoding.engine.record import Generation
from zoo.decoding.engine.request import Request
from zoo.errors import require_whole

Choose = Callable[[Tensor], Tensor]  # scores (rows, vocabulary) to tokens (rows,)
# At each step the rows that still run and the new token of each; at the end all of it.
Steps = Generator[tuple[Tensor, Tensor], None, Generation]


@dataclass(frozen=True)
class Greedy:
    """The likeliest token at each step."""

    rows: ClassVar[int] = 1  # of a prompt, searched at a time
    reads_last: ClassVar[bool] = False  # the last token, which nothing follows

    def search(self, request: Request) -> Steps:
        """Generate; see `walk`."""
        return walk(request, most_probable)


@dataclass(frozen=True)
class Sampling(Filters):
    """Random tokens, of those that the filters keep.

    Attributes:
        temperature: the logits are divided by it; default 1.
        consistent: no filter removes the end token, so that sampling ends; default False.
        samples: rows that are drawn for each prompt; default 1.
        generator: a seed, or a generator on the model's device; default torch's own.
    """

    reads_last: ClassVar[bool] = False

    temperature: float = 1.0
    consistent: bool = False
    samples: int = 1
    generator: int | torch.Generator | None = field(
        default=None, metadata={"flag": "seed", "type": int}
    )

    def __post_init__(self) -> None:
        self.filters([0])  # each of them checks its numbers
        require_whole("samples", self.samples)
        if not isinstance(self.generator, torch.Generator | None):
            seeded(self.generator, "cpu")

    @property
    def rows(self) -> int:
        """Rows of a prompt that are searched at a time."""
        return self.samples

    def filters(self, eos: Sequence[int]) -> list[Processor]:
        """Return temperature and filters, in the order in which they apply.

        Args:
            eos: the end tokens, which consistent filters keep.

        Raises:
            ValueError: if there is no end token to keep.
        """
        chain = self.chosen()
        if self.consistent:
            if not eos:
                raise ValueError("consistent sampling keeps the end token: give eos_id")
            chain = [Consistent(processor, eos) for processor in chain]
        tempered = Temperature(self.temperature)
        return [tempered, *chain] if self.temperature != 1 else chain

    @cached_property
    def draw(self) -> Choose:
        """The function that draws, one for all batches: each goes on where the last one stopped."""
        return drawing(self.generator)

    def search(self, request: Request) -> Steps:
        """Generate; see `walk`."""
        chain = [*request.processors, *self.filters(request.stop.eos)]
        return walk(replace(request, processors=chain), self.draw, self.samples)


def most_probable(scores: Tensor) -> Tensor:
    """Return the best token of each row, the first of several."""
    if scores.device.type == "cpu":  # NumPy takes a tenth of torch's time
        return torch.from_numpy(scores.numpy().argmax(-1))
    return scores.argmax(-1)


def drawing(seed: int | torch.Generator | None) -> Choose:
    """Return the function that draws from softmax(scores).

    Args:
        seed: a number, a generator on the scores' device, or None for torch's own state.
    """
    generator = seed if isinstance(seed, torch.Generator) else None

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
        raise ValueError(f"the seed is {seed!r}: expected a whole number or a generator") from None


def walk(request: Request, choose: Choose, each: int = 1) -> Steps:
    """Generate row by row, and leave out each row once it has ended.

    Args:
        request: what is to be generated.
        choose: picks a token of each row from the processed logits.
        each: rows of each prompt; default 1.

    Yields:
        At each step the rows that still run, int64 (rows,), and their new tokens, int64 (rows,).

    Returns:
        The `Generation`.
    """
    logits, state, history = request.begin()
    record = request.record(logits.device, each)
    rows = torch.arange(len(logits) * each, device=logits.device)
    if each > 1:
        owners = rows // each
        logits, history = logits[owners], history.pick(owners)
        state = request.model.reorder(state, owners)
    for step in range(request.stop.limit):
        logits = logits.float()
        prompts = rows // each if each > 1 else rows
        log_probs = request.log_probs(logits, step, prompts)
        scores = logits
        if request.processors:
            scores = request.process(history, logits, prompts)
            request.require_choice(scores, step, prompts)
        chosen = choose(scores)
        record.add(rows, step, chosen, log_probs.gather(1, chosen[:, None])[:, 0])
        yield rows, chosen
        history.append(chosen)
        ended = request.stop.ends(chosen)
        if request.stopping:
            stopped = request.stopped(history, log_probs)
            record.stopped[rows[stopped]] = True
            ended |= stopped
        if ended.any():
            kept = (~ended).nonzero()[:, 0]
            rows, chosen, history = rows[kept], chosen[kept], history.pick(kept)
            state = request.model.reorder(state, kept) if len(rows) else state
        if not len(rows) or step == request.stop.limit - 1:
            break
        logits, state = request.model.step(chosen, state)
    return record.generation()
