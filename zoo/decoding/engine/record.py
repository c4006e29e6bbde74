"""When generation ends, and what it leaves behind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from operator import index
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Stop:
    """The two ways to end: a token of `eos`, or the limit.

    Attributes:
        limit: most new tokens of a row.
        eos: ids that end a row; empty if only the limit does.
    """

    limit: int
    eos: tuple[int, ...] = ()

    @classmethod
    def of(cls, limit: int, eos_id: int | Sequence[int] | None) -> "Stop":
        """Build from what a user gives.

        Raises:
            ValueError: if the limit is no whole number from 1, or an end is no token id.
        """
        return cls(require_whole("max_new_tokens", limit), end_ids(eos_id))

    @property
    def padding(self) -> int:
        """What stands in a row after its end."""
        return self.eos[0] if self.eos else 0

    def ends(self, tokens: Tensor) -> Tensor:
        """Tell which tokens end their row: bool, in the shape of `tokens`."""
        if not self.eos:
            return torch.zeros_like(tokens, dtype=torch.bool)
        ended = tokens == self.eos[0]
        for eos in self.eos[1:]:
            ended |= tokens == eos
        return ended


def end_ids(eos_id: int | Sequence[int] | None) -> tuple[int, ...]:
    """Return what a user names as the end as a tuple, empty if it is None.

    Raises:
        ValueError: if it is neither a token id nor several.
    """
    if eos_id is None:
        return ()
    single = isinstance(eos_id, Integral | str) or getattr(eos_id, "ndim", 1) == 0
    ids: Any = [eos_id] if single else eos_id
    try:
        found = tuple(map(index, ids))
    except TypeError:
        raise ValueError(
            f"eos_id is {eos_id!r}: give a token id or several, such as tokenizer.eos_token_id"
        ) from None
    if found and min(found) < 0:
        raise ValueError(f"eos_id is {eos_id}: token ids begin at 0, None means no end token")
    return found


def require_known(eos: tuple[int, ...], vocabulary: int) -> None:
    """Refuse an end token that no model of this vocabulary can give.

    Raises:
        ValueError: if an id is not below `vocabulary`.
    """
    if eos and max(eos) >= vocabulary:
        raise ValueError(
            f"eos_id {max(eos)} is not in a vocabulary of {vocabulary}: it never comes"
        )


def require_whole(name: str, number: int) -> int:
    """Return a number of things, of which there is at least one.

    Raises:
        ValueError: if it is no whole number, or below 1.
    """
    try:
        whole = 0 if isinstance(number, bool) else index(number)
    except TypeError:
        whole = 0
    if whole < 1:
        raise ValueError(f"{name} is {number!r}: give a whole number, at least 1")
    return whole


def require_number(name: str, number: float) -> None:
    """Refuse what is no number.

    Raises:
        ValueError: with its name and what was given.
    """
    if not isinstance(number, Real):
        raise ValueError(f"{name} is {number!r}: give a number")


@dataclass(frozen=True)
class Generation:
    """What `generate` gives back; `n_best` rows for each prompt, the best first.

    Attributes:
        sequences: int64 (rows, steps), the new tokens; after the end of a row, padding.
        lengths: int64 (rows,), how many tokens of a row are its own, the end token included.
        log_probs: float32 (rows, steps), the model's log-probability of each token in nats, before
            any processor; 0 after the end.
        scores: float32 (rows,): of a beam its total over `length ** length_penalty`, else the sum
            of `log_probs`; -inf where a beam search found fewer than `n_best` sequences.
        finished: bool (rows,), true if the row ends with an end token, false if the limit cut it.
    """

    sequences: Tensor
    lengths: Tensor
    log_probs: Tensor
    scores: Tensor
    finished: Tensor

    def to_lists(self) -> list[list[int]]:
        """Return the new tokens of each row, without padding."""
        lengths = self.lengths.tolist()
        rows = self.sequences.tolist()
        return [row[:length] for row, length in zip(rows, lengths, strict=True)]


@dataclass
class Record:
    """The rows of a generation while it is made."""

    rows: int
    stop: Stop
    device: torch.device
    sequences: Tensor = field(init=False)
    lengths: Tensor = field(init=False)
    log_probs: Tensor = field(init=False)
    scores: Tensor = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.rows, self.stop.limit)
        self.sequences = torch.full(shape, self.stop.padding, device=self.device)
        self.lengths = torch.zeros(self.rows, dtype=torch.long, device=self.device)
        self.log_probs = torch.zeros(shape, device=self.device)
        self.scores = torch.zeros(self.rows, device=self.device)
        self._kept: list[tuple[Tensor, Tensor]] = []  # tokens and log-probabilities
        self._kept_rows = torch.empty(0)
        self._length = 0

    def add(self, rows: Tensor, step: int, tokens: Tensor, log_probs: Tensor) -> None:
        """Write the next token of some rows: int64 (rows,), and float (rows,).

        It is kept until other rows come: to write many at once costs less.
        """
        if rows is not self._kept_rows:
            self._write_kept()
        self._kept_rows, self._length = rows, step + 1
        self._kept.append((tokens, log_probs))

    def _write_kept(self) -> None:
        if not self._kept:
            return
        tokens, log_probs = (torch.stack(columns, 1) for columns in zip(*self._kept, strict=True))
        rows, steps = self._kept_rows, slice(self._length - len(self._kept), self._length)
        self.put(rows, steps, tokens, log_probs)
        self.lengths[rows] = self._length
        self.scores[rows] += log_probs.sum(1)
        self._kept = []

    def put(self, rows: Tensor, step: int | slice, tokens: Tensor, log_probs: Tensor) -> None:
        """Write a token of some rows, int64 (rows,), and float (rows,), or (rows, steps)."""
        self.sequences[rows, step] = tokens
        self.log_probs[rows, step] = log_probs

    def generation(self) -> Generation:
        """Cut to the longest row and close."""
        self._write_kept()
        last = self.sequences.gather(1, (self.lengths - 1).clamp(min=0)[:, None])[:, 0]
        steps = int(self.lengths.max())
        return Generation(
            self.sequences[:, :steps],
            self.lengths,
            self.log_probs[:, :steps],
            self.scores,
            self.stop.ends(last) & (self.lengths > 0),
        )


def require_probabilities(log_probs: Tensor, step: int, prompts: Tensor) -> None:
    """Refuse what is no log-probability.

    Args:
        log_probs: float (prompts, ...).
        step: which new token they are of, from 0.
        prompts: int64 (prompts,), the numbers of the prompts.

    Raises:
        ValueError: if one is NaN or infinitely large, with the step and the prompt.
    """
    right = log_probs < torch.inf
    if not right.all():
        row = int((~right).nonzero()[0, 0])
        raise ValueError(
            f"the model's logits are NaN or infinite at step {step}, prompt {int(prompts[row])}: "
            "check its weights"
        )
