"""Texts to token ids and back by the `tokenizers` library: BERT's WordPiece, XLM-R's unigram."""

import base64
import json
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import tokenizers
import torch
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from zoo.data.text import frequent
from zoo.errors import require_whole
from zoo.layers.texts import require_texts
from zoo.masks.chinese import has_han, is_chinese_piece, occurs_in_chinese

ROLES = {
    "padding": ("[PAD]", "<pad>"),
    "unknown": ("[UNK]", "<unk>"),
    "start": ("[CLS]", "<s>"),
    "end": ("[SEP]", "</s>"),
    "mask": ("[MASK]", "<mask>"),
}
# of BERT: what a tokenizer_config.json calls it, and what a tokenizer.json does
NORMALISER = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}

MOST_GROWTH = 256  # of a text when it is normalised; a ligature of Arabic is 33 bytes in full
LONGEST_WORD = 1000  # characters; BERT's is 100
SIZES = ("max_length", "max_target")  # what a checkpoint keeps beside the definition
WHOLE = 1 << 30  # more tokens than a text has


class Tokenizer:
    """Turn texts into token ids between a start and an end token, and ids into texts.

    Args:
        definition: what a `tokenizer.json` holds, as text.
        max_length: most tokens of a sequence, start and end included; what is longer is cut at
            its end. Default 512.
        max_target: most tokens of the second text of a pair and its end; default 64.

    Attributes:
        padding: the id of padding; `unknown`, `start`, `end` and `mask` likewise.

    Raises:
        ValueError: if the definition is none, has no token for one of these five, leaves out an
            id, or makes a text far longer.
    """

    padding: int
    unknown: int
    start: int
    end: int
    mask: int

    def __init__(self, definition: str, max_length: int = 512, max_target: int = 64) -> None:
        try:
            self._model = tokenizers.Tokenizer.from_str(definition)
        except Exception as error:  # the library raises bare ones
            raise ValueError(f"this is no tokenizer.json: {error}") from error
        self.max_length = require_whole("max_length", max_length, 3)  # one token, start and end
        self.max_target = require_whole("max_target", max_target)
        self._model.no_truncation()
        self._model.no_padding()
        self._wordpiece = isinstance(self._model.model, tokenizers.models.WordPiece)
        _require_bounded(self._model)
        ids = sorted(self._model.get_vocab().values())
        if holes := [place for place, own in enumerate(ids) if own != place]:
            raise ValueError(
                f"the ids of the vocabulary leave out {holes[0]} or have an id twice: number the "
                "tokens from 0 on, each once"
            )
        self._count = len(ids)
        for role, names in ROLES.items():
            found = [i for name in names if (i := self._model.token_to_id(name)) is not None]
            if not found:
                raise ValueError(f"the vocabulary has no {role} token, {' or '.join(names)}")
            setattr(self, role, found[0])

    @classmethod
    def from_folder(cls, folder: str | Path, max_length: int = 512) -> "Tokenizer":
        """Read `tokenizer.json`, or else BERT's `vocab.txt`, of a folder.

        Args:
            folder: as `transformers` writes it. What its `tokenizer_config.json` says of case,
                accents and Chinese characters holds for both files.
            max_length: as of the class.

        Raises:
            FileNotFoundError: if there is neither.
            ValueError: if the file is malformed.
        """
        folder = Path(folder)
        settings = _read_settings(folder / "tokenizer_config.json")
        if (folder / "tokenizer.json").is_file():
            definition = (folder / "tokenizer.json").read_text("utf-8")
        elif (folder / "vocab.txt").is_file():
            definition = BertWordPieceTokenizer(str(folder / "vocab.txt")).to_str()
        else:
            raise FileNotFoundError(
                f"{folder} has neither tokenizer.json nor vocab.txt: save the tokenizer there "
                "(AutoTokenizer.from_pretrained(...).save_pretrained(folder))"
            )
        return cls(_normalised(definition, settings), max_length)

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], min_count: int, max_length: int, **sizes: int
    ) -> "Tokenizer":
        """Make a tokenizer whose tokens are characters, by BERT's rules.

        Args:
            texts: what it is to encode.
            min_count: how often a character of the vocabulary occurs in them.
            max_length: as of the class.
            **sizes: `max_target` of the class.
        """
        characters = [c for c in frequent(texts, min_count) if not c.isspace()]
        inside = [f"##{c}" for c in characters if _stands_in_words(c)]
        tokens = [names[0] for names in ROLES.values()] + characters + inside
        ids = {token: i for i, token in enumerate(tokens)}
        made = BertWordPieceTokenizer(ids, lowercase=False, strip_accents=False)
        return cls(made.to_str(), max_length, **sizes)

    def __len__(self) -> int:
        """Count the ids."""
        return self._count

    @property
    def tokens(self) -> list[str]:
        """The vocabulary, in the order of the ids."""
        vocabulary = self._model.get_vocab()
        return sorted(vocabulary, key=vocabulary.__getitem__)

    @property
    def special(self) -> set[int]:
        """The ids of padding, unknown, start, end and mask."""
        return {getattr(self, role) for role in ROLES}

    @cached_property
    def is_chinese(self) -> bool:
        """Whether most of the vocabulary is Chinese."""
        return 2 * sum(map(has_han, self.tokens)) > len(self)

    def reads(self, text: str) -> bool:
        """Say whether a text has words, and, if the vocabulary is Chinese, a Chinese character."""
        return has_han(text) if self.is_chinese else any(map(str.isalnum, text))

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        """Return the ids of a text between start and end; an empty text has just these two.

        Args:
            text: any text.
            max_length: most tokens, at least 2; default the tokenizer's.
        """
        most = self.max_length if max_length is None else require_whole("max_length", max_length, 2)
        ids = self._model.encode(text, add_special_tokens=False).ids
        return [self.start, *ids[: most - 2], self.end]

    def encode_end(self, text: str) -> list[int]:
        """Return the ids of a text that others come before, uncut.

        It is `encode` without the blank that unigram pieces begin a text with; what is left of the
        first piece is cut into pieces again.

        Args:
            text: any text.
        """
        start, first, *others = self.encode(text, WHOLE)
        piece = self._model.id_to_token(first) or ""
        if self._wordpiece or not piece.startswith("▁"):
            return [start, first, *others]
        bare = self._model.model.tokenize(piece.removeprefix("▁"))
        return [start, *(token.id for token in bare), *others]

    def encode_words(
        self, words: Sequence[str], max_length: int | None = None
    ) -> tuple[list[int], list[int | None]]:
        """Return the ids of a sentence whose words are given, and where each word begins.

        Args:
            words: of a sentence.
            max_length: as of `encode`.

        Returns:
            The ids between start and end; and for each id, the number of the word whose first token
            it is, None for other tokens. A word that has no token, such as a blank, gets [UNK].
        """
        ids, firsts = [self.start], [None]
        for number, word in enumerate(words):
            own = self._model.encode(word, add_special_tokens=False).ids or [self.unknown]
            ids += own
            firsts += [number, *[None] * (len(own) - 1)]
        kept = (self.max_length if max_length is None else max_length) - 1
        return [*ids[:kept], self.end], [*firsts[:kept], None]

    def pair(
        self, source: str, target: str, max_target: int | None = None
    ) -> tuple[list[int], list[int]]:
        """Return ids and segment ids of start, source, end, target, end.

        Args:
            source: segment 0; cut so that the target has room.
            target: segment 1; cut so that one token of the source has room.
            max_target: most tokens of the target and its end; default the tokenizer's.

        Raises:
            ValueError: if `max_target` is below 1, or the tokenizer's `max_length` below 5.
        """
        most = self.max_target if max_target is None else require_whole("max_target", max_target)
        room = require_whole("max_length", self.max_length, 5) - 3
        after = self.encode(target, min(most, room) + 1)[1:]
        before = self.encode(source, self.max_length - len(after))
        return before + after, [0] * len(before) + [1] * len(after)

    def __call__(self, texts: list[str]) -> Tensor:
        """Return int64 (batch, time), each row padded at its end.

        Raises:
            TypeError: if `texts` is a single string, which would be read as a list of characters.
        """
        require_texts(texts)
        return pad(map(self.encode, texts), self.padding)

    def pairs(
        self, sources: list[str], targets: list[str], max_target: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the ids and the segment ids of pairs, int64 (batch, time), padded at the ends.

        Args:
            sources: the first text of each pair.
            targets: the second.
            max_target: as of `pair`.
        """
        both = [self.pair(*texts, max_target) for texts in zip(sources, targets, strict=True)]
        ids, segments = zip(*both, strict=True)
        return pad(ids, self.padding), pad(segments, 0)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of some ids, without special tokens; blanks stand between words only."""
        special = self.special
        pieces = [self._model.id_to_token(i) or "" for i in ids if i not in special]
        if not self._wordpiece:
            return "".join(pieces).replace("▁", " ").strip()
        text = "".join(
            piece.removeprefix("##")
            if piece.startswith("##") or not _are_words(last, piece)
            else f" {piece}"
            for last, piece in pairwise(["", *pieces])
        )
        return text.strip()

    def trim(self, keep: Literal["zh"] | Collection[str]) -> tuple["Tokenizer", list[int]]:
        """Leave out tokens of the vocabulary.

        Args:
            keep: the tokens to keep; or `zh`: those that Chinese text with some ASCII needs. Of
                WordPiece these are all but pieces within which a Chinese character or a sign
                stands, which can never occur (the rule of bert4keras); of unigram pieces those of
                Chinese characters, signs and digits, and single ASCII characters. The special
                tokens are always kept.

        Returns:
            The smaller tokenizer, and for each of its ids the id it had.

        Raises:
            ValueError: if a token to keep is not in the vocabulary, or `keep` is another string.
        """
        tokens = self.tokens
        if keep == "zh":
            wanted = occurs_in_chinese if self._wordpiece else is_chinese_piece
        elif isinstance(keep, str):
            raise ValueError(f"keep_tokens is {keep!r}: expected 'zh', or a list of tokens")
        else:
            if strangers := sorted(set(keep) - set(tokens)):
                raise ValueError(
                    f"{strangers[0]!r} and {len(strangers) - 1} more of keep_tokens are not in the "
                    "vocabulary: name tokens as `Tokenizer.tokens` has them"
                )
            wanted = set(keep).__contains__
        rows = [i for i, token in enumerate(tokens) if i in self.special or wanted(token)]
        definition = self._definition([tokens[i] for i in rows])
        return Tokenizer(definition, self.max_length, self.max_target), rows

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that `from_dict` reads back."""
        return {"definition": json.loads(self._model.to_str())} | {
            name: getattr(self, name) for name in SIZES
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Tokenizer":
        """Rebuild a tokenizer from `to_dict`."""
        sizes = {name: state[name] for name in SIZES if name in state}
        return cls(json.dumps(state["definition"]), **sizes)

    def _definition(self, tokens: Sequence[str]) -> str:
        """Return the definition of this tokenizer with another vocabulary, part of its own."""
        state = json.loads(self._model.to_str())
        ids = {token: i for i, token in enumerate(tokens)}
        model = state["model"]
        if self._wordpiece:
            model["vocab"] = ids
        else:
            scores = dict(model["vocab"])
            model["vocab"] = [[token, scores.get(token, 0.0)] for token in tokens]
            model["unk_id"] = ids[self.tokens[self.unknown]]
        state["added_tokens"] = [
            token | {"id": ids[token["content"]]}
            for token in state["added_tokens"]
            if token["content"] in ids
        ]
        state["post_processor"] = None  # it names ids; `encode` adds start and end itself
        return json.dumps(state)


def _require_bounded(model: tokenizers.Tokenizer) -> None:
    """Refuse what takes memory or time without bound: thirty rules that each double a text do.

    Raises:
        ValueError: if the normaliser could make a text far longer, or a word may be so long that
            WordPiece, cubic in it, does not end.
    """
    rules = _rules(json.loads(model.normalizer.__getstate__())) if model.normalizer else ()
    growth = math.prod(map(_growth, rules))
    if growth > MOST_GROWTH:
        raise ValueError(
            f"the normalizer makes a text up to {growth:.3g} times as long: expected at most "
            f"{MOST_GROWTH}"
        )
    longest = getattr(model.model, "max_input_chars_per_word", 0)
    if longest > LONGEST_WORD:
        raise ValueError(f"max_input_chars_per_word is {longest}: expected at most {LONGEST_WORD}")


def _rules(normalizer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rules of a normaliser, which may be a sequence of others."""
    yield normalizer
    for part in normalizer.get("normalizers", ()):
        yield from _rules(part)


def _growth(rule: dict[str, Any]) -> float:
    """Return how many times as long a rule may make a text, if others come before it."""
    kind = rule["type"]
    if kind == "Replace":  # a pattern may match between any two characters
        return 1.0 + len(rule["content"])
    if kind == "Precompiled":  # the length of a trie, the trie, and strings that end by 0
        table = base64.b64decode(rule["precompiled_charsmap"])
        strings = table[4 + int.from_bytes(table[:4], "little") :].split(b"\0")
        return 1.0 + max(map(len, strings))
    return 4.0 if kind == "ByteLevel" else 1.0


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} holds {settings!r:.80}: expected the settings of a tokenizer")
    return settings


