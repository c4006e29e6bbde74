"""What generation leaves behind, and the buffers in which it grows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from zoo.decoding.engine.stop import Stop


@dataclass(frozen=True)
class Generation:
    """What `generate` returns: for each prompt one row, or `n_best` or `samples` rows in turn.

    Attributes:
        sequences: int64 (rows, steps), the new tokens; after the end of a row, padding.
        lengths: int64 (rows,), how many tokens of a row are its own, the end token included.
        log_probs: float32 (rows, steps), the model's log-probability of each token in nats, before
            any processor; 0 after the end.
        scores: float32 (rows,): of a beam its total over `length ** length_penalty`, else the sum
            of `log_probs`; -inf where a beam search found fewer than `n_best` sequences.
        finished: bool (rows,), true if an end token or a stopping criterion ended the row, false if
            the limit did.
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

    @classmethod
    def join(
        cls, parts: Sequence["Generation"], rows: Sequence[Tensor], padding: int
    ) -> "Generation":
        """Return the generation whose row `rows[i][j]` is row j of part i.

        The tensors are new ones, of which autograd may make use.

        Args:
            parts: at least one.
            rows: int64 (rows of the part,) for each part; together each number from 0 once.
            padding: the token that fills a row after its end.
        """
        count, steps = sum(map(len, rows)), max(part.sequences.shape[1] for part in parts)
        joined = {}
        for name in (f.name for f in fields(cls)):
            columns = [getattr(part, name) for part in parts]
            wide = columns[0].dim() == 2
            filler = padding if name == "sequences" else 0
            whole = columns[0].new_full((count, steps) if wide else (count,), filler)
            for column, own in zip(columns, rows, strict=True):
                whole[(own, slice(column.shape[1])) if wide else own] = column
            joined[name] = whole
        return cls(**joined)


@dataclass
class Record:
    """The rows of a generation while they grow.

    Attributes:
        rows: how many.
        stop: end tokens and limit.
        device: of the tensors.
        sequences: as the fields that follow, see `Generation`.
    """

    rows: int
    stop: Stop
    device: torch.device
    sequences: Tensor = field(init=False)
    lengths: Tensor = field(init=False)
    log_probs: Tensor = field(init=False)
    scores: Tensor = field(init=False)
    stopped: Tensor = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.rows, self.stop.limit)
        self.sequences = torch.full(shape, self.stop.padding, device=self.device)
        self.lengths = torch.zeros(self.rows, dtype=torch.long, device=self.device)
        self.log_probs = torch.zeros(shape, device=self.device)
        self.scores = torch.zeros(self.rows, device=self.device)
        self.stopped = torch.zeros(self.rows, dtype=torch.bool, device=self.device)
        self._pending: list[tuple[Tensor, Tensor]] = []  # tokens and log-probabilities of a step
        self._pending_rows = torch.empty(0)
        self._length = 0

    def add(self, rows: Tensor, step: int, tokens: Tensor, log_probs: Tensor) -> None:
        """Add the next token of some rows.

        Steps of the same rows are collected and written together, which is cheaper.

        Args:
            rows: int64 (rows,); the same tensor as in the last call if the rows are the same.
            step: which new token this is, from 0.
            tokens: int64 (rows,).
            log_probs: float (rows,).
        """
        if rows is not self._pending_rows:
            self._write_pending()
        self._pending_rows, self._length = rows, step + 1
        self._pending.append((tokens, log_probs))

    def _write_pending(self) -> None:
        if not self._pending:
            return
        tokens, log_probs = (
            torch.stack(columns, 1) for columns in zip(*self._pending, strict=True)
        )
        rows, steps = self._pending_rows, slice(self._length - len(self._pending), self._length)
        self.put(rows, steps, tokens, log_probs)
        self.lengths[rows] = self._length
        self.scores[rows] += log_probs.sum(1)
        self._pending = []

    def put(self, rows: Tensor, step: int | slice, tokens: Tensor, log_probs: Tensor) -> None:
        """Write tokens of some rows.

        Args:
            rows: int64 (rows,).
            step: a step or several.
            tokens: int64 (rows,) or (rows, steps).
            log_probs: float (rows,) or (rows, steps).
        """
        self.sequences[rows, step] = tokens
        self.log_probs[rows, step] = log_probs

    def generation(self) -> Generation:
        """Return the rows, cut to the longest one."""
        self._write_pending()
        last = self.sequences.gather(1, (self.lengths - 1).clamp(min=0)[:, None])[:, 0]
        steps = int(self.lengths.max())
        return Generation(
            self.sequences[:, :steps],
            self.lengths,
            self.log_probs[:, :steps],
            self.scores,
            (self.stop.ends(last) & (self.lengths > 0)) | self.stopped,
        )
