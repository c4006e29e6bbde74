"""Texts and pairs of texts as batches: titles of papers, poems, any file of lines."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer
from torch.nn.utils.rnn import pad_sequence

from zoo.data.labelled import read_text
from zoo.data.poems import Split, load_poems
from zoo.data.splits import SplitData
from zoo.masks.objectives import Batch
from zoo.masks.tokenizer import ROLES, Tokenizer

BREAK = r"([，。；：！？,;:!?\t]|\.(?![0-9A-Za-z]))"  # between clauses; no point of a number


class Passage(NamedTuple):
    """A text, and what is to be written after it.

    Attributes:
        source: the text.
        target: such as its title; default nothing.
    """

    source: str
    target: str = ""


class MaskedText(SplitData[Passage]):
    """Batches for any objective from three lists of passages.

    Args:
        max_length: most tokens of a passage, start and ends included; a longer source is cut at
            its end. Default 192.
        max_target: most tokens of a target and its end; default 32.
        min_count: how often a character of a new vocabulary occurs in training; default 2.
        words: a file of words, one a line (what follows a TAB is left out, so that it may come
            from `zoo words`); masking then hides the longest of them that fit, from left to
            right. Default: a token is a word, with the `##` tokens after it.
        options: those of `SplitData`; without `preprocess` the tokens are the characters of the
            training passages.
    """

    def __init__(
        self,
        max_length: int = 192,
        max_target: int = 32,
        min_count: int = 2,
        words: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.max_length, self.max_target = max_length, max_target
        self.min_count, self._words = min_count, words

    @cached_property
    def preprocess(self) -> Tokenizer:
        """The tokenizer."""
        if self.saved:
            return Tokenizer.from_dict(self.saved | {"max_length": self.max_length})
        texts = ("".join(passage) for passage in self.train)
        return character_tokenizer(texts, self.min_count, self.max_length)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that masking hides as a whole."""
        if self._words is None:
            return frozenset()
        lines = read_text(Path(self._words)).splitlines()
        return frozenset(line.partition("\t")[0] for line in lines)

    @cached_property
    def _pieces(self) -> list[str]:
        """What each id stands for in a text; empty for special tokens."""
        special = self.preprocess.special
        tokens = enumerate(self.preprocess.tokens)
        return ["" if i in special else token.removeprefix("▁") or "▁" for i, token in tokens]

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self.preprocess)

    @property
    def padding(self) -> int:
        """The id of padding."""
        return self.preprocess.padding

    def length(self, example: Passage) -> int:
        """See `SplitData.length`."""
        return len(self.encode(example)[0])

    def encode(self, passage: Passage) -> tuple[list[int], list[int]]:
        """Return the ids of the tokens and of their segments."""
        if passage.target:
            return self.preprocess.pair(*passage, max_target=self.max_target)
        ids = self.preprocess.encode(passage.source)
        return ids, [0] * len(ids)

    def collate(self, examples: list[Passage]) -> Batch:
        """Encode a batch; see `Batch`."""
        tokens, segments = zip(*map(self.encode, examples), strict=True)
        words = [word_numbers([self._pieces[i] for i in ids], self.words) for ids in tokens]
        token_ids = _pad(tokens, self.preprocess.padding)
        lengths = torch.tensor([len(ids) for ids in tokens])
        return Batch(
            token_ids=token_ids,
            segment_ids=_pad(segments, 0),
            valid=torch.arange(token_ids.shape[1]) < lengths[:, None],
            word_ids=_pad(words, -1),
            mask_id=self.preprocess.mask,
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
        unseen_only: leave out of the test what also occurs in training: 76 of its abstracts do;
            default false, as in the tables.
        options: those of `MaskedText`.
    """

    def __init__(
        self,
        root: str = "data/title_csl",
        held_out: int = 500,
        unseen_only: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.root, self.valid_pairs, self.unseen_only = root, held_out, unseen_only

    @property
    def title(self) -> str:
        """See `SplitData.title`."""
        return "CSL titles" + (", unseen abstracts" if self.unseen_only else "")

    def read(self, split: Split) -> list[Passage]:
        """See `SplitData.read`.

        Raises:
            FileNotFoundError: if the files are not there.
            ValueError: if a line is no pair, or no training pair is left.
        """
        if split == "test":
            pairs = read_pairs(Path(self.root) / "val.tsv")
            seen = {passage.source for passage in self.train} if self.unseen_only else set()
            return [pair for pair in pairs if pair.source not in seen]
        pairs = read_pairs(Path(self.root) / "train.tsv")
        if not 0 < self.valid_pairs < len(pairs):
            raise ValueError(
                f"held_out is {self.valid_pairs} of {len(pairs)} training pairs: leave some of both"
            )
        return pairs[: -self.valid_pairs] if split == "train" else pairs[-self.valid_pairs :]


class Poems(MaskedText):
    """Regulated poems of Tang and Song as plain texts, a character a token.

    Args:
        path: a file made by `zoo/data/samples/make_poems.py`; default: the embedded 10,000 poems.
        options: those of `MaskedText`.
    """

    def __init__(self, path: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    @property
    def title(self) -> str:
        """See `SplitData.title`."""
        return f"Poems as text, {Path(self.path).name if self.path else 'embedded sample'}"

    def read(self, split: Split) -> list[Passage]:
        """See `SplitData.read`."""
        return [Passage(poem.text) for poem in load_poems(self.path, split)]


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
        """See `SplitData.read`; lines 99, 199, ... of a file are for validation, 100, 200 tests.

        Raises:
            FileNotFoundError: if a file is not there.
            ValueError: if a file is empty or not UTF-8, or has too few lines.
        """
        lines = [
            line
            for file in self.files
            for line in read_text(Path(file)).splitlines()
            if line.strip()
        ]
        if len(lines) < 100:
            raise ValueError(f"{self.files} have {len(lines)} lines: give 100 or more, to split")
        part = {98: "valid", 99: "test"}
        lines = [line for i, line in enumerate(lines) if part.get(i % 100, "train") == split]
        if not self.gaps:
            return [Passage(line) for line in lines]
        return [pair for line in lines for pair in gap_pairs(line, self.gaps)]


def gap_pairs(text: str, count: int) -> list[Passage]:
    """Return pairs of a text and one of its clauses, those that are most like the rest of it.

    A summary that costs no labels: gap sentences, chosen one by one by the F1 of ROUGE-1 with the
    rest (PEGASUS: Zhang et al., arXiv 1912.08777, section 3.1.1), here clauses of 6 to 40
    characters, as long as titles are. The best stays in its source, the next is taken out of it,
    and so on in turn: to find and copy what matters, and to say what is not there.

    Args:
        text: of any length.
        count: most pairs.

    Returns:
        The pairs, the likest clause first; the text alone, without a target, if it has no clause
        of such a length beside a longer rest.
    """
    found, start = [], 0  # likeness, start, end, clause
    for part in re.split(BREAK, text):
        end, clause = start + len(part), part.strip()
        if 6 <= len(clause) <= 40 and len(text) - len(part) > len(clause):
            ours, theirs = set(clause), set(text[:start]) | set(text[end:])
            likeness = 2 * len(ours & theirs) / (len(ours) + len(theirs))
            found.append((likeness, start, end, clause))
        start = end
    found.sort(key=lambda clause: -clause[0])
    pairs = [
        Passage(text[:start] + text[end:] if i % 2 else text, clause)
        for i, (_, start, end, clause) in enumerate(found[:count])
    ]
    return pairs or [Passage(text)]


def read_pairs(path: Path) -> list[Passage]:
    """Read lines of title TAB abstract.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is empty or not UTF-8, or a line has no title or no abstract.
    """
    pairs = []
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        title, _, abstract = line.rstrip("\r").partition("\t")
        if not title or not abstract:
            raise ValueError(f"{path}, line {number}: expected a title, a TAB and an abstract")
        pairs.append(Passage(abstract, title))
    return pairs


def character_tokenizer(texts: Iterable[str], min_count: int, max_length: int) -> Tokenizer:
    """Make a tokenizer whose tokens are characters, by BERT's rules.

    Args:
        texts: what it is to encode.
        min_count: how often a character of the vocabulary occurs in them.
        max_length: as of `Tokenizer`.
    """
    count: Counter[str] = Counter()
    for text in texts:
        count.update(text)
    characters = sorted(c for c, n in count.items() if n >= min_count and not c.isspace())
    alphabet = [c for c in characters if c.isascii() and c.isalnum()]
    tokens = [names[0] for names in ROLES.values()] + characters + [f"##{c}" for c in alphabet]
    ids = {token: i for i, token in enumerate(tokens)}
    made = BertWordPieceTokenizer(ids, lowercase=False, strip_accents=False)
    return Tokenizer(made.to_str(), max_length)


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


def _pad(rows: Iterable[list[int]], value: int) -> torch.Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], True, value)
