"""Texts to continue: poems from their first line, abstracts and encyclopaedia from ten tokens."""

import re
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from zoo.data.csl import read_papers
from zoo.data.poems import Poem, PoemCorpus
from zoo.data.splits import Split, SplitData
from zoo.data.text import Passage
from zoo.data.wikitext import read_paragraphs
from zoo.decoding.tokenizer import END, NAMES, UNKNOWN, Tokenizer, Unit

_CLAUSE = re.compile(r"[^，。？！；,.?!;]+[，。？！；,.?!;]+(?=.)", re.DOTALL)  # and more


class Continuation(SplitData[Passage]):
    """Batches of whole texts and of the lengths of their given parts.

    Args:
        min_count: how often a token of the vocabulary occurs in training; default 5.
        options: those of `SplitData`.
    """

    unit: Unit = "character"
    COLUMNS = ("text",)

    def __init__(self, min_count: int = 5, **options: Any) -> None:
        super().__init__(**options)
        self.min_count = min_count

    @cached_property
    def preprocess(self) -> Tokenizer:
        """The tokenizer."""
        if self.saved:
            return Tokenizer.from_dict(self.saved)
        texts = (part for passage in self.train for part in passage)
        return Tokenizer.from_texts(texts, self.unit, self.min_count)

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self.preprocess)

    def from_row(self, row: dict[str, str]) -> Passage:
        """See `SplitData.from_row`: what is given is the first clause, if there is another."""
        clause = _CLAUSE.match(row["text"])
        given = clause.end() if clause else 0
        return Passage(row["text"][:given], row["text"][given:])

    def length(self, example: Passage) -> int:
        """See `SplitData.length`."""
        return len(example.source) + len(example.target)

    def collate(self, examples: list[Passage]) -> tuple[Tensor, Tensor]:
        """Encode a batch.

        Returns:
            Tokens int64 (batch, time), from begin to end, padded with 0; and how many of each row
            are given, the begin included, int64 (batch,).
        """
        prompts = [self.preprocess.prompt(passage.source) for passage in examples]
        rows = [
            torch.tensor([*prompt, *self.preprocess.encode(passage.target), END])
            for prompt, passage in zip(prompts, examples, strict=True)
        ]
        return pad_sequence(rows, batch_first=True), torch.tensor([len(p) for p in prompts])


class Poems(PoemCorpus, Continuation):
    """Regulated poems of Tang and Song, to be continued from the first line.

    Args:
        path: as of `PoemCorpus`.
        options: those of `Continuation`.
    """

    called = "Poems to continue"

    def example(self, poem: Poem) -> Passage:
        """Return the first line of a poem, and the others."""
        return Passage(poem.lines[0], "".join(poem.lines[1:]))


class Abstracts(Continuation):
    """Abstracts of Chinese papers (CSL), to be continued from the first characters.

    `train.tsv` holds lines of title TAB abstract. Of ten lines eight train, the ninth validates and
    the tenth tests: the official `val.tsv` has too few short abstracts.

    Args:
        root: the folder of the file; default `data/title_csl`.
        prompt: characters that are given; default 10.
        longest: longer abstracts are left out, since one cut short would have no end; default 192.
        options: those of `Continuation`.
    """

    def __init__(
        self, root: str = "data/title_csl", prompt: int = 10, longest: int = 192, **options: Any
    ) -> None:
        super().__init__(**options)
        self.root, self.prompt, self.longest = root, prompt, longest

    def read(self, split: Split) -> list[Passage]:
        """See `SplitData.read`; raises as `zoo.data.csl.read_papers`."""
        part = {9: "valid", 0: "test"}
        return [
            Passage(paper.abstract[: self.prompt], paper.abstract[self.prompt :])
            for number, paper in enumerate(read_papers(Path(self.root) / "train.tsv"), 1)
            if part.get(number % 10, "train") == split
            and self.prompt < len(paper.abstract) <= self.longest
        ]


class WikiText(Continuation):
    """WikiText-2 or -103 as words, to be continued from the first words of a paragraph.

    A text is a paragraph of `zoo.data.wikitext`; `<unk>` is the unknown token.

    Args:
        root: the folder of the three files; default `data/wikitext-2`.
        prompt: words that are given; default 10, as in Welleck et al. (arXiv 2002.02492), 6.1.
        longest: paragraphs with more words are left out, since one cut short would have no end;
            default 256.
        options: those of `Continuation`; `min_count` is 1 here, for the files have `<unk>`.
    """

    unit: Unit = "word"

    def __init__(
        self,
        root: str = "data/wikitext-2",
        prompt: int = 10,
        longest: int = 256,
        min_count: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(min_count=min_count, **options)
        self.root, self.prompt, self.longest = root, prompt, longest

    def read(self, split: Split) -> list[Passage]:
        """See `SplitData.read`; raises as `zoo.data.wikitext.read_paragraphs`."""
        unknown = NAMES[UNKNOWN]
        paragraphs = (
            [word.replace("<unk>", unknown) for word in words]
            for words in read_paragraphs(self.root, split)
        )
        return [
            Passage(" ".join(words[: self.prompt]), " ".join(words[self.prompt :]))
            for words in paragraphs
            if self.prompt < len(words) <= self.longest
        ]
