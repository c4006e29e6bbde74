"""Pairs for summaries that cost no labels: a text, and a clause of it that sums it up."""

import re

from zoo.data.text import Passage

BREAK = r"([，。；：！？,;:!?\t]|\.(?![0-9A-Za-z]))"  # between clauses; no point of a number


def gap_pairs(text: str, count: int) -> list[Passage]:
    """Return pairs of a text and one of its clauses, those that are most like the rest of it.

    A summary that costs no labels: gap sentences, chosen one by one by the F1 of ROUGE-1 with the
    rest (PEGASUS: Zhang et al., arXiv 1912.08777, section 3.1.1), here clauses of 6 to 40
    characters, as long as titles are. The best stays in its source, the next is taken out of it,
    and so on in turn: to find and copy what matters, and to say what is not there.

    Args:
        text: of any length.
        count: most pairs.

    Returns:
        The pairs, the likest clause first; the text alone, without a target, if it has no clause
        of such a length beside a longer rest.
    """
    found, start = [], 0  # likeness, start, end, clause
    for part in re.split(BREAK, text):
        end, clause = start + len(part), part.strip()
        if 6 <= len(clause) <= 40 and len(text) - len(part) > len(clause):
            ours, theirs = set(clause), set(text[:start]) | set(text[end:])
            likeness = 2 * len(ours & theirs) / (len(ours) + len(theirs))
            found.append((likeness, start, end, clause))
        start = end
    found.sort(key=lambda clause: -clause[0])
    pairs = [
        Passage(text[:start] + text[end:] if i % 2 else text, clause)
        for i, (_, start, end, clause) in enumerate(found[:count])
    ]
    return pairs or [Passage(text)]
