"""What annotators do: which names they mark, and which entities they choose (Su 6919).

Not all that could be marked is marked, and of fifty entities of one name five are ever chosen. Both
are counted on training texts alone, by name and by id, so that another base can be laid under them.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from zoo.errors import LARGEST_COUNT
from zoo.linking.knowledge.base import KnowledgeBase, Match
from zoo.linking.names import fold_name
from zoo.linking.texts import LinkedText

Span = TypeVar("Span")
RATIO = 5.0  # from which on a name that was passed so many times as often as marked is dropped
MARKED = 1 / (1 + RATIO)
REACH = 64  # characters on each side of a mention


@dataclass(frozen=True)
class Behaviour:
    """Counts of what was marked and chosen, by folded name.

    Attributes:
        marked: how often a name was a gold mention.
        passed: how often it was a longest match of a text that nobody marked.
        chosen: how often each entity was chosen for a name.
        unknown: how often a name meant none of the base.
        together: how often each entity was chosen near a sure name of another, by the other's id.
        fewest: the fewest mentions that a text had.
        most: the most; 0 if nothing was marked.
        longest: characters of the longest text.
    """

    marked: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    chosen: dict[str, Counter[str]] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    together: dict[str, Counter[str]] = field(default_factory=dict)
    fewest: int = 0
    most: int = 0
    longest: int = 0

    @classmethod
    def count(cls, texts: Sequence[LinkedText], knowledge: KnowledgeBase) -> Behaviour:
        """Count over training texts.

        Args:
            texts: labelled ones, of the training split alone: counts over texts that are tested
                would give their labels away.
            knowledge: whose names could be marked; an id that it lacks is NIL.
        """
        marks = [len(text.mentions) for text in texts] or [0]
        longest = max((len(text.text) for text in texts), default=0)
        behaviour = cls(fewest=min(marks), most=max(marks), longest=longest)
        found = knowledge.all_longest_matches(text.text for text in texts)
        for text, matches in zip(texts, found, strict=True):
            for counter, key in behaviour._places(text, matches, knowledge):
                counter[key] += 1
        return behaviour

    def _places(
        self, text: LinkedText, matches: Sequence[Match], knowledge: KnowledgeBase
    ) -> list[tuple[Counter[str], str]]:
        """Return where a text counts, once for each time: what it passes, marks and means."""
        spans = {(gold.start, gold.end) for gold in text.mentions}
        found = [(self.passed, m.name) for m in matches if (m.start, m.end) not in spans]
        for gold, name in zip(text.mentions, map(fold_name, text.names()), strict=True):
            found.append((self.marked, name))
            if gold.entity is None or gold.entity not in knowledge:
                found.append((self.unknown, name))
                continue
            found.append((self.chosen.setdefault(name, Counter()), gold.entity))
            sure = sure_entities(knowledge, matches, gold.start, gold.end)
            found += [(self.together.setdefault(other, Counter()), gold.entity) for other in sure]
        return found

    @contextmanager
    def without(
        self, text: LinkedText, matches: Sequence[Match], knowledge: KnowledgeBase
    ) -> Iterator[None]:
        """For a while, count all but one text, lest a training mention sees its own answer.

        Args:
            text: one that was counted.
            matches: its longest ones.
            knowledge: the base that it was counted with.
        """
        places = self._places(text, matches, knowledge)
        for counter, key in places:
            counter[key] -= 1
        try:
            yield
        finally:
            for counter, key in places:
                counter[key] += 1

    def is_marked(self, name: str, ratio: float = RATIO) -> bool:
        """Say whether annotators mark a name often enough for it to be offered.

        Su 6919: a name is dropped if (passed + 1) / (marked + 1) >= 5. One that no training text
        has stays.

        Args:
            name: folded.
            ratio: from which on it is dropped; default 5.
        """
        return (self.passed[name] + 1) / (self.marked[name] + 1) < ratio

    def offered(self, matches: Iterable[Match], ratio: float = RATIO) -> list[Match]:
        """Return the matches whose names annotators mark."""
        return [match for match in matches if self.is_marked(match.name, ratio)]

    def likeliest(
        self, spans: Sequence[Span], probability: Sequence[float], least: float, length: int
    ) -> list[Span]:
        """Return the spans that are probable enough, as many as annotators mark in a text.

        That is no fewer and no more than training texts had; in a text longer than all of them, as
        many for each `longest` characters.

        Args:
            spans: of one text, in any order, which is kept.
            probability: of each, or what grows with it.
            least: the probability above which one is taken.
            length: characters of the text.
        """
        count = max(self.fewest, sum(p > least for p in probability))
        if self.most:
            count = min(count, self.most * max(1, math.ceil(length / self.longest)))
        places = sorted(range(len(spans)), key=lambda place: -probability[place])[:count]
        return [spans[place] for place in sorted(places)]

    def share(self, name: str) -> float:
        """Return how often a name was marked of how often it could be, each plus 1.

        It is above `MARKED` where `is_marked` says so.

        Args:
            name: folded.
        """
        marked = self.marked[name] + 1
        return marked / (marked + self.passed[name] + 1)

    def restricted(self, name: str, candidates: Sequence[str], least: int = 2) -> list[str]:
        """Return the candidates that were chosen at least `least` times; all, if there is none.

        Args:
            name: folded.
            candidates: ids, in the base's order.
            least: default 2, as in Su 6919.
        """
        counts = self.chosen.get(name, Counter())
        often = [id_ for id_ in candidates if counts[id_] >= least]
        return often or list(candidates)

    def prior(self, name: str, candidates: Sequence[str]) -> list[float]:
        """Return the probability of each candidate before the text is read.

        (n_i + q_i) / (n + 1): counts smoothed by one observation of the base's order, in which
        the candidate of rank r has q proportional to 1 / r.

        Args:
            name: folded.
            candidates: ids, in the base's order.
        """
        chosen = self.chosen.get(name, Counter())
        counts = [chosen[id_] for id_ in candidates]
        order = [1 / rank for rank in range(1, len(candidates) + 1)]
        total = sum(counts) + 1
        return [(n + q / sum(order)) / total for n, q in zip(counts, order, strict=True)]

    def unknown_share(self, name: str) -> float:
        """Return the share of a name's mentions that meant none of the base.

        Smoothed by one mention that did so half.

        Args:
            name: folded.
        """
        return (self.unknown[name] + 0.5) / (self.marked[name] + 1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that `from_dict` reads back."""
        return {
            "marked": dict(self.marked),
            "passed": dict(self.passed),
            "chosen": {name: dict(counts) for name, counts in self.chosen.items()},
            "unknown": dict(self.unknown),
            "together": {id_: dict(counts) for id_, counts in self.together.items()},
            "fewest": self.fewest,
            "most": self.most,
            "longest": self.longest,
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Behaviour:
        """Rebuild from `to_dict`.

        Raises:
            ValueError: if a count is no whole number.
        """
        return cls(
            _counts(state["marked"]),
            _counts(state["passed"]),
            {name: _counts(counts) for name, counts in state["chosen"].items()},
            _counts(state["unknown"]),
            {id_: _counts(counts) for id_, counts in state["together"].items()},
            **_counts({key: state.get(key, 0) for key in ("fewest", "most", "longest")}),
        )

    def write(self, folder: str | Path, name: str) -> list[str]:
        """Write `NAME.json` as an attachment of a checkpoint; return the names of the files."""
        text = json.dumps(self.to_dict(), ensure_ascii=False) + "\n"
        (Path(folder) / f"{name}.json").write_text(text, "utf-8", newline="")
        return [f"{name}.json"]

    @classmethod
    def open(cls, folder: str | Path, name: str) -> Behaviour:
        """Read what `write` wrote."""
        return cls.from_dict(json.loads((Path(folder) / f"{name}.json").read_text("utf-8")))


def _counts(state: dict[str, int]) -> Counter[str]:
    odd = [n for n in state.values() if type(n) is not int or not 0 <= n < LARGEST_COUNT]
    if odd:
        raise ValueError(f"a count is {odd[0]!r:.40}: expected a whole number below 2^53")
    return Counter(state)


def sure_entities(
    knowledge: KnowledgeBase, matches: Sequence[Match], start: int, end: int
) -> list[str]:
    """Return the ids of entities that a text surely names near a mention, but not within it.

    Args:
        knowledge: the base of the matches.
        matches: the longest ones of the text, by their start.
        start: of the mention.
        end: of the mention.

    Returns:
        For each match within `REACH` characters that has one candidate alone, its id, each once.
    """
    first = bisect_left(matches, start - REACH, key=lambda match: match.start)
    last = bisect_left(matches, end + REACH, key=lambda match: match.start)
    near = matches[first:last]
    outside = [match.name for match in near if match.end <= start or match.start >= end]
    rows = [rows[0] for rows in knowledge.candidate_rows(outside) if len(rows) == 1]
    return list(dict.fromkeys(knowledge.at(row).id for row in rows))
