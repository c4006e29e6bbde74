"""Text classification data: the embedded poems, and the Chinese review set."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.data.labelled import read_labelled
from zoo.data.poems import Split, load_poems
from zoo.data.splits import SplitData
from zoo.data.text import CharacterTokenizer

Example = tuple[str, int]


class TextClassification(SplitData[Example]):
    """Batches of character ids and labels from three lists of labelled texts.

    Args:
        max_length: characters kept of a text; default 192.
        unseen_only: leave out of validation and test what also occurs in training; default false.
        options: those of `SplitData`; without a checkpoint the tokenizer has the characters that
            occur at least twice in training.
    """

    labels: list[str]

    def __init__(self, max_length: int = 192, unseen_only: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.max_length, self.unseen_only = max_length, unseen_only

    @cached_property
    def preprocess(self) -> CharacterTokenizer:
        """The tokenizer."""
        if self.saved is not None:
            return CharacterTokenizer.from_dict(self.saved)
        return CharacterTokenizer.from_texts(
            (text for text, _ in self.train), max_length=self.max_length
        )

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self.preprocess)

    @property
    def title(self) -> str:
        """What a figure measured on this data is called."""
        return type(self).__name__ + (", unseen texts" if self.unseen_only else "")

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    def held_out(self, split: Split) -> list[Example]:
        """See `SplitData.held_out`."""
        examples = super().held_out(split)
        if not self.unseen_only:
            return examples
        seen = {text for text, _ in self.train}
        return [example for example in examples if example[0] not in seen]

    def collate(self, examples: list[Example]) -> tuple[Tensor, Tensor]:
        """Return tokens int64 (batch, time) and labels int64 (batch,)."""
        texts, labels = zip(*examples, strict=True)
        return self.preprocess(list(texts)), torch.tensor(labels)

    def length(self, example: Example) -> int:
        """Return the number of tokens that an example takes in a batch."""
        return min(len(example[0]), self.max_length)


class Poems(TextClassification):
    """Tang or Song: the dynasty of a poem; no poet is in two splits.

    Args:
        path: a file made by `zoo/data/samples/make_poems.py`; default: the embedded 10,000 poems.
        options: those of `TextClassification`.
    """

    labels = ["Tang", "Song"]  # noqa: RUF012

    def __init__(self, path: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    @property
    def title(self) -> str:
        """See `TextClassification.title`."""
        return f"{super().title}, {Path(self.path).name if self.path else 'embedded sample'}"

    def read(self, split: Split) -> list[Example]:
        """See `TextClassification.read`."""
        return [
            (poem.text, self.labels.index(poem.dynasty)) for poem in load_poems(self.path, split)
        ]


class Sentiment(TextClassification):
    """Chinese reviews of books, hotels and goods, negative or positive.

    The two-class set of 21,105 reviews of Su's experiments (https://kexue.fm/archives/7234):
    `sentiment.train.data`, `sentiment.valid.data` and `sentiment.test.data`, lines of review TAB 0
    or 1. About a third of its test reviews also stand in its training split: `unseen_only` leaves
    them out.

    Args:
        root: the folder of the three files; default `data/sentiment`.
        options: those of `TextClassification`.
    """

    labels = ["negative", "positive"]  # noqa: RUF012

    def __init__(self, root: str = "data/sentiment", **options: Any) -> None:
        super().__init__(**options)
        self.root = root

    def read(self, split: Split) -> list[Example]:
        """See `TextClassification.read`.

        Raises:
            FileNotFoundError: if the files are not there; the message says where to get them.
        """
        path = Path(self.root) / f"sentiment.{split}.data"
        if not path.is_file():
            raise FileNotFoundError(
                f"no {path}: unpack https://github.com/bojone/bert4keras/raw/master/examples/"
                "datasets/sentiment.zip and give the folder of its files with --data.root"
            )
        return read_labelled(path, ["0", "1"])
