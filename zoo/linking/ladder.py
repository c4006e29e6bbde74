"""The mention ladder: what finds mentions, step by step, and what comes out end to end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from zoo.linking.linker import Linker
from zoo.linking.metrics import SpanScores
from zoo.linking.texts import LinkedText


def ladder(net: Linker, texts: Sequence[LinkedText]) -> dict[str, dict[str, float]]:
    """Measure how well mentions are found and linked.

    Args:
        net: a linker with its base and behaviour.
        texts: labelled ones.

    Returns:
        `precision`, `recall` and `f1`, micro-averaged: of the spans of `all_names`, the longest
        matches; of those that `behaviour` keeps; of those that the `network` finds; and of
        (start, end, id) `end_to_end`, as in CCKS 2019's task 2, mentions of NIL left out.
    """
    words = [text.text for text in texts]
    gold = [text.mentions for text in texts]
    matches = net.knowledge.all_longest_matches(words)
    found = net.link(words)
    return {
        "all_names": _scores(_span, matches, gold),
        "behaviour": _scores(_span, map(net.behaviour.offered, matches), gold),
        "network": _scores(_span, found, gold),
        "end_to_end": _scores(_triple, found, gold),
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
