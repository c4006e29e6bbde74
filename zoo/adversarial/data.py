"""Labelled texts as batches: the embedded poems, and the Chinese reviews."""

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from zoo.data.poems import DYNASTIES, Poem, PoemCorpus
from zoo.data.sentiment import ReviewCorpus
from zoo.data.splits import SplitLabelledTexts
from zoo.data.text import CharacterTokenizer

Example = tuple[str, int]


class TextClassification(SplitLabelledTexts[Example]):
    """Batches of character ids and labels from three lists of labelled texts.

    Args:
        max_length: characters kept of a text; default 192, or that of the checkpoint.
        options: those of `SplitTexts`; without a checkpoint the tokenizer has the characters that
            occur at least twice in training.
    """

    def __init__(self, max_length: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.max_length = max_length

    @cached_property
    def preprocess(self) -> CharacterTokenizer:
        """The tokenizer."""
        given = {} if self.max_length is None else {"max_length": self.max_length}
        if self.saved is not None:
            return CharacterTokenizer.from_dict(self.saved | given)
        texts = (text for text, _ in self.train)
        return CharacterTokenizer.from_texts(texts, **given)

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self.preprocess)

    @property
    def padding(self) -> int:
        """The id of padding."""
        return 0

    def from_row(self, row: dict[str, str]) -> Example:
        """See `SplitData.from_row`."""
        return row["text"], self.labels.index(row["label"])

    def is_cut(self, example: Example) -> bool:
        """See `SplitData.is_cut`."""
        return len(example[0]) > self.preprocess.max_length

    def collate(self, examples: list[Example]) -> tuple[Tensor, Tensor]:
        """Return tokens int64 (batch, time) and labels int64 (batch,)."""
        texts, labels = zip(*examples, strict=True)
        return self.preprocess(list(texts)), torch.tensor(labels)

    def length(self, example: Example) -> int:
        """Return the number of tokens that an example takes in a batch."""
        return min(len(example[0]), self.preprocess.max_length)


class Poems(PoemCorpus, TextClassification):
    """Tang or Song: the dynasty of a poem; no poet is in two splits.

    Args:
        path: as of `PoemCorpus`.
        options: those of `TextClassification`.
    """

    corpus_labels = list(DYNASTIES)  # noqa: RUF012

    def example(self, poem: Poem) -> Example:
        """Return the text of a poem and its dynasty."""
        return poem.text, self.labels.index(poem.dynasty)


class Sentiment(ReviewCorpus, TextClassification):
    """Chinese reviews of books, hotels and goods, negative or positive; see `zoo.data.sentiment`.

    Args:
        root: as of `ReviewCorpus`.
        options: those of `TextClassification`.
    """

    def example(self, text: str, label: int) -> Example:
        """Return a review and the place of its label."""
        return text, label
