"""Texts to token ids and back: characters or words, with a begin and an end."""

from collections.abc import Iterable
from typing import Any, Literal

from zoo.data.text import frequent, require_tokens

Unit = Literal["character", "word"]

PADDING, UNKNOWN, BEGIN, END = range(4)
NAMES = ("[PAD]", "[UNK]", "[BOS]", "[EOS]")


class Tokenizer:
    """Characters, or words between spaces, as token ids from 4 on.

    Args:
        vocabulary: the characters or words, each once.
        unit: `character` (default) or `word`.

    Raises:
        ValueError: if the vocabulary names a token twice or the unit is unknown.

    Example:
        >>> tokenizer = Tokenizer("白山日")
        >>> tokenizer.encode("白日依山")
        [4, 6, 1, 5]
        >>> tokenizer.decode([4, 6, END, 5])
        '白日'
    """

    def __init__(self, vocabulary: Iterable[str], unit: Unit = "character") -> None:
        if unit not in ("character", "word"):
            raise ValueError(f"unit is {unit!r}: expected character or word")
        self.unit: Unit = unit
        self.tokens = [*NAMES, *require_tokens(vocabulary)]
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            raise ValueError("the vocabulary has a token twice: list each once")

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], unit: Unit = "character", min_count: int = 5
    ) -> "Tokenizer":
        """Build a vocabulary of what occurs at least `min_count` times, sorted."""
        parts = frequent((text.split() if unit == "word" else text for text in texts), min_count)
        return cls((part for part in parts if part not in NAMES), unit)  # some corpora have such

    def __len__(self) -> int:
        """Count the ids, the four special ones included."""
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without begin and end."""
        parts = text.split() if self.unit == "word" else text
        return [self._ids.get(part, UNKNOWN) for part in parts]

    def prompt(self, text: str) -> list[int]:
        """Return the ids of a text that a model is to continue: with the begin."""
        return [BEGIN, *self.encode(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids up to the first end; padding and begin are left out."""
        words = []
        for i in map(int, ids):
            if i == END:
                break
            if i not in (PADDING, BEGIN):
                words.append("□" if i == UNKNOWN else self.tokens[i])
        return (" " if self.unit == "word" else "").join(words)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that `from_dict` reads back."""
        return {"vocabulary": self.tokens[len(NAMES) :], "unit": self.unit}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Tokenizer":
        """Rebuild a tokenizer from `to_dict`."""
        return cls(**state)
