"""Linking data: poets, a person's own base and texts, CCKS 2019, polyphones, WordNet's examples."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.poems import Split
from zoo.data.poets import By, Poet, load_poets
from zoo.data.splits import SplitData
from zoo.linking.behaviour import Behaviour
from zoo.linking.entities import Entity, read_entities
from zoo.linking.inputs import Batch, InputMaker
from zoo.linking.knowledge import KnowledgeBase
from zoo.linking.questions import Question, Questioner
from zoo.linking.texts import Gold, LinkedText, read_texts


class Linking(SplitData[Question]):
    """Questions about the mentions of labelled texts over a knowledge base.

    Args:
        negatives: most wrong candidates of a training question, drawn once, by the seed; default
            all.
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
        self.negatives, self.counts = negatives, behaviour
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
            return InputMaker.from_dict(self.saved)
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

        The module adds the calibration at the end of a fit.
        """
        return {"knowledge": self.knowledge, "behaviour": self.behaviour}

    def read(self, split: Split) -> list[Question]:
        """See `SplitData.read`."""
        asking = Questioner(self.knowledge, self.behaviour, **self.asked)
        counted = split == "train" and self.counts
        found = asking.of_texts(self.texts(split), counted)
        questions = [question for of_text in found for question in of_text]
        if split != "train" or self.negatives is None:
            return questions
        draw = np.random.default_rng(self.seed)
        return [fewer(question, self.negatives, draw) for question in questions]

    def collate(self, examples: list[Question]) -> Batch:
        """Return a `Batch`."""
        return self.preprocess(examples)

    def length(self, example: Question) -> int:
        """Return about how many characters a question takes: those of all its pairs."""
        description = min(
            self.limits["max_description"], max(map(len, example.descriptions), default=0)
        )
        context = min(self.limits["max_context"], len(example.context))
        return (len(example.text) + context + description) * max(1, len(example.ids))


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
        answer=kept.index(question.answer) if question.answer >= 0 else -1,
    )


class Poets(Linking):
    """Who is meant by a courtesy name in the title of a Chinese poem?

    Args:
        path: a file made by `tools/make_poets.py`; default the embedded one.
        by: what no two splits share: `author` (default), `title` or `name`.
        fold: from 0 to 4: which fifth tests; default 0.
        nil: whether mentions of people whom the base lacks are there too; default yes.
        facts: whether the dates, places and names of poets are in the base; default yes.
        options: those of `Linking`.
    """

    def __init__(
        self,
        path: str | None = None,
        by: By = "author",
        fold: int = 0,
        nil: bool = True,
        facts: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.path, self.by, self.fold, self.nil, self.facts = path, by, fold, nil, facts

    @cached_property
    def _read(self) -> tuple[list[Poet], dict[Split, list[LinkedText]]]:
        poets, titles = load_poets(self.path)
        parts: dict[Split, list[LinkedText]] = {"train": [], "valid": [], "test": []}
        for title in titles:
            if title.entity or self.nil:
                gold = Gold(title.start, title.end, title.entity)
                parts[title.split(self.by, self.fold)].append(LinkedText(title.text, (gold,)))
        return poets, parts

    @property
    def title(self) -> str:
        """See `SplitData.title`."""
        return f"Poets, split by {self.by}, fold {self.fold}{'' if self.nil else ', without NIL'}"

    def texts(self, split: Split) -> list[LinkedText]:
        """See `Linking.texts`."""
        return self._read[1][split]

    def entities(self) -> Iterator[Entity]:
        """See `Linking.entities`; poets with most poems first."""
        for poet in self._read[0]:
            names = (poet.name, *poet.courtesy, *poet.sobriquets)
            yield Entity(poet.id, names, describe(poet) if self.facts else "", ("Person",))


def describe(poet: Poet) -> str:
    """Return the facts about a poet in words; each decade of his grown-up life is one.

    Example:
        >>> describe(Poet("宋甲", "甲", ("乙",), (), 1007, 1041, "廬陵", 3))
        '宋，廬陵人，1007生，1041卒，在世：1020、1030、1040'
    """
    birth, death = poet.birth, poet.death
    facts = [poet.id[0], f"{poet.place}人" if poet.place else ""]
    facts += [f"{birth}生" if birth else "", f"{death}卒" if death else ""]
    if birth or death:
        first = (birth or (death or 0) - 65) + 15
        last = death or (birth or 0) + 65
        decades = range(first // 10 * 10, last + 1, 10)
        facts.append("在世：" + "、".join(map(str, decades)))
    return "，".join(fact for fact in facts if fact)


class LabelledTexts(Linking):
    """A knowledge base and labelled texts of one's own, or CCKS 2019's.

    CCKS 2019's task 2: `kb_data` and `train.json` of the competition, which are for research and
    are not to be passed on. Without `valid.json` and `test.json` every tenth text validates and
    every tenth tests.

    Args:
        root: the folder of `kb_data`, or `kb.jsonl`, and `train.json`; default `data/ccks2019`.
        options: those of `Linking`.
    """

    def __init__(self, root: str = "data/ccks2019", **options: Any) -> None:
        super().__init__(**options)
        self.root = Path(root)

    @property
    def title(self) -> str:
        """See `SplitData.title`."""
        return f"{type(self).__name__}, {self.root.name}"

    def _file(self, *names: str) -> Path:
        for name in names:
            if (self.root / name).is_file():
                return self.root / name
        raise FileNotFoundError(
            f"no {' or '.join(names)} in {self.root}: give the folder of the knowledge base and "
            "the labelled texts with --data.root"
        )

    @cached_property
    def _all(self) -> list[LinkedText]:
        return read_texts(self._file("train.json", "train.jsonl"))

    def texts(self, split: Split) -> list[LinkedText]:
        """See `Linking.texts`."""
        own = [f"{split}.json", f"{split}.jsonl"]
        if split != "train" and any((self.root / name).is_file() for name in own):
            return read_texts(self._file(*own))
        held = {other for other in ("valid", "test") if not (self.root / f"{other}.json").is_file()
                and not (self.root / f"{other}.jsonl").is_file()}  # fmt: skip
        return [text for number, text in enumerate(self._all) if _tenth(number, held) == split]

    def entities(self) -> Iterator[Entity]:
        """See `Linking.entities`."""
        return read_entities(self._file("kb_data", "kb_data.json", "kb.jsonl"))


def _tenth(number: int, held: set[str]) -> str:
    """Return the split of a text by its place in the file."""
    part = {8: "valid", 9: "test"}.get(number % 10, "train")
    return part if part in held else "train"
