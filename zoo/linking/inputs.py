"""Questions to tensors: characters, their parts, and what the two sides have in common."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from zoo.data.text import CharacterTokenizer
from zoo.errors import require_whole
from zoo.linking.names import fold
from zoo.linking.questions import CANDIDATE_FEATURES, Question

TEXT, MENTION, CONTEXT, CANDIDATE = range(4)  # the parts of a sequence
OVERLAPS = 3
LONGEST_FACT = 10  # characters of a fact that is looked for in a text, as in Su 6919
FACTS_CACHED = 10_000  # descriptions whose facts are kept
_FACT = re.compile(r"[^，。；、：:,;\s]+")


class Batch(NamedTuple):
    """Questions as tensors; a row for each pair of a question and one of its candidates.

    Attributes:
        tokens: int64 (pairs, time): text and candidate, padded at the end.
        parts: int64 (pairs, time): which of them a character belongs to.
        overlaps: float (pairs, time, OVERLAPS): what it shares with the other side, of which the
            context is part.
        features: float (pairs, features): before the text is read.
        question: int64 (pairs,): the question of each pair.
        place: int64 (pairs,): the candidate's place in its question.
        candidate_tokens: int64 (pairs, time): the candidate alone.
        row: int64 (pairs,): of the candidate in the base.
        query_tokens: int64 (questions, time): text and context alone.
        query_parts: int64 (questions, time).
        matched: float (questions, time, 2): 1 where a longest match begins, and where one ends.
        gold: float (questions, time, 2): 1 where a mention does.
        nil_features: float (questions, features).
        answer: int64 (questions,): the place of the right candidate, -1 if there is none.
        linkable: bool (questions,): whether the base has what the mention means.
    """

    tokens: Tensor
    parts: Tensor
    overlaps: Tensor
    features: Tensor
    question: Tensor
    place: Tensor
    candidate_tokens: Tensor
    row: Tensor
    query_tokens: Tensor
    query_parts: Tensor
    matched: Tensor
    gold: Tensor
    nil_features: Tensor
    answer: Tensor
    linkable: Tensor


def aligned(text: str) -> str:
    """Fold a text so that each character stays one: of İ, which becomes two, the first is kept."""
    folded = fold(text)
    return folded if len(folded) == len(text) else "".join(fold(c)[0] for c in text)


def line(text: str) -> str:
    """Return a text as it is read: folded, with the line's end behind it."""
    return aligned(text) + "\n"


def span_marks(spans: Sequence[tuple[int, int]], first: int, last: int) -> Tensor:
    """Return float (characters, 2) of a `line`: 1 where a span begins, and where one ends.

    Args:
        spans: (start, end) in the whole text, by their start.
        first: where in the text the line begins.
        last: where it ends; spans that go further are left out.
    """
    marks = torch.zeros(last - first + 1, 2)
    near = spans[bisect_left(spans, (first, 0)) : bisect_left(spans, (last, 0))]
    for start, end in near:
        if end <= last:
            marks[start - first, 0] = marks[end - 1 - first, 1] = 1
    return marks


@lru_cache(FACTS_CACHED)
def facts(text: str) -> frozenset[str]:
    """Return the pieces between signs and blanks."""
    return frozenset(_FACT.findall(text))


def overlaps(side: str, other: str) -> Tensor:
    """Say for each character what of it occurs on the other side: the features of Su 6919.

    Returns:
        float (characters, OVERLAPS): whether the character does; whether the fact that it is part
        of is a fact there; whether it is in the middle of a fact from there of 2 to 10 characters.
    """
    there, characters = facts(other), set(other)
    marks = torch.zeros(len(side), OVERLAPS)
    marks[:, 0] = torch.tensor([character in characters for character in side])
    for fact in _FACT.finditer(side):
        if fact[0] in there:
            marks[fact.start() : fact.end(), 1] = 1
    for fact in there:
        if 2 <= len(fact) <= LONGEST_FACT:
            start = side.find(fact)
            while start >= 0:
                marks[start : start + len(fact), 2] = 1
                start = side.find(fact, start + 1)
    return marks


