"""Figures of entity linking, as metrics of torchmetrics: sums over all texts and processes.

And the mention ladder: what finds mentions, step by step, and what comes out end to end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from zoo.linking.linker import Linker
from zoo.linking.texts import LinkedText


class SpanScores(Metric):
    """Precision, recall and F1 of things found in texts, each counted once: micro-averaged.

    With (start, end) these are the figures of mentions; with (start, end, id) those of CCKS 2019's
    task 2, where a triple is right if the base has this entity there.

    Example:
        >>> scores = SpanScores()
        >>> scores.update([{(0, 2), (3, 5)}], [{(0, 2), (6, 8)}])
        >>> {name: round(float(value), 2) for name, value in scores.compute().items()}
        {'precision': 0.5, 'recall': 0.5, 'f1': 0.5}
    """

    right: Tensor
    found: Tensor
    gold: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("right", "found", "gold"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, found: Sequence[Collection[Any]], gold: Sequence[Collection[Any]]) -> None:
        """Count what was found in some texts, and what should have been."""
        for here, expected in zip(found, gold, strict=True):
            self.right += len(set(here) & set(expected))
            self.found += len(set(here))
            self.gold += len(set(expected))

    def compute(self) -> dict[str, Tensor]:
        """Return `precision`, `recall` and `f1`; 0 where nothing was found or there is nothing."""
        return {
            "precision": self.right / self.found.clamp(min=1),
            "recall": self.right / self.gold.clamp(min=1),
            "f1": 2 * self.right / (self.found + self.gold).clamp(min=1),
        }


class LinkScores(Metric):
    """Figures of linking gold mentions: accuracy, NIL, candidates, calibration.

    Args:
        bins: of equal width, for the calibration error; default 15.
        depths: for the recall of candidates; default 1 and 5.
    """

    total: Tensor
    right: Tensor
    linkable: Tensor
    linked_right: Tensor
    nil_right: Tensor
    nil_found: Tensor
    reached: Tensor
    confidence: Tensor
    correct: Tensor
    count: Tensor

    def __init__(self, bins: int = 15, depths: Sequence[int] = (1, 5)) -> None:
        super().__init__()
        self.bins, self.depths = bins, tuple(depths)
        sizes = {
            "reached": len(self.depths) + 1,
            "confidence": bins,
            "correct": bins,
            "count": bins,
        }
        scalars = ("total", "right", "linkable", "linked_right", "nil_right", "nil_found")
        for name in (*scalars, *sizes):
            state = torch.zeros(sizes.get(name, ()), dtype=torch.float64)
            self.add_state(name, state, dist_reduce_fx="sum")

    def update(
        self,
        ranked: Sequence[Sequence[str]],
        predicted: Sequence[str | None],
        probability: Sequence[float],
        gold: Sequence[str | None],
    ) -> None:
        """Count some gold mentions.

        Args:
            ranked: the candidates of each, the most probable first, without NIL.
            predicted: what each is linked to; None for NIL.
            probability: of what is predicted.
            gold: what each means, among the candidates or not; None for NIL, what the base lacks.
        """
        for order, guess, p, truth in zip(ranked, predicted, probability, gold, strict=True):
            right = guess == truth
            self.total += 1
            self.right += right
            self.nil_found += guess is None
            if truth is None:
                self.nil_right += right
            else:
                self.linkable += 1
                self.linked_right += right
                for place, depth in enumerate((*self.depths, len(order))):
                    self.reached[place] += truth in order[:depth]
            bin_ = min(int(p * self.bins), self.bins - 1)
            self.confidence[bin_] += p
            self.correct[bin_] += right
            self.count[bin_] += 1

    def compute(self) -> dict[str, Tensor]:
        """Return the figures.

        `accuracy` is over mentions that mean something of the base, be it a candidate or not; what
        the base lacks is NIL, whatever its id. `accuracy_with_nil` is over all mentions;
        `nil_precision` and `nil_recall` of NIL; `recall_at_1`, ..., `recall_at_all` of the
        candidates; `calibration_error` the expected one: the mean over mentions of the difference
        between confidence and accuracy in their bin (Guo et al., arXiv 1706.04599, equation 5).
        """
        nil = self.total - self.linkable
        reached = self.reached / self.linkable.clamp(min=1)
        names = [f"recall_at_{depth}" for depth in (*self.depths, "all")]
        gap = (self.confidence - self.correct).abs().sum() / self.total.clamp(min=1)
        return {
            "accuracy": self.linked_right / self.linkable.clamp(min=1),
            "accuracy_with_nil": self.right / self.total.clamp(min=1),
            "nil_precision": self.nil_right / self.nil_found.clamp(min=1),
            "nil_recall": self.nil_right / nil.clamp(min=1),
            **dict(zip(names, reached, strict=True)),
            "calibration_error": gap,
        }


def ladder(net: Linker, texts: Sequence[LinkedText]) -> dict[str, dict[str, float]]:
    """Measure how well mentions are found and linked.

    Args:
        net: a linker with its base and behaviour.
        texts: labelled ones.

    Returns:
        `precision`, `recall` and `f1`, micro-averaged: of the spans of `all_names`, the longest
        matches; of those that `behaviour` keeps; of those that the `network` finds; and of
        (start, end, id) `end_to_end`, as in CCKS 2019's task 2, mentions of NIL left out, what
        the base lacks among them.
    """
    words = [text.text for text in texts]
    gold = [text.mentions for text in texts]
    known = [[mention for mention in of if mention.entity in net.knowledge] for of in gold]
    matches = net.knowledge.all_longest_matches(words)
    found = net.link(words)
    return {
        "all_names": _scores(_span, matches, gold),
        "behaviour": _scores(_span, map(net.behaviour.offered, matches), gold),
        "network": _scores(_span, found, gold),
        "end_to_end": _scores(_triple, found, known),
    }


def _span(mention: Any) -> tuple[Any, ...] | None:
    return mention.start, mention.end


def _triple(mention: Any) -> tuple[Any, ...] | None:
    return (mention.start, mention.end, mention.entity) if mention.entity else None


def _scores(
    key: Callable[[Any], tuple[Any, ...] | None],
    found: Iterable[Collection[Any]],
    gold: Iterable[Collection[Any]],
) -> dict[str, float]:
    scores = SpanScores()
    keys = [
        [{k for mention in mentions if (k := key(mention))} for mentions in side]
        for side in (found, gold)
    ]
    scores.update(*keys)
    return {name: float(value) for name, value in scores.compute().items()}
