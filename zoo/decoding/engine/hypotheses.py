"""The hypotheses of a beam search, as a tree of back-pointers."""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from zoo.decoding.engine.processors import NEVER
from zoo.decoding.engine.record import Record
from zoo.decoding.engine.stop import Stop


class Contest(Protocol):
    """How hypotheses compete, and when a prompt is done; see `zoo.decoding.engine.beam.Beam`."""

    @property
    def early_stopping(self) -> bool | Literal["never"]:
        """When a prompt is done."""
        ...

    def weigh(self, totals: Tensor, length: int) -> Tensor:
        """Return the scores by which sequences of `length` tokens compete."""
        ...

    def best_length(self, length: int, limit: int) -> int:
        """Return the length at which a running hypothesis of `length` tokens is judged."""
        ...


@dataclass
class Beams:
    """The hypotheses of one group, for each prompt that is still searched.

    The running ones are a tree of back-pointers: `chosen[t, i, b]` is the token that hypothesis b
    of prompt i got at step t, and `parents[t, i, b]` the hypothesis of step t - 1 it went on from.
    The `ends` of the finished ones point into the same tree.

    Attributes:
        totals: float (prompts, width), summed log-probabilities, best first; -inf is no hypothesis.
        parents: int64 (limit, prompts, width).
        chosen: int64 (limit, prompts, width).
        gains: float (limit, prompts, width), the model's log-probabilities of `chosen`.
        scores: float (prompts, width), of the finished ones, best first; -inf is none.
        ends: int64 (prompts, width, 3): step, parent and token of the last token.
        end_gains: float (prompts, width), the model's log-probability of the last token.
        done: bool (prompts,), true if nothing can be added.
    """

    totals: Tensor
    parents: Tensor
    chosen: Tensor
    gains: Tensor
    scores: Tensor
    ends: Tensor
    end_gains: Tensor
    done: Tensor

    @classmethod
    def start(cls, prompts: int, width: int, limit: int, device: torch.device) -> "Beams":
        """Begin with one hypothesis a prompt, the empty one."""
        totals = torch.full((prompts, width), NEVER, device=device)
        totals[:, 0] = 0
        shape = (limit, prompts, width)
        return cls(
            totals=totals,
            parents=torch.zeros(shape, dtype=torch.long, device=device),
            chosen=torch.zeros(shape, dtype=torch.long, device=device),
            gains=torch.zeros(shape, device=device),
            scores=torch.full((prompts, width), NEVER, device=device),
            ends=torch.zeros(prompts, width, 3, dtype=torch.long, device=device),
            end_gains=torch.zeros(prompts, width, device=device),
            done=torch.zeros(prompts, dtype=torch.bool, device=device),
        )

    def pick(self, prompts: Tensor) -> "Beams":
        """Return the beams of some of the prompts, int64 (prompts,)."""
        return Beams(
            self.totals[prompts],
            self.parents[:, prompts],
            self.chosen[:, prompts],
            self.gains[:, prompts],
            self.scores[prompts],
            self.ends[prompts],
            self.end_gains[prompts],
            self.done[prompts],
        )

    def advance(self, step: int, log_probs: Tensor, raw: Tensor, rule: Contest, stop: Stop) -> None:
        """Advance by one token.

        So many of the best candidates are taken that `width` are left even if all that can end do.
        Those that end and are among the first `width` are finished; the best others go on.

        Args:
            step: which new token this is, from 0.
            log_probs: float (prompts, width, vocabulary), processed.
            raw: the same before the processors.
            rule: how hypotheses are weighed.
            stop: end tokens and limit.
        """
        width, vocabulary = log_probs.shape[1:]
        totals = (self.totals[..., None] + log_probs).flatten(1)
        count = min(width * max(2, 1 + len(stop.eos)), totals.shape[1])
        candidates, places = totals.topk(count)
        gains = raw.flatten(1).gather(1, places)
        parents, chosen = places // vocabulary, places % vocabulary
        ended = stop.ends(chosen)

        last = step == stop.limit - 1
        if last or ended.any():
            head = slice(0, width)
            eligible = ended[:, head] if not last else torch.ones_like(ended[:, head])
            eligible = eligible & ~self.done[:, None]
            scores = rule.weigh(candidates[:, head], step + 1).masked_fill(~eligible, NEVER)
            steps = torch.full_like(parents, step)
            ends = torch.stack([steps, parents, chosen], -1)[:, head]
            self.finish(scores, ends, gains[:, head])
        self.totals, order = candidates.masked_fill(ended, NEVER).topk(width)
        self.parents[step] = parents.gather(1, order)
        self.chosen[step] = chosen.gather(1, order)
        self.gains[step] = gains.gather(1, order)
        self.judge(step + 1, rule, stop.limit)

    def finish(self, scores: Tensor, ends: Tensor, gains: Tensor) -> None:
        """Keep the best of the finished sequences and the new ones; fields as of `Beams`."""
        self.scores, order = torch.cat([self.scores, scores], 1).topk(scores.shape[1])
        self.ends = torch.cat([self.ends, ends], 1).take_along_dim(order[..., None], 1)
        self.end_gains = torch.cat([self.end_gains, gains], 1).gather(1, order)

    def judge(self, length: int, rule: Contest, limit: int) -> None:
        """Mark the prompts whose finished sequences no running one of `length` tokens can beat."""
        best = rule.weigh(self.totals[:, 0], rule.best_length(length, limit))
        worst = self.scores[:, -1]
        full = worst > NEVER
        beaten = full if rule.early_stopping is True else full & (best <= worst)
        self.done |= beaten | (self.totals[:, 0] == NEVER)

    @classmethod
    def join(cls, groups: list["Beams"]) -> "Beams":
        """Put the trees of all groups side by side, the finished sequences in one order."""
        if len(groups) == 1:
            return groups[0]
        width = groups[0].totals.shape[1]
        shift = torch.tensor([0, width, 0], device=groups[0].ends.device)
        scores, order = torch.cat([g.scores for g in groups], 1).sort(descending=True)
        ends = torch.cat([g.ends + i * shift for i, g in enumerate(groups)], 1)
        return cls(
            totals=torch.cat([g.totals for g in groups], 1),
            parents=torch.cat([g.parents + i * width for i, g in enumerate(groups)], 2),
            chosen=torch.cat([g.chosen for g in groups], 2),
            gains=torch.cat([g.gains for g in groups], 2),
            scores=scores,
            ends=ends.take_along_dim(order[..., None], 1),
            end_gains=torch.cat([g.end_gains for g in groups], 1).gather(1, order),
            done=torch.stack([g.done for g in groups]).all(0),
        )

    def write(self, record: Record, rows: Tensor) -> None:
        """Write the best finished sequences, by following the back-pointers.

        Args:
            record: where to.
            rows: int64 (prompts, n_best), the rows of the record.
        """
        best = slice(0, rows.shape[1])
        last, place, token = self.ends[:, best].unbind(-1)
        found, gain = self.scores[:, best] > NEVER, self.end_gains[:, best]
        record.scores[rows] = self.scores[:, best]
        record.lengths[rows] = torch.where(found, last + 1, 0)
        for step in range(int(last.max()), -1, -1):
            inside = step < last
            token = torch.where(inside, self.chosen[step].gather(1, place), token)
            gain = torch.where(inside, self.gains[step].gather(1, place), gain)
            place = torch.where(inside, self.parents[step].gather(1, place), place)
            written = found & (step <= last)
            record.put(rows[written], step, token[written], gain[written])


def hypotheses(parents: list[Tensor]) -> Tensor:
    """Return the model's row of each parent.

    Args:
        parents: int64 (prompts, width), for each group.

    Returns:
        int64 (prompts, groups * width).
    """
    prompts, width = parents[0].shape
    first = torch.arange(prompts * len(parents), device=parents[0].device) * width
    return (first.view(prompts, -1, 1) + torch.stack(parents, 1)).flatten(1)
