"""Texts and pairs of texts as batches: titles of papers, poems, any file of lines."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from zoo.data.csl import read_papers
from zoo.data.gap_sentences import gap_pairs
from zoo.data.poems import Poem, PoemCorpus
from zoo.data.splits import Split, SplitTexts, TextExample
from zoo.data.text import Passage, read_text
from zoo.masks.objectives import TextBatch
from zoo.masks.tokenizer import WHOLE, Tokenizer, pad

MANY_UNKNOWN = 0.01  # of the tokens: rare characters alone are fewer


class TokenizedTexts(SplitTexts[TextExample]):
    """Examples that a network of masks reads as token ids.

    Args:
        max_length: most tokens of an example, start and ends included; what is longer is cut at
            its end. Default 192.
        min_count: how often a character of a new vocabulary occurs in training; default 2.
        options: those of `SplitTexts`; without `preprocess` the tokens are the characters of the
            training examples.
    """

    def __init__(self, max_length: int = 192, min_count: int = 2, **options: Any) -> None:
        super().__init__(**options)
        self.max_length, self.min_count = max_length, min_count
        self.sizes = {"max_length": max_length}  # of the tokenizer

    @cached_property
    def preprocess(self) -> Tokenizer:
        """The tokenizer."""
        if self.saved:
            return Tokenizer.from_dict(self.saved | self.sizes)
        texts = map(self.texts_of, self.train)
        return Tokenizer.from_texts(texts, self.min_count, **self.sizes)

    @abstractmethod
    def texts_of(self, example: TextExample) -> str:
        """Return all that is to be read of an example, for the vocabulary."""

    @abstractmethod
    def encode(self, example: TextExample) -> tuple[list[int], list[int]]:
        """Return the ids of the tokens and of their segments."""

    def exceeds(self, text: str, second: str) -> bool:
        """Say whether a text and a second one are cut."""
        tokenizer = self.preprocess
        after = len(tokenizer.encode(second, WHOLE)) - 1 if second else 0  # it has no start
        too_long = after > tokenizer.max_target
        return too_long or len(tokenizer.encode(text, WHOLE)) + after > tokenizer.max_length

    def remarks(self) -> list[str]:
        """See `SplitData.remarks`; also on characters that the tokenizer does not know."""
        found = super().remarks()
        if not found:
            return found
        unknown, examples = self.preprocess.unknown, [e for part in self.own.values() for e in part]
        ids = Counter(i for example in examples for i in self.encode(example)[0])
        if (share := ids[unknown] / ids.total()) > MANY_UNKNOWN:
            found.append(
                f"{self.title}: {share:.2%} of the tokens are unknown to the network (a new "
                "vocabulary has what occurs --data.min_count times in training)"
            )
        return found

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self.preprocess)

    @property
    def padding(self) -> int:
        """The id of padding."""
        return self.preprocess.padding

    def length(self, example: TextExample) -> int:
        """See `SplitData.length`."""
        return len(self.encode(example)[0])


class MaskedText(TokenizedTexts[Passage]):
    """Batches for any objective from three lists of passages.

    Args:
        max_target: most tokens of a target and its end; default 32.
        words: a file of words, one a line (what follows a TAB is left out, so that it may come
            from `zoo words`); masking then hides the longest of them that fit, from left to
            right. Default: a token is a word, with the `##` tokens after it.
        options: those of `TokenizedTexts`.
    """

    COLUMNS = ("text",)

    def __init__(self, max_target: int = 32, words: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.sizes["max_target"] = max_target
        self._words = words

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that masking hides as a whole."""
        if self._words is None:
            return frozenset()
        lines = lines_of(Path(self._words))
        return frozenset(line.partition("\t")[0] for line in lines)

    @cached_property
    def _pieces(self) -> list[str]:
        """What each id stands for in a text; empty for special tokens."""
        special = self.preprocess.special
        tokens = enumerate(self.preprocess.tokens)
        return ["" if i in special else token.removeprefix("▁") or "▁" for i, token in tokens]

    def from_row(self, row: dict[str, str]) -> Passage:
        """See `SplitData.from_row`."""
        return Passage(*(row[name] for name in self.COLUMNS))

    def is_cut(self, example: Passage) -> bool:
        """See `SplitData.is_cut`."""
        return self.exceeds(*example)

    def texts_of(self, example: Passage) -> str:
        """See `TokenizedTexts.texts_of`."""
        return "".join(example)

    def encode(self, example: Passage) -> tuple[list[int], list[int]]:
        """See `TokenizedTexts.encode`."""
        if example.target:
            return self.preprocess.pair(*example)
        ids = self.preprocess.encode(example.source)
        return ids, [0] * len(ids)

    def collate(self, examples: list[Passage]) -> TextBatch:
        """Encode a batch; see `TextBatch`."""
        tokens, segments = zip(*map(self.encode, examples), strict=True)
        words = [word_numbers([self._pieces[i] for i in ids], self.words) for ids in tokens]
        token_ids = pad(tokens, self.preprocess.padding)
        lengths = torch.tensor([len(ids) for ids in tokens])
        return TextBatch(
            token_ids=token_ids,
            segment_ids=pad(segments, 0),
            valid=torch.arange(token_ids.shape[1]) < lengths[:, None],
            word_ids=pad(words, -1),
            mask_id=self.preprocess.mask,
            vocabulary=self.vocabulary,
            sources=[passage.source for passage in examples],
            targets=[passage.target for passage in examples],
        )


