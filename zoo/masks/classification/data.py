"""Labelled texts, pairs of texts and tokens as batches."""

from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.data.conll import Sentence, read_sentences
from zoo.data.sentiment import ReviewCorpus
from zoo.data.splits import Split, SplitLabelledTexts, choose_labels
from zoo.masks.data import TokenizedTexts
from zoo.masks.tokenizer import WHOLE, pad

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


class ClassifiedTexts(SplitLabelledTexts[LabelledText], TokenizedTexts[LabelledText]):
    """Batches from three lists of labelled texts.

    Args:
        max_pair: most tokens of a second text and its end; default 64.
        blanks: for one in so many training texts, one without any word is added that has its
            label, so that the network learns the frequencies of the classes; default 0, none.
        options: those of `TokenizedTexts`.
    """

    OPTIONAL = ("pair", "split")

    def __init__(self, max_pair: int = 64, blanks: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.sizes["max_target"] = max_pair
        self.blanks = blanks

    @cached_property
    def train(self) -> list[LabelledText]:
        """The training examples, those without words included."""
        examples = self.examples("train")
        chosen = examples[:: self.blanks] if self.blanks else []
        return examples + [
            LabelledText(WORDLESS[i % len(WORDLESS)], example.label)
            for i, example in enumerate(chosen)
        ]

    def from_row(self, row: dict[str, str]) -> LabelledText:
        """See `SplitData.from_row`; of pairs the second text is in the column `pair`."""
        return LabelledText(row["text"], self.labels.index(row["label"]), row.get("pair", ""))

    def is_cut(self, example: LabelledText) -> bool:
        """See `SplitData.is_cut`."""
        return self.exceeds(example.text, example.pair)

    def texts_of(self, example: LabelledText) -> str:
        """See `TokenizedTexts.texts_of`."""
        return example.text + example.pair

    def encode(self, example: LabelledText) -> tuple[list[int], list[int]]:
        """Return the ids of the tokens and of their segments."""
        if example.pair:
            return self.preprocess.pair(example.text, example.pair)
        ids = self.preprocess.encode(example.text)
        return ids, [0] * len(ids)

    def collate(self, examples: list[LabelledText]) -> LabelledBatch:
        """Encode a batch; see `LabelledBatch`."""
        tokens, segments = zip(*map(self.encode, examples), strict=True)
        labels = torch.tensor([example.label for example in examples])
        return LabelledBatch(pad(tokens, self.padding), pad(segments, 0), labels)


class Reviews(ReviewCorpus, ClassifiedTexts):
    """Chinese reviews of books, hotels and goods, negative or positive; see `zoo.data.sentiment`.

    Args:
        root: as of `ReviewCorpus`.
        options: those of `ClassifiedTexts`.
    """

    def example(self, text: str, label: int) -> LabelledText:
        """Return a review and the place of its label."""
        return LabelledText(text, label)


class TaggedText(NamedTuple):
    """The words of a sentence, and the tag of each.

    Attributes:
        words: the words, or characters.
        tags: their places among the labels.
    """

    words: tuple[str, ...]
    tags: tuple[int, ...]


class TaggedTexts(TokenizedTexts[TaggedText]):
    """Tagged sentences of one's own, for a classifier of tokens; split as `SplitData` says.

    Args:
        file: for `zoo.data.conll.read_sentences`.
        options: those of `TokenizedTexts`.
    """

    COLUMNS = ("word", "tag")

    def __init__(self, file: str, **options: Any) -> None:
        super().__init__(file=file, **options)

    @cached_property
    def rows(self) -> list[Sentence]:
        """All sentences of the file."""
        return read_sentences(self.file or "", self.encoding)

    @cached_property
    def _table(self) -> list[Sentence]:
        return self.rows

    def split_of(self, row: Sentence) -> None:
        """See `SplitData.split_of`."""

    @cached_property
    def labels(self) -> list[str]:
        """The tags of the file; see `choose_labels`."""
        tags = {tag for sentence in self.rows for tag in sentence.tags}
        return choose_labels(tags, self.saved_labels, self.file or "")

    @property
    def classes(self) -> int:
        """Number of tags."""
        return len(self.labels)

    def read(self, split: Split) -> list[TaggedText]:
        """See `SplitData.read`: there is no corpus but the file."""
        return self.own[split]

    def from_row(self, row: Sentence) -> TaggedText:
        """See `SplitData.from_row`."""
        return TaggedText(row.words, tuple(map(self.labels.index, row.tags)))

    def is_cut(self, example: TaggedText) -> bool:
        """See `SplitData.is_cut`."""
        return (
            len(self.preprocess.encode_words(example.words, WHOLE)[0]) > self.preprocess.max_length
        )

    def texts_of(self, example: TaggedText) -> str:
        """See `TokenizedTexts.texts_of`."""
        return "".join(example.words)

    def encode(self, example: TaggedText) -> tuple[list[int], list[int]]:
        """See `TokenizedTexts.encode`."""
        ids, _ = self.preprocess.encode_words(example.words)
        return ids, [0] * len(ids)

    def collate(self, examples: list[TaggedText]) -> LabelledBatch:
        """Encode a batch; a word's tag is that of its first token. See `LabelledBatch`."""
        encoded = [self.preprocess.encode_words(example.words) for example in examples]
        labels = [
            [IGNORED if word is None else example.tags[word] for word in words]
            for (_, words), example in zip(encoded, examples, strict=True)
        ]
        tokens = pad([ids for ids, _ in encoded], self.padding)
        return LabelledBatch(tokens, torch.zeros_like(tokens), pad(labels, IGNORED))
