"""Questions: a mention, what its text surely names, and the candidates with their prior features.

What a network is asked is the same in training and in use, whichever network, base or behaviour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from zoo.linking.behaviour import Behaviour, sure_entities
from zoo.linking.knowledge.base import KnowledgeBase, Match
from zoo.linking.knowledge.entities import Entity
from zoo.linking.names import fold_name
from zoo.linking.texts import Gold, LinkedText

CACHED = 10_000  # entities kept in memory
CANDIDATE_FEATURES = 5
NIL_FEATURES = 2


@dataclass(frozen=True)
class Question:
    """What one mention means.

    Attributes:
        text: the whole text.
        start: of the mention.
        end: of the mention.
        context: what the base says of entities that the text surely names, beside the mention.
        ids: of the candidates, in the base's order.
        descriptions: of the candidates, names first.
        features: `CANDIDATE_FEATURES` numbers of each candidate: the logarithms of its prior, of
            the counts that it was chosen, and with what the text surely names, there and back, and
            of its rank.
        nil_features: `NIL_FEATURES` numbers: the log-odds that the name is unknown, and whether
            there is a candidate.
        answer: the place of the right candidate in `ids`; -1 for NIL, and if it is not among them.
        linkable: whether the base has what the mention means, among the candidates or not.
        matches: (start, end) of the longest matches of the text, by their start.
        golds: (start, end) of all that was marked in it, by their start.
        rows: of the candidates, in the base.
    """

    text: str
    start: int
    end: int
    context: str
    ids: tuple[str, ...]
    descriptions: tuple[str, ...]
    features: tuple[tuple[float, ...], ...]
    nil_features: tuple[float, ...]
    answer: int = -1
    linkable: bool = False
    matches: tuple[tuple[int, int], ...] = ()
    golds: tuple[tuple[int, int], ...] = ()
    rows: tuple[int, ...] = ()


def described(entity: Entity) -> str:
    """Return what is read of an entity: a line of its names, then its description."""
    return "、".join(entity.names) + "\n" + entity.description


class Questioner:
    """Ask about mentions, from a knowledge base and a behaviour.

    Args:
        knowledge: the base.
        behaviour: counts of training texts; default none, and the prior is the base's order.
        context: whether what the text surely names is read too; default yes.
        restrict: whether candidates that nobody chose twice are left out where another was, as in
            Su 6919; default no.
    """

    def __init__(
        self,
        knowledge: KnowledgeBase,
        behaviour: Behaviour | None = None,
        context: bool = True,
        restrict: bool = False,
    ) -> None:
        self.knowledge = knowledge
        self.behaviour = behaviour or Behaviour()
        self.context, self.restrict = context, restrict
        self._entity = lru_cache(CACHED)(knowledge.at)

    def of_texts(self, texts: Sequence[LinkedText], counted: bool = False) -> list[list[Question]]:
        """Ask about all mentions of some texts.

        Args:
            texts: mentions of names that the base lacks have no candidates.
            counted: whether the behaviour was counted over these very texts, so that each is to
                be asked about as if it were not; default no.
        """
        found = self.knowledge.all_longest_matches(text.text for text in texts)
        return [
            self._ask_about(text, matches, counted)
            for text, matches in zip(texts, found, strict=True)
        ]

    def _ask_about(
        self, text: LinkedText, matches: Sequence[Match], counted: bool
    ) -> list[Question]:
        if counted:
            with self.behaviour.without(text, matches, self.knowledge):
                return self._ask_about(text, matches, False)
        spans = tuple((match.start, match.end) for match in matches)
        golds = tuple((gold.start, gold.end) for gold in text.mentions)
        return [self._ask(text.text, gold, matches, spans, golds) for gold in text.mentions]

    def _ask(
        self,
        text: str,
        gold: Gold,
        matches: Sequence[Match],
        spans: tuple[tuple[int, int], ...],
        golds: tuple[tuple[int, int], ...],
    ) -> Question:
        sure = sure_entities(self.knowledge, matches, gold.start, gold.end)
        name = fold_name(text[gold.start : gold.end])
        found = {row: self._entity(row) for row in self.knowledge.candidate_rows([name])[0]}
        if self.restrict:
            named = [entity.id for entity in found.values()]
            kept = set(self.behaviour.restricted(name, named))
            found = {row: entity for row, entity in found.items() if entity.id in kept}
        ids = tuple(entity.id for entity in found.values())
        return Question(
            text,
            gold.start,
            gold.end,
            "\n".join(described(self.knowledge[id_]) for id_ in sure) if self.context else "",
            ids,
            tuple(map(described, found.values())),
            self._features(name, ids, sure),
            self._nil_features(name, ids),
            ids.index(gold.entity) if gold.entity in ids else -1,
            gold.entity in ids or gold.entity in self.knowledge,
            spans,
            golds,
            tuple(found),
        )

    def _features(
        self, name: str, ids: Sequence[str], sure: Iterable[str]
    ) -> tuple[tuple[float, ...], ...]:
        prior = self.behaviour.prior(name, ids)
        chosen, together = self.behaviour.chosen.get(name, {}), self.behaviour.together
        rows = []
        for rank, (id_, p) in enumerate(zip(ids, prior, strict=True)):
            there = sum(together.get(other, {}).get(id_, 0) for other in sure)
            back = sum(together.get(id_, {}).get(other, 0) for other in sure)
            counts = (chosen.get(id_, 0), there, back, rank)
            rows.append((math.log(p), *map(math.log1p, counts)))
        return tuple(rows)

    def _nil_features(self, name: str, ids: Sequence[str]) -> tuple[float, ...]:
        share = self.behaviour.unknown_share(name)
        return math.log(share / (1 - share)), float(bool(ids))