def _normalised(definition: str, settings: dict[str, Any]) -> str:
    """Return the definition of a tokenizer with the settings of BERT's normaliser put in."""
    try:
        state = json.loads(definition)
        normalizer = state.get("normalizer") or {}
        kind = normalizer.get("type")
    except (ValueError, AttributeError, RecursionError):
        return definition  # which the library refuses in its own words
    if kind == "BertNormalizer":
        normalizer |= {own: settings[name] for name, own in NORMALISER.items() if name in settings}
    return json.dumps(state)


def _stands_in_words(character: str) -> bool:
    """Say whether BERT's rules leave a character where it stands, within a word."""
    text = f"a{character}a"
    normal = tokenizers.normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    parts = tokenizers.pre_tokenizers.BertPreTokenizer().pre_tokenize_str(
        normal.normalize_str(text)
    )
    return [part for part, _ in parts] == [text]


def pad(rows: Iterable[list[int]], value: int) -> Tensor:
    """Return int64 (batch, time): rows side by side, filled with a value at their ends."""
    return pad_sequence([torch.tensor(row) for row in rows], True, value)


def _are_words(one: str, two: str) -> bool:
    """Say whether a blank belongs between two tokens."""
    return bool(one and two) and all(c.isascii() and c.isalnum() for c in (one[-1], two[0]))
