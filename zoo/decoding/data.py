"""Texts to continue: poems from their first line, abstracts and encyclopaedia from ten tokens."""

from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from zoo.data.labelled import read_text
from zoo.data.poems import Split, load_poems
from zoo.data.splits import SplitData
from zoo.decoding.tokenizer import END, NAMES, UNKNOWN, Tokenizer, Unit


class Passage(NamedTuple):
    """A text in two parts.

    Attributes:
        prompt: what is given.
        rest: what follows, to the end.
    """

    prompt: str
    rest: str


class Continuation(SplitData[Passage]):
    """Batches of whole texts and of the lengths of their given parts.

    Args:
        min_count: how often a token of the vocabulary occurs in training; default 5.
        options: those of `SplitData`.
    """

    unit: Unit = "character"

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

    def length(self, example: Passage) -> int:
        """See `SplitData.length`."""
        return len(example.prompt) + len(example.rest)

    def collate(self, examples: list[Passage]) -> tuple[Tensor, Tensor]:
        """Encode a batch.

        Returns:
            Tokens int64 (batch, time), from begin to end, padded with 0; and how many of each row
            are given, the begin included, int64 (batch,).
        """
        prompts = [self.preprocess.prompt(passage.prompt) for passage in examples]
        rows = [
            torch.tensor([*prompt, *self.preprocess.encode(passage.rest), END])
            for prompt, passage in zip(prompts, examples, strict=True)
        ]
        return pad_sequence(rows, batch_first=True), torch.tensor([len(p) for p in prompts])


class Poems(Continuation):
    """Regulated poems of Tang and Song, to be continued from the first line.

    Args:
        path: a file made by `zoo/data/samples/make_poems.py`; default: the embedded 10,000 poems.
        options: those of `Continuation`.
    """

    def __init__(self, path: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    @property
    def title(self) -> str:
        """See `Continuation.title`."""
        return f"Poems to continue, {Path(self.path).name if self.path else 'embedded sample'}"

    def read(self, split: Split) -> list[Passage]:
        """See `Continuation.read`."""
        return [
            Passage(poem.lines[0], "".join(poem.lines[1:])) for poem in load_poems(self.path, split)
        ]


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
        """See `Continuation.read`.

        Raises:
            FileNotFoundError: if the file is not there.
            ValueError: if a line has no title.
        """
        path = Path(self.root) / "train.tsv"
        texts = []
        for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
            _, tab, abstract = line.rstrip("\r").partition("\t")
            if not tab:
                raise ValueError(f"{path}, line {number}: expected a title, a TAB and an abstract")
            part = {9: "valid", 0: "test"}.get(number % 10, "train")
            if part == split and self.prompt < len(abstract) <= self.longest:
                texts.append(Passage(abstract[: self.prompt], abstract[self.prompt :]))
        return texts


class WikiText(Continuation):
    """WikiText-2 or -103 as words, to be continued from the first words of a paragraph.

    The standard files `wiki.train.tokens`, `wiki.valid.tokens` and `wiki.test.tokens`. A text is a
    paragraph; headings, ` = Title = `, and empty lines are left out. `<unk>` is the unknown token.

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
        """See `Continuation.read`.

        Raises:
            FileNotFoundError: if the files are not there; the message says where they are from.
        """
        path = Path(self.root) / f"wiki.{split}.tokens"
        if not path.is_file():
            raise FileNotFoundError(
                f"no {path}: unpack wikitext-2-v1.zip, the word-level release of Merity et al. "
                "(arXiv 1609.07843), and give the folder of its files with --data.root"
            )
        paragraphs = (
            line.replace("<unk>", NAMES[UNKNOWN]).split() for line in read_text(path).split("\n")
        )
        return [
            Passage(" ".join(words[: self.prompt]), " ".join(words[self.prompt :]))
            for words in paragraphs
            if self.prompt < len(words) <= self.longest and words[0] != "="
        ]
