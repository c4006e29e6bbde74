"""Losses of linking: a softmax over all candidates and NIL."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def listed(scores: Tensor, nil: Tensor, question: Tensor, place: Tensor) -> Tensor:
    """Put the scores of candidates into one row for each question, that of NIL first.

    Args:
        scores: float (pairs,).
        nil: float (questions,).
        question: int64 (pairs,): the question of each pair.
        place: int64 (pairs,): the candidate's place in its question.

    Returns:
        float (questions, 1 + most candidates): logits, -inf where a question has fewer.
    """
    width = int(place.max()) + 1 if len(place) else 0
    table = nil.new_full((len(nil), width), -torch.inf)
    table = table.index_put((question, place), scores.to(nil.dtype))
    return torch.cat([nil[:, None], table], dim=1)


def listwise(logits: Tensor, answer: Tensor) -> Tensor:
    """Return the cross-entropy of a softmax over the candidates and NIL: nats a question.

    In place of Su 6919's binary loss of one random candidate, of which only one in k is right.

    Args:
        logits: float (questions, 1 + candidates), as `listed` returns them.
        answer: int64 (questions,): the place of the right candidate, -1 for NIL.

    Returns:
        float (questions,).
    """
    return F.cross_entropy(logits, answer + 1, reduction="none")


def half_pointers(logits: Tensor, gold: Tensor, matched: Tensor, valid: Tensor) -> Tensor:
    """Return the binary cross-entropy of where mentions begin and end (Su 6919): nats a character.

    Where no name of the dictionary begins, or ends, the probability is 0 and nothing is to be
    learnt; a gold mention that is no name cannot be.

    Args:
        logits: float (texts, time, 2): of where mentions begin, and where they end.
        gold: float (texts, time, 2): 1 where one does.
        matched: likewise: 1 where a longest match does.
        valid: bool (texts, time): false on padding.

    Returns:
        float (texts,): means over the characters of each.
    """
    nats = F.binary_cross_entropy_with_logits(logits, gold, reduction="none") * matched
    return (nats.sum(-1) * valid).sum(1) / valid.sum(1).clamp(min=1)
