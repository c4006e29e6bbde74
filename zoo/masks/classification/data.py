"""Labelled texts, pairs of texts and tokens as batches."""

from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.data.sentiment import LABELS, read_reviews
from zoo.data.splits import Split
from zoo.data.table import read_table
from zoo.masks.data import TokenizedTexts, pad

# what has no word: of such a text only the frequencies of the classes are known
WORDLESS = ("", " ", "。", "？？？", "...", "!!!", "123", "5", "🙂", "（）", "-", "\n")
IGNORED = -100  # the label of a token that has none


class LabelledText(NamedTuple):
    """A text, or a pair of texts, and its class.

    Attributes:
        text: the text.
        label: its place among the labels.
        pair: the second text of a pair; default none.
    """

    text: str
    label: int
    pair: str = ""


class LabelledBatch(NamedTuple):
    """Encoded texts and their labels.

    Attributes:
        token_ids: int64 (batch, time), padded at the ends of the rows.
        segment_ids: int64 (batch, time), 1 in the second text of a pair, else 0.
        labels: int64 (batch,), or (batch, time) for tokens, negative where there is none.
    """

    token_ids: Tensor
    segment_ids: Tensor
    labels: Tensor


class LabelledTexts(TokenizedTexts[LabelledText]):
    """Batches from three lists of labelled texts.

    Args:
        max_pair: most tokens of a second text and its end; default 64.
        blanks: for one in so many training texts, one without any word is added that has its
            label, so that the network learns the frequencies of the classes; default 0, none.
        options: those of `TokenizedTexts`.
    """

    labels: list[str]

    def __init__(self, max_pair: int = 64, blanks: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.max_pair, self.blanks = max_pair, blanks

    @cached_property
    def train(self) -> list[LabelledText]:
        """The training examples, those without words included."""
        examples = self.read("train")
        chosen = examples[:: self.blanks] if self.blanks else []
        return examples + [
            LabelledText(WORDLESS[i % len(WORDLESS)], example.label)
            for i, example in enumerate(chosen)
        ]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    def texts_of(self, example: LabelledText) -> str:
        """See `TokenizedTexts.texts_of`."""
        return example.text + example.pair

    def encode(self, example: LabelledText) -> tuple[list[int], list[int]]:
        """Return the ids of the tokens and of their segments."""
        if example.pair:
            return self.preprocess.pair(example.text, example.pair, max_target=self.max_pair)
        ids = self.preprocess.encode(example.text)
        return ids, [0] * len(ids)

    def collate(self, examples: list[LabelledText]) -> LabelledBatch:
        """Encode a batch; see `LabelledBatch`."""
        tokens, segments = zip(*map(self.encode, examples), strict=True)
        labels = torch.tensor([example.label for example in examples])
        return LabelledBatch(pad(tokens, self.padding), pad(segments, 0), labels)


class Reviews(LabelledTexts):
    """Chinese reviews of books, hotels and goods, negative or positive; see `zoo.data.sentiment`.

    About a third of the test reviews also stand in the training split: `unseen_only` leaves them
    out.

    Args:
        root: the folder of the three files; default `data/sentiment`.
        options: those of `LabelledTexts`.
    """

    labels, called = LABELS, "Sentiment"

    def __init__(self, root: str = "data/sentiment", **options: Any) -> None:
        super().__init__(**options)
        self.root = root

    def read(self, split: Split) -> list[LabelledText]:
        """See `SplitData.read`; raises as `zoo.data.sentiment.read_reviews`."""
        return [LabelledText(text, label) for text, label in read_reviews(self.root, split)]


class LabelledTable(LabelledTexts):
    """Labelled texts of one's own: of ten rows eight train, the ninth validates, the tenth tests.

    Args:
        file: a table for `zoo.data.table.read_table`, with the columns `text` and `label`, and for
            pairs of texts `pair`.
        options: those of `LabelledTexts`.
    """

    def __init__(self, file: str, **options: Any) -> None:
        super().__init__(**options)
        self.file = file

    @property
    def title(self) -> str:
        """See `SplitData.title`."""
        return f"{super().title}, {Path(self.file).name}"

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """The rows of the table."""
        return read_table(self.file, ("text", "label"))

    @cached_property
    def labels(self) -> list[str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The labels of the table, sorted."""
        return sorted({row["label"] for row in self.rows})

    def read(self, split: Split) -> list[LabelledText]:
        """See `SplitData.read`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is no such table, or has fewer than ten rows.
        """
        if len(self.rows) < 10:
            raise ValueError(f"{self.file} has {len(self.rows)} rows: give 10 or more, to split")
        part = {8: "valid", 9: "test"}
        return [
            LabelledText(row["text"], self.labels.index(row["label"]), row.get("pair", ""))
            for i, row in enumerate(self.rows)
            if part.get(i % 10, "train") == split
        ]