class InputMaker:
    """Make batches of questions.

    Args:
        tokenizer: characters to ids.
        max_text: characters around a mention that are read; default 64.
        max_context: of what the base says of other entities in the text; default 96.
        max_description: of a candidate; default 96.
        overlap: which of the three overlap features are given; default all.
    """

    def __init__(
        self,
        tokenizer: CharacterTokenizer,
        max_text: int = 64,
        max_context: int = 96,
        max_description: int = 96,
        overlap: Sequence[int] = (0, 1, 2),
    ) -> None:
        self.tokenizer = tokenizer
        self.max_text = require_whole("max_text", max_text)
        self.max_context = require_whole("max_context", max_context, 0)
        self.max_description = require_whole("max_description", max_description)
        if strange := set(overlap) - set(range(OVERLAPS)):
            raise ValueError(f"overlap has {strange}: expected some of 0 to {OVERLAPS - 1}")
        self.overlap = tuple(overlap)

    def __len__(self) -> int:
        """Count the token ids."""
        return len(self.tokenizer)

    def __call__(self, questions: Sequence[Question]) -> Batch:
        """Return a batch; questions without candidates have no pair in it."""
        queries = [self.query(question) for question in questions]
        pairs = [
            (number, place, aligned(description))
            for number, question in enumerate(questions)
            for place, description in enumerate(question.descriptions)
        ]
        rows = [self._pair(*queries[number], about) for number, _, about in pairs]
        tokens, parts, marks = zip(*rows, strict=True) if rows else ([], [], [])
        features = [row for question in questions for row in question.features]
        return Batch(
            _padded(tokens),
            _padded(parts),
            _padded(marks, torch.zeros(0, OVERLAPS)),
            torch.tensor(features).view(-1, CANDIDATE_FEATURES),
            torch.tensor([number for number, _, _ in pairs], dtype=torch.int64),
            torch.tensor([place for _, place, _ in pairs], dtype=torch.int64),
            _padded([self.ids(about[: self.max_description]) for _, _, about in pairs]),
            torch.tensor([row for q in questions for row in q.rows], dtype=torch.int64),
            _padded([self.ids(text) for text, _ in queries]),
            _padded([parts for _, parts in queries]),
            _padded([self.spans(question, question.matches) for question in questions]),
            _padded([self.spans(question, question.golds) for question in questions]),
            torch.tensor([question.nil_features for question in questions]),
            torch.tensor([question.answer for question in questions]),
            torch.tensor([question.linkable for question in questions]),
        )

    def query(self, question: Question) -> tuple[str, Tensor]:
        """Return text and context of a question, folded, and the part of each character."""
        first, last = self.window(question)
        text = line(question.text[first:last])
        context = aligned(question.context[: self.max_context])
        parts = torch.full((len(text) + len(context),), CONTEXT)
        parts[: len(text)] = TEXT
        parts[max(0, question.start - first) : min(last, question.end) - first] = MENTION
        return text + context, parts

    def window(self, question: Question) -> tuple[int, int]:
        """Return the part of the text that is read: of a long one, what is around the mention."""
        before = max(0, self.max_text - (question.end - question.start)) // 2
        first = max(0, min(question.start - before, len(question.text) - self.max_text))
        return first, min(len(question.text), first + self.max_text)

    def spans(self, question: Question, spans: Sequence[tuple[int, int]]) -> Tensor:
        """Return `span_marks` of what is read.

        Args:
            question: its mention says which part of the text is read.
            spans: (start, end) in the whole text, by their start.
        """
        return span_marks(spans, *self.window(question))

    def candidate(self, description: str) -> str:
        """Return what is read of a candidate, folded."""
        return aligned(description[: self.max_description])

    def ids(self, text: str) -> Tensor:
        """Return the ids of the characters of a text."""
        return torch.tensor(self.tokenizer.encode(text))

    def _pair(self, query: str, parts: Tensor, about: str) -> tuple[Tensor, Tensor, Tensor]:
        """Return ids, parts and overlaps of text and candidate; the context would be long.

        The text is marked by the whole description, of which the beginning is read.
        """
        length = int((parts != CONTEXT).sum())
        text, candidate = query[:length], about[: self.max_description]
        marks = torch.cat([overlaps(text, about), overlaps(candidate, query)])
        kept = torch.zeros(OVERLAPS)
        kept[list(self.overlap)] = 1
        tail = torch.full((len(candidate),), CANDIDATE)
        return self.ids(text + candidate), torch.cat([parts[:length], tail]), marks * kept

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that `from_dict` reads back."""
        return {
            "tokenizer": self.tokenizer.to_dict(),
            "max_text": self.max_text,
            "max_context": self.max_context,
            "max_description": self.max_description,
            "overlap": list(self.overlap),
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> InputMaker:
        """Rebuild from `to_dict`."""
        limits = {key: value for key, value in state.items() if key != "tokenizer"}
        return cls(CharacterTokenizer.from_dict(state["tokenizer"]), **limits)

    @classmethod
    def from_texts(cls, texts: Iterable[str], **limits: Any) -> InputMaker:
        """Make one whose characters occur twice in some texts; `limits` as of the class."""
        tokenizer = CharacterTokenizer.from_texts(map(fold, texts), max_length=1 << 20)
        return cls(tokenizer, **limits)


def _padded(rows: Sequence[Tensor], empty: Tensor | None = None) -> Tensor:
    """Stack rows of different lengths, padded at their ends with 0."""
    if not rows:
        return torch.zeros(0, 1, dtype=torch.int64) if empty is None else empty[None, :0][:0]
    return pad_sequence(list(rows), batch_first=True)
