"""What users hold: a network that links the mentions of texts, with its base and its behaviour."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from zoo.layers.evaluation import require_evaluation
from zoo.linking.behaviour import MARKED, Behaviour
from zoo.linking.calibration import Calibration
from zoo.linking.inputs import Batch, InputMaker
from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.questions import CANDIDATE_FEATURES, Question, Questioner
from zoo.linking.texts import Gold, LinkedText, marked

BATCH = 64  # questions answered at once
PAIRS = 1024  # candidates read at once, unless one name has more


@dataclass(frozen=True)
class Mention:
    """What one mention of a text means.

    Attributes:
        start: offset of its first character in the text.
        end: offset behind its last.
        text: the characters between.
        entity: the id of what it means; None if that is not in the base (NIL).
        probability: of `entity`, from 0 to 1.
        candidates: (id, probability) of the candidates, the most probable first.
    """

    start: int
    end: int
    text: str
    entity: str | None
    probability: float
    candidates: tuple[tuple[str, float], ...]


class Linker(nn.Module):
    """A network with a knowledge base; `logits` is what each kind of network defines.

    A loaded checkpoint sets the attributes below, but for `arguments`.

    Attributes:
        arguments: what it was built with, defaults included, by name.
        preprocess: questions to tensors.
        knowledge: the base.
        behaviour: what annotators of its training texts did.
        calibration: how logits become a choice; at first, the most probable candidate.
        asked: options of `Questioner` that it was trained with.
    """

    arguments: dict[str, Any]
    preprocess: InputMaker
    knowledge: KnowledgeBase

    def __init__(self, asked: dict[str, bool] | None = None) -> None:
        super().__init__()
        self.asked = asked or {}
        self.behaviour = Behaviour()
        self.calibration = Calibration()

    def logits(self, batch: Batch) -> Tensor:
        """Return float (questions, 1 + candidates), that of NIL first, -inf where there is none."""
        raise NotImplementedError

    def forget(self) -> None:
        """Drop what was computed with weights that are, or will be, others; here, nothing is."""

    def train(self, mode: bool = True) -> Linker:
        """See `torch.nn.Module.train`; what was kept for use is forgotten in training."""
        if mode:
            self.forget()
        return super().train(mode)

    def _apply(self, *arguments: Any, **options: Any) -> Any:  # another device or type
        self.forget()
        return super()._apply(*arguments, **options)

    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:  # other weights
        self.forget()
        super()._load_from_state_dict(*arguments, **options)

    def questioner(self) -> Questioner:
        """Return what asks about mentions as in training.

        Raises:
            ValueError: if there is no knowledge base.
        """
        if not hasattr(self, "knowledge"):
            raise ValueError(
                "the linker has no knowledge base: give it one "
                '(with_knowledge(KnowledgeBase.open("kb")))'
            )
        return Questioner(self.knowledge, self.behaviour, **self.asked)

    def with_knowledge(self, knowledge: KnowledgeBase) -> Linker:
        """Return this linker over another base: the weights are shared, nothing is trained.

        Counts of names and ids that the other base has too go on counting; how many mentions a
        text has does not, which depends on the base.
        """
        other = copy.copy(self)
        vars(other)["knowledge"] = knowledge
        vars(other)["behaviour"] = replace(self.behaviour, fewest=0, most=0)
        return other

    def link(
        self,
        texts: str | Sequence[str],
        mentions: Sequence[Any] | None = None,
        keep: int | None = None,
    ) -> Any:
        """Find out what the mentions of one text or of many mean.

        Args:
            texts: one text, or a list of them.
            mentions: where a tagger found mentions: for each text a list of (start, end), or of
                objects with `start` and `end`; they may overlap. Default: names of the base that
                annotators mark.
            keep: how many candidates to return of each; default all.

        Returns:
            `Mention`s by their start: a list for one text, a list of lists for many. A mention of
            a name that the base lacks is NIL, without candidates.

        Raises:
            ValueError: in training mode; if a mention is not within its text, or the numbers of
                texts and of lists of mentions differ.

        Example:
            >>> import zoo
            >>> zoo.load("linking_poets").link("歐陽修：寄子美")[-1].text  # doctest: +SKIP
            '子美'
        """
        require_evaluation(self)
        if isinstance(texts, str):
            return self.link([texts], None if mentions is None else [mentions], keep)[0]
        asking = self.questioner()
        spans = self.detect(texts) if mentions is None else list(map(list, mentions))
        if len(spans) != len(texts):
            raise ValueError(
                f"there are {len(texts)} texts and {len(spans)} lists of mentions: give one list "
                "for each text"
            )
        asked = [
            LinkedText(text, tuple(sorted({_gold(span, text) for span in of}, key=_place)))
            for text, of in zip(texts, spans, strict=True)
        ]
        questions = asking.of_texts(asked)
        answers = self.answer(question for of in questions for question in of)
        return [[self._mention(q, next(answers), keep) for q in of] for of in questions]

    def detect(self, texts: Sequence[str]) -> list[list[Any]]:
        """Return the spans of each text that are mentions: here, the names that annotators mark."""
        found = self.knowledge.all_longest_matches(texts)
        return [
            self.behaviour.likeliest(
                matches, [self.behaviour.share(m.name) for m in matches], MARKED, len(text)
            )
            for text, matches in zip(texts, found, strict=True)
        ]

    @torch.inference_mode()
    def answer(self, questions: Iterable[Question]) -> Iterator[tuple[int, list[float]]]:
        """Yield the chosen place of each question, -1 for NIL, and the probabilities, NIL first."""
        device = next(self.parameters()).device
        for batch in batches(questions):
            tensors = Batch(*(tensor.to(device) for tensor in self.preprocess(batch)))
            probabilities = self.calibration.probabilities(self.logits(tensors).float()).cpu()
            places = self.calibration.choose(probabilities).tolist()
            for question, place, row in zip(batch, places, probabilities.tolist(), strict=True):
                yield place, row[: 1 + len(question.ids)]

    def _mention(
        self, question: Question, answer: tuple[int, list[float]], keep: int | None
    ) -> Mention:
        place, (nil, *probabilities) = answer
        ranked = sorted(zip(question.ids, probabilities, strict=True), key=lambda pair: -pair[1])
        return Mention(
            question.start,
            question.end,
            question.text[question.start : question.end],
            question.ids[place] if place >= 0 else None,
            probabilities[place] if place >= 0 else nil,
            tuple(ranked[:keep]),
        )


def prior_weights() -> nn.Linear:
    """Return the layer that weighs the features of candidates; at first, the prior alone counts."""
    layer = nn.Linear(CANDIDATE_FEATURES, 1, bias=False)
    with torch.no_grad():
        layer.weight.zero_()[0, 0] = 1.0
    return layer


def _gold(span: Any, text: str) -> Gold:
    """Return where a mention is, checked."""
    start, end = (span.start, span.end) if hasattr(span, "start") else span
    return marked(text, start, end)


def _place(gold: Gold) -> tuple[int, int]:
    return gold.start, gold.end


def batches(questions: Iterable[Question]) -> Iterator[list[Question]]:
    """Yield questions in batches of at most `BATCH`, with about `PAIRS` candidates at most."""
    batch: list[Question] = []
    pairs = 0
    for question in questions:
        if batch and (len(batch) == BATCH or pairs + len(question.ids) > PAIRS):
            yield batch
            batch, pairs = [], 0
        batch.append(question)
        pairs += len(question.ids)
    if batch:
        yield batch
