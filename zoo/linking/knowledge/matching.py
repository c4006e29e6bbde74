"""The longest matches: a text cut into the fewest names and single characters."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.linking.knowledge.dictionary import Hit


def longest(hits: Sequence[Hit], length: int) -> list[Hit]:
    """Choose hits that do not overlap, so that they and the characters between are fewest.

    Maximum matching over the graph of all hits. Where two cuts have as few pieces, the one whose
    first piece that differs is longer.

    Args:
        hits: all matches of a text, by their start.
        length: of the text, in characters.

    Returns:
        The chosen hits, by their start.
    """
    starting: dict[int, list[Hit]] = {}
    for hit in hits:
        starting.setdefault(hit.start, []).append(hit)
    pieces = [0] * (length + 1)  # fewest from each position to the end
    best: dict[int, Hit] = {}
    for start in range(length - 1, -1, -1):
        pieces[start] = 1 + pieces[start + 1]
        for hit in sorted(starting.get(start, ()), key=lambda hit: hit.end):
            count = 1 + pieces[hit.end]
            if count <= pieces[start]:  # the longer one where they are as few
                pieces[start], best[start] = count, hit
    chosen, position = [], 0
    while position < length:
        hit = best.get(position)
        if hit is not None:
            chosen.append(hit)
        position = hit.end if hit else position + 1
    return chosen
