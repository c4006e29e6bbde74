"""What can be linked: poets, polyphones, WordNet, CCKS 2019, a base and texts of one's own."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from zoo.data.poets import By, Poet, load_poets
from zoo.data.polyphones import Polyphone, load_readings, read_polyphones
from zoo.data.splits import Split
from zoo.linking.data import Linking
from zoo.linking.knowledge.entities import Entity, parse_entity, read_entities
from zoo.linking.questions import Question
from zoo.linking.texts import Gold, LinkedText, parse_text, read_texts

# what is left of a gloss behind its first quote, up to the lexicographer's file and the hypernym
_QUOTED = re.compile(r";(?:\s*[;-]|\s\s).*?(?=; [a-z]+(?:; [^;]*)?$)")
CCKS_BASES = ("kb_data", "kb_data.json")  # what the competition called its base


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
        self.path, self.fold, self.nil, self.facts = path, fold, nil, facts
        self.by: By = by

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

    @property
    def replaces_corpus(self) -> bool:
        """Whether the base is not of CCKS 2019's name: see `SplitData.replaces_corpus`."""
        return not any((self.root / name).is_file() for name in CCKS_BASES)

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
        """See `Linking.texts`.

        Raises:
            ValueError: if there is none.
        """
        own = {
            part: [
                name for name in (f"{part}.json", f"{part}.jsonl") if (self.root / name).is_file()
            ]
            for part in ("valid", "test")
        }
        if own.get(split):
            return read_texts(self._file(*own[split]))
        held = {part for part, names in own.items() if not names}
        texts = [text for number, text in enumerate(self._all) if _tenth(number, held) == split]
        if not texts:
            raise ValueError(
                f"{self.root} has {len(self._all)} labelled texts, none of them for {split}: give "
                f"at least ten, or a file {split}.jsonl"
            )
        return texts

    def entities(self) -> Iterator[Entity]:
        """See `Linking.entities`."""
        return read_entities(self._file(*CCKS_BASES, "kb.jsonl"))


def _tenth(number: int, held: set[str]) -> str:
    """Return the split of a text by its place in the file."""
    part = {8: "valid", 9: "test"}.get(number % 10, "train")
    return part if part in held else "train"


class Polyphones(Linking):
    """Which reading has this character? Readings are entities, and a sentence marks one character.

    Trained on nine tenths of `dev`, without the 128 sentences that stand in `test` too, validated
    on the rest, tested on `test`. The readings of a character are those of a dictionary and of
    training; the words that the dictionary has for one describe it.

    Args:
        root: the folder of `dev` and `test`; default `data/polyphone`.
        words: whether there are words in the descriptions; default yes.
        options: those of `Linking`.
    """

    def __init__(self, root: str = "data/polyphone", words: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.root, self.words = root, words

    @cached_property
    def _parts(self) -> dict[Split, list[Polyphone]]:
        test = read_polyphones(self.root, "test")
        tested = {polyphone.text for polyphone in test}
        parts: dict[Split, list[Polyphone]] = {"train": [], "valid": [], "test": test}
        for polyphone in read_polyphones(self.root, "dev"):
            if polyphone.text not in tested:
                digit = hashlib.sha256(polyphone.text.encode()).digest()[0] % 10
                parts["valid" if digit == 0 else "train"].append(polyphone)
        return parts

    def texts(self, split: Split) -> list[LinkedText]:
        """See `Linking.texts`."""
        return [
            LinkedText(p.text, (Gold(p.start, p.start + 1, f"{p.character} {p.reading}"),))
            for p in self._parts[split]
        ]

    def read(self, split: Split) -> list[Question]:
        """See `Linking.read`; a character of one reading, which is known then, trains nothing."""
        questions = super().read(split)
        return [q for q in questions if len(q.ids) > 1] if split == "train" else questions

    def entities(self) -> Iterator[Entity]:
        """See `Linking.entities`; of a character, the reading that training has most first.

        Then the one that most words have. Of its words come first those that training texts have
        most.
        """
        read = Counter((p.character, p.reading) for p in self._parts["train"])
        words = load_readings()
        seen = pieces(p.text for p in self._parts["train"])
        ranked = sorted(
            {*read, *words}, key=lambda pair: (-read[pair], -len(words.get(pair, ())), pair)
        )
        for character, reading in ranked:
            known = sorted(words.get((character, reading), ()), key=lambda word: -seen[word])
            about = [reading, "、".join(known if self.words else ())]
            yield Entity(f"{character} {reading}", (character,), "，".join(filter(None, about)))


def pieces(texts: Iterable[str]) -> Counter[str]:
    """Count the pieces of two to four characters of some texts."""
    return Counter(
        text[start : start + size]
        for text in texts
        for size in (2, 3, 4)
        for start in range(len(text) - size + 1)
    )


class WordNet(Linking):
    """Which sense has this English word? WordNet's own examples, synsets as entities.

    Eight texts in ten train, one validates, one tests, by a hash of the text.

    Args:
        path: a gzip file made by `tools/make_wordnet.py`; default the embedded sample.
        options: those of `Linking`.
    """

    def __init__(self, path: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    @cached_property
    def _records(self) -> list[dict[str, Any]]:
        sample = files("zoo.data") / "samples" / "wordnet.jsonl.gz"
        file = sample if self.path is None else Path(self.path)
        if not file.is_file():
            raise FileNotFoundError(f"no file {file}: make it with tools/make_wordnet.py")
        return list(map(json.loads, gzip.decompress(file.read_bytes()).decode().splitlines()))

    def texts(self, split: Split) -> list[LinkedText]:
        """See `Linking.texts`."""
        texts = (parse_text(record) for record in self._records if "text" in record)
        return [text for text in texts if _hashed(text.text) == split]

    def entities(self) -> Iterator[Entity]:
        """See `Linking.entities`; senses most counted first, without traces of their examples."""
        for record in self._records:
            if "id" in record:
                entity = parse_entity(record)
                yield replace(entity, description=_QUOTED.sub("", entity.description))


def _hashed(text: str) -> Split:
    """Return the split of a text."""
    digit = hashlib.sha256(text.encode()).digest()[0] % 10
    return "test" if digit == 0 else "valid" if digit == 1 else "train"