class Titles(MaskedText):
    """Abstracts of Chinese papers and their titles, the CSL set of the published tables.

    `train.tsv` and `val.tsv` hold lines of title TAB abstract. The last lines of the first are for
    validation, and the second is the test split, 1,000 pairs, on which the tables report.

    Args:
        root: the folder of the two files; default `data/title_csl`.
        held_out: training pairs that are for validation instead; default 500.
        options: those of `MaskedText`. Of the test's abstracts 76 also occur in training, which
            `unseen_only` leaves out; the tables have them.
    """

    called, unseen = "CSL titles", "unseen abstracts"
    COLUMNS = ("source", "target")

    def __init__(
        self,
        root: str = "data/title_csl",
        held_out: int = 500,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.root, self.valid_pairs = Path(root), held_out

    def read(self, split: Split) -> list[Passage]:
        """See `SplitData.read`.

        Raises:
            FileNotFoundError: if the files are not there.
            ValueError: if a line is no pair, or no training pair is left.
        """
        file = "val.tsv" if split == "test" else "train.tsv"
        pairs = [Passage(paper.abstract, paper.title) for paper in read_papers(self.root / file)]
        if split == "test":
            return pairs
        if not 0 < self.valid_pairs < len(pairs):
            raise ValueError(
                f"held_out is {self.valid_pairs} of {len(pairs)} training pairs: leave some of both"
            )
        return pairs[: -self.valid_pairs] if split == "train" else pairs[-self.valid_pairs :]


class Poems(PoemCorpus, MaskedText):
    """Regulated poems of Tang and Song as plain texts, a character a token.

    Args:
        path: as of `PoemCorpus`.
        options: those of `MaskedText`.
    """

    called = "Poems as text"

    def example(self, poem: Poem) -> Passage:
        """Return the text of a poem."""
        return Passage(poem.text)


class Lines(MaskedText):
    """Any text, one passage a line; a hundredth of the lines for validation and for tests each.

    Args:
        files: UTF-8 files; empty lines are left out. Default the one file `data/corpus.txt`.
        gaps: pairs that a line becomes, of a source and the clause to write after it, by
            `gap_pairs`; default 0: a line is a source by itself.
        options: those of `MaskedText`.

    Raises:
        ValueError: if `gaps` is negative.
    """

    def __init__(self, files: list[str] | None = None, gaps: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.files = files or ["data/corpus.txt"]
        if gaps < 0:
            raise ValueError(f"gaps is {gaps}: expected 0 or more pairs a line")
        self.gaps = gaps

    def read(self, split: Split) -> list[Passage]:
        """See `SplitData.read`.

        The lines of all files are counted through, without empty ones: 99, 199 and so on are for
        validation, 100, 200 and so on for tests.

        Raises:
            FileNotFoundError: if a file is not there.
            ValueError: if a file is empty or not UTF-8, or has too few lines.
        """
        lines = [line for file in self.files for line in lines_of(Path(file)) if line.strip()]
        if len(lines) < 100:
            raise ValueError(f"{self.files} have {len(lines)} lines: give 100 or more, to split")
        part = {98: "valid", 99: "test"}
        lines = [line for i, line in enumerate(lines) if part.get(i % 100, "train") == split]
        return self._paired(map(Passage, lines))

    def examples(self, split: Split) -> list[Passage]:
        """See `SplitData.examples`; lines of one's own file become pairs, too."""
        return self._paired(self.own[split]) if self.file else self.read(split)

    def _paired(self, passages: Iterable[Passage]) -> list[Passage]:
        if not self.gaps:
            return list(passages)
        return [pair for passage in passages for pair in gap_pairs(passage.source, self.gaps)]


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text file; a passage may hold separators such as U+2028."""
    return read_text(path).replace("\r\n", "\n").split("\n")


def word_numbers(pieces: list[str], words: frozenset[str]) -> list[int]:
    """Number the words that a sequence's tokens are part of, from 0; -1 for special tokens.

    Args:
        pieces: the tokens of a sequence, empty strings for special ones.
        words: the longest that fits is taken, from left to right; a token that begins none is a
            word by itself, with the `##` tokens after it.

    Example:
        >>> word_numbers(["", "明", "月", "光", "q", "##x", ""], frozenset({"明月"}))
        [-1, 0, 0, 1, 2, 2, -1]
    """
    numbers: list[int] = []
    longest = max(map(len, words), default=0)
    word = 0
    while (start := len(numbers)) < len(pieces):
        if pieces[start]:
            numbers += [word] * (_end_of_word(pieces, start, words, longest) - start)
            word += 1
        else:
            numbers.append(-1)
    return numbers


def _end_of_word(pieces: list[str], start: int, words: frozenset[str], longest: int) -> int:
    end, text = start + 1, ""
    for at in range(start, len(pieces)):
        text += pieces[at].removeprefix("##")
        if not pieces[at] or len(text) > longest:
            break
        if text in words:
            end = at + 1
    while end < len(pieces) and pieces[end].startswith("##"):
        end += 1
    return end
