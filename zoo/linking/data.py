"""Questions for training and evaluation, of labelled texts over a knowledge base."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from zoo.data.resumable import ResumableLoader
from zoo.data.splits import Split, SplitData
from zoo.errors import require_whole
from zoo.linking.behaviour import Behaviour
from zoo.linking.inputs import Batch, InputMaker
from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.knowledge.entities import Entity
from zoo.linking.questions import Question, Questioner
from zoo.linking.texts import LinkedText


class Linking(SplitData[Question]):
    """Questions about the mentions of labelled texts over a knowledge base.

    Args:
        negatives: most wrong candidates of a training question, drawn anew in each epoch, by the
            seed; default all.
        behaviour: whether counts of the training texts are used; default yes.
        context: whether what a text surely names is read too; default yes.
        restrict: whether candidates nobody chose twice are left out where another was; default no.
        max_text: characters around a mention that are read; default 64.
        max_context: of the description of what the text surely names; default 96.
        max_description: of a candidate; default 96.
        overlap: which of the three overlap features the network gets; default all.
        options: those of `SplitData`.
    """

    def __init__(
        self,
        negatives: int | None = None,
        behaviour: bool = True,
        context: bool = True,
        restrict: bool = False,
        max_text: int = 64,
        max_context: int = 96,
        max_description: int = 96,
        overlap: tuple[int, ...] = (0, 1, 2),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.negatives = None if negatives is None else require_whole("negatives", negatives, 0)
        self.counts = behaviour
        self.context, self.restrict = context, restrict
        self.limits = {
            "max_text": max_text,
            "max_context": max_context,
            "max_description": max_description,
            "overlap": overlap,
        }

    @abstractmethod
    def texts(self, split: Split) -> list[LinkedText]:
        """Return the labelled texts of a split."""

    @abstractmethod
    def entities(self) -> Iterable[Entity]:
        """Yield the entities of the base."""

    @cached_property
    def knowledge(self) -> KnowledgeBase:
        """The base, in a folder that goes with the process."""
        folder = tempfile.mkdtemp(prefix="zoo_")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return KnowledgeBase.build(self.entities(), folder)

    @cached_property
    def behaviour(self) -> Behaviour:
        """What the annotators of the training texts did."""
        if not self.counts:
            return Behaviour()
        return Behaviour.count(self.texts("train"), self.knowledge)

    @cached_property
    def preprocess(self) -> InputMaker:
        """Questions to tensors."""
        if self.saved is not None:
            return InputMaker.from_dict(self.saved | self.limits)
        return InputMaker.from_texts(self._read_by_all(), **self.limits)

    def _read_by_all(self) -> Iterator[str]:
        """Yield what the vocabulary is made of: training texts and what is said of entities."""
        for text in self.texts("train"):
            yield text.text
        for entity in self.knowledge:
            yield entity.description + "".join(entity.names)

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self.preprocess)

    @property
    def asked(self) -> dict[str, bool]:
        """The options of the `Questioner`, which a linker trained on this asks with."""
        return {"context": self.context, "restrict": self.restrict}

    @cached_property
    def attachments(self) -> dict[str, Any]:
        """What a checkpoint trained on this carries, by the names of the linker's attributes.

        The module adds the calibration, which it fits before a test.
        """
        return {"knowledge": self.knowledge, "behaviour": self.behaviour}

    def read(self, split: Split) -> list[Question]:
        """See `SplitData.read`.

        What the base has, but not as a candidate of the mention, is not NIL: it trains nothing, and
        is wrong in validation and test.
        """
        asking = Questioner(self.knowledge, self.behaviour, **self.asked)
        counted = split == "train" and self.counts
        found = asking.of_texts(self.texts(split), counted)
        questions = [question for of_text in found for question in of_text]
        if split != "train":
            return questions
        return [q for q in questions if q.answer >= 0 or not q.linkable]

    def train_dataloader(self) -> ResumableLoader:
        """See `SplitData.train_dataloader`; of many wrong candidates, others in each epoch."""
        loader = super().train_dataloader()
        if self.negatives is not None:
            loader.items = FewerCandidates(self.train, self.negatives, self.seed)
        return loader

    def collate(self, examples: list[Question]) -> Batch:
        """Return a `Batch`."""
        return self.preprocess(examples)

    def length(self, example: Question) -> int:
        """Return about how many characters a question takes: those of all its pairs."""
        description = min(
            self.limits["max_description"], max(map(len, example.descriptions), default=0)
        )
        context = min(self.limits["max_context"], len(example.context))
        pairs = len(example.ids)
        if self.negatives is not None:
            pairs = min(pairs, self.negatives + 1)
        return (len(example.text) + context + description) * max(1, pairs)


class FewerCandidates:
    """Training questions with at most so many wrong candidates, drawn by seed, epoch and place.

    Args:
        questions: with all their candidates.
        negatives: the most wrong ones.
        seed: of the draws.
    """

    def __init__(self, questions: Sequence[Question], negatives: int, seed: int) -> None:
        self.questions, self.negatives, self.seed = questions, negatives, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw the candidates of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count the questions."""
        return len(self.questions)

    def __getitem__(self, place: int) -> Question:
        """Return the question at a place with the candidates of the epoch."""
        draw = np.random.default_rng((self.seed, self.epoch, place))
        return fewer(self.questions[place], self.negatives, draw)


def fewer(question: Question, negatives: int, draw: np.random.Generator) -> Question:
    """Return a question with at most so many wrong candidates, in the base's order."""
    wrong = [place for place in range(len(question.ids)) if place != question.answer]
    if len(wrong) <= negatives:
        return question
    places = draw.choice(wrong, negatives, replace=False).tolist()
    kept = sorted([*places, question.answer] if question.answer >= 0 else places)
    return replace(
        question,
        ids=tuple(question.ids[place] for place in kept),
        descriptions=tuple(question.descriptions[place] for place in kept),
        features=tuple(question.features[place] for place in kept),
        rows=tuple(question.rows[place] for place in kept),
        answer=kept.index(question.answer) if question.answer >= 0 else -1,
    )
