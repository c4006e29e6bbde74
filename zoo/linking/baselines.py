"""What a network has to beat: choices that read no text, or nothing but the text."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.linking.inputs import Batch
from zoo.linking.losses import listed

NEVER = -1e4  # the logit of NIL of one who always links

PRIOR, CHOSEN, THERE, BACK, RANK = range(5)  # the columns of the candidates' features


def _by(score: Callable[[Batch], Tensor]) -> Callable[[Batch], Tensor]:
    """Return what chooses the candidate with the highest score, and NIL only without candidates."""

    def choose(batch: Batch) -> Tensor:
        nil = torch.full_like(batch.nil_features[:, 0], NEVER)
        return listed(score(batch), nil, batch.question, batch.place)

    return choose


def random(batch: Batch) -> Tensor:
    """Score candidates at random, the same in each run for the same questions."""
    generator = torch.Generator().manual_seed(int(batch.tokens.sum()) % 2**31)
    return torch.rand(len(batch.place), generator=generator).to(batch.features)


def order(batch: Batch) -> Tensor:
    """Score candidates by the base's order."""
    return -batch.features[:, RANK]


def most_frequent(batch: Batch) -> Tensor:
    """Score candidates by their counts in training, then by the base's order."""
    return batch.features[:, PRIOR]


def known_together(batch: Batch) -> Tensor:
    """Score candidates by the counts with what the text surely names, then as `most_frequent`."""
    return 1000 * (batch.features[:, THERE] + batch.features[:, BACK]) + most_frequent(batch)


def overlap(batch: Batch) -> Tensor:
    """Score candidates by the share of their facts that the text or its context has."""
    candidate = (batch.parts == 3) & (batch.tokens != 0)
    return (batch.overlaps[..., 1] * candidate).sum(1) / candidate.sum(1).clamp(min=1)


def oracle(batch: Batch) -> Tensor:
    """Choose what is right, NIL too, wherever the candidates allow it."""
    right = (batch.place == batch.answer[batch.question]).to(batch.features)
    nil = torch.where(batch.linkable, NEVER, -NEVER)
    return listed(right, nil, batch.question, batch.place)


BASELINES: dict[str, Callable[[Batch], Tensor]] = {
    score.__name__: _by(score) for score in (random, order, most_frequent, known_together, overlap)
} | {"oracle": oracle}
