"""Beam search, plain and diverse."""

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from zoo.decoding.engine.hypotheses import Beams, hypotheses
from zoo.decoding.engine.request import Request
from zoo.decoding.engine.sampling import Steps
from zoo.decoding.engine.stop import Stop
from zoo.errors import require_number, require_whole

LARGEST = 80  # nats: by a larger factor than exp(80) a sum of log-probabilities overflows


@dataclass(frozen=True)
class Beam:
    """The sequences of highest score, searched with a beam.

    Attributes:
        beam: hypotheses of a prompt, over all groups; default 4.
        n_best: sequences that are returned for each prompt, the best first; default 1.
        length_penalty: finished sequences compete by `total / length ** length_penalty`, where
            `total` is the sum of their log-probabilities; default 1.
        early_stopping: when a prompt is done. True: once `beam` sequences have finished. False
            (default): once the best running one would not beat the worst finished one if it ended
            here. "never": likewise, but judged at the length that suits it best, so that nothing
            better is missed.
    """

    reads_last: ClassVar[bool] = False

    beam: int = field(default=4, metadata={"off": 1})
    n_best: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False

    def __post_init__(self) -> None:
        require_whole("beam", self.beam)
        require_whole("n_best", self.n_best)
        require_number("length_penalty", self.length_penalty)
        if not math.isfinite(self.length_penalty):
            raise ValueError(f"length_penalty is {self.length_penalty}: expected a finite number")
        if not isinstance(self.early_stopping, bool) and self.early_stopping != "never":
            raise ValueError(
                f"early_stopping is {self.early_stopping!r}: expected True, False or 'never'"
            )
        if self.n_best > self.beam:
            raise ValueError(
                f"n_best is {self.n_best}: expected 1 to {self.beam}, the width of the beam"
            )

    @property
    def rows(self) -> int:
        """Rows of a prompt that are searched at a time."""
        return self.beam

    @property
    def group_count(self) -> int:
        """Groups of hypotheses, which search one after the other."""
        return 1

    @property
    def width(self) -> int:
        """Hypotheses of a group."""
        return self.beam // self.group_count

    def penalise(self, scores: Tensor, used: Tensor) -> Tensor:
        """Return the scores of a group, given what earlier groups chose at the same step.

        Args:
            scores: float (prompts, width, vocabulary).
            used: float (prompts, vocabulary), how often each token was chosen.
        """
        return scores

    def require_scores(self, limit: int) -> None:
        """Refuse a penalty that is too large for sequences of so many tokens.

        Raises:
            ValueError: with the largest that is allowed.
        """
        if abs(self.length_penalty) * math.log(limit) > LARGEST:
            most = math.floor(10 * LARGEST / math.log(limit)) / 10
            raise ValueError(
                f"length_penalty is {self.length_penalty} for up to {limit} tokens: expected a "
                f"number from -{most} to {most}"
            )

    def weigh(self, totals: Tensor, length: int) -> Tensor:
        """Return the scores by which sequences of `length` tokens compete."""
        return totals / length**self.length_penalty

    def best_length(self, length: int, limit: int) -> int:
        """Return the length at which a running hypothesis of `length` tokens is judged."""
        optimist = self.early_stopping == "never" and self.length_penalty > 0
        return limit if optimist else length

    def search(self, request: Request) -> Steps:
        """Generate; see `search`."""
        return search(request, self)


@dataclass(frozen=True)
class DiverseBeam(Beam):
    """A beam search in groups that avoid each other's tokens.

    Vijayakumar et al., "Diverse Beam Search", arXiv 1610.02424, with Hamming diversity.

    Attributes:
        groups: groups of hypotheses, which must divide `beam`; default 2.
        diversity: cost in nats of a token for each use by an earlier group at the same step;
            default 0.5.
    """

    groups: int = field(default=2, metadata={"off": 1})
    diversity: float = field(default=0.5, metadata={"off": 0.0})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beam % require_whole("groups", self.groups):
            raise ValueError(
                f"{self.groups} groups do not divide a beam of {self.beam}: choose a divisor"
            )
        require_number("diversity", self.diversity)
        if not math.isfinite(self.diversity):
            raise ValueError(f"diversity is {self.diversity}: expected a finite number")

    @property
    def group_count(self) -> int:
        """Groups of hypotheses, which search one after the other."""
        return self.groups

    def penalise(self, scores: Tensor, used: Tensor) -> Tensor:
        """Return the scores of a group, less the cost of what earlier groups chose."""
        return scores - self.diversity * used[:, None]


def advance(
    groups: list[Beams], step: int, log_probs: Tensor, raw: Tensor, rule: Beam, stop: Stop
) -> None:
    """Advance every group by one token, each penalised for what the earlier ones chose.

    Args:
        groups: the beams.
        step: which new token this is, from 0.
        log_probs: float (prompts, groups, width, vocabulary), processed.
        raw: the same before the processors.
        rule: how hypotheses are weighed.
        stop: end tokens and limit.
    """
    used = torch.zeros_like(log_probs[:, 0, 0])  # (prompts, vocabulary)
    for i, group in enumerate(groups):
        scores = rule.penalise(log_probs[:, i], used) if i else log_probs[:, i]
        group.advance(step, scores, raw[:, i], rule, stop)
        if i < len(groups) - 1:
            used.scatter_add_(1, group.chosen[step], torch.ones_like(group.totals))


def search(request: Request, rule: Beam) -> Steps:
    """Search the sequences of highest score.

    Args:
        request: what is to be generated.
        rule: widths and weights.

    Yields:
        Nothing: a beam knows its sequences at the end only.

    Returns:
        The `Generation`, `n_best` rows for each prompt.

    Raises:
        ValueError: if the length penalty is too large for the limit.
    """
    model, stop = request.model, request.stop
    rule.require_scores(stop.limit)
    yield from ()
    logits, state, history = request.begin()
    count, vocabulary, device = *logits.shape, logits.device
    record = request.record(device, rule.n_best)
    places = torch.arange(count * rule.n_best, device=device).view(count, rule.n_best)
    groups = [Beams.start(count, rule.width, stop.limit, device) for _ in range(rule.group_count)]
    prompts = torch.arange(count, device=device)
    rows = prompts.repeat_interleave(rule.beam)
    state, history, logits = model.reorder(state, rows), history.pick(rows), logits[rows]
    for step in range(stop.limit):
        raw = request.log_probs(logits, step, prompts)
        scores = request.process(history, raw, prompts)
        shape = (len(prompts), rule.group_count, rule.width, vocabulary)
        advance(groups, step, scores.view(shape), raw.view(shape), rule, stop)

        done = torch.stack([group.done for group in groups]).all(0)
        if step == stop.limit - 1:
            done = torch.ones_like(done)
        rows = hypotheses([group.parents[step] for group in groups])
        if done.any():
            ended, kept = done.nonzero()[:, 0], (~done).nonzero()[:, 0]
            Beams.join([group.pick(ended) for group in groups]).write(
                record, places[prompts[ended]]
            )
            rows, prompts = rows[kept], prompts[kept]
            groups = [group.pick(kept) for group in groups]
        if not len(prompts):
            break
        rows = rows.flatten()
        if not torch.equal(rows, torch.arange(len(logits), device=device)):
            state, history = model.reorder(state, rows), history.pick(rows)
        chosen = torch.stack([group.chosen[step] for group in groups], 1).flatten()
        history.append(chosen)
        logits, state = model.step(chosen, state)
    return record.generation()
