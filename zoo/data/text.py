"""Texts: how they are read from files, and cut into characters that have ids."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.errors import require_whole
from zoo.layers.texts import require_texts

PADDING, UNKNOWN = "[PAD]", "[UNK]"


class Passage(NamedTuple):
    """A text, and what comes after it.

    Attributes:
        source: the text.
        target: what follows the text, or is to be written after it, such as its title; default
            nothing.
    """

    source: str
    target: str = ""


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Read a text file, without the byte order mark that it may have.

    Args:
        path: the file.
        encoding: such as `gb18030`; default UTF-8.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is empty or not of that encoding, with the byte's offset; or if there is
            no such encoding.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: check its name and its folder")
    try:
        text = path.read_bytes().decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not {encoding.upper()} (byte {error.start}): convert it, e.g. with iconv "
            "-t UTF-8, or name its encoding where there is an option (--data.encoding gb18030)"
        ) from None
    except LookupError:
        raise ValueError(f"encoding is {encoding!r}: expected one such as utf-8, gb18030") from None
    if not text.strip():
        raise ValueError(f"{path} is empty: expected lines of text")
    return text


def frequent(texts: Iterable[Iterable[str]], min_count: int) -> list[str]:
    """Return the characters, or other parts, that occur at least `min_count` times, sorted."""
    count: Counter[str] = Counter()
    for text in texts:
        count.update(text)
    return sorted(part for part, n in count.items() if n >= min_count)


def require_tokens(vocabulary: Iterable[str]) -> list[str]:
    """Return a vocabulary as a list.

    Raises:
        ValueError: if one is no string, with which no text could be written.
    """
    tokens = list(vocabulary)
    if odd := [token for token in tokens if not isinstance(token, str)]:
        raise ValueError(f"the vocabulary has {odd[0]!r:.40}: expected strings")
    return tokens


class CharacterTokenizer:
    """Turn texts into padded batches of character ids.

    Id 0 is padding, id 1 stands for every character outside the vocabulary.

    Args:
        vocabulary: the characters, from id 2 on; each once.
        max_length: longest sequence; of a longer text the first and the last half of as many
            characters are kept, since reviews and abstracts conclude at their ends.

    Raises:
        ValueError: if a character occurs twice or is no string, or `max_length` is not positive.
    """

    def __init__(self, vocabulary: Iterable[str], max_length: int = 192) -> None:
        self.vocabulary = require_tokens(vocabulary)
        self.max_length = require_whole("max_length", max_length)
        self._ids = {token: i for i, token in enumerate([PADDING, UNKNOWN, *self.vocabulary])}
        if len(self._ids) != len(self):
            raise ValueError("the vocabulary has a character twice: list each once")

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], min_count: int = 2, max_length: int = 192
    ) -> "CharacterTokenizer":
        """Build a vocabulary of the characters that occur at least `min_count` times, sorted."""
        return cls(frequent(texts, min_count), max_length)

    def __len__(self) -> int:
        """Count the ids, padding and unknown included."""
        return len(self.vocabulary) + 2

    def encode(self, text: str) -> list[int]:
        """Return the ids of one text; an empty text is one unknown token."""
        if len(text) > self.max_length:
            head, tail = self.max_length - self.max_length // 2, self.max_length // 2
            text = text[:head] + text[len(text) - tail :]
        return [self._ids.get(character, 1) for character in text] or [1]

    def __call__(self, texts: list[str]) -> Tensor:
        """Return int64 (batch, time), each row padded at its end with 0.

        Raises:
            TypeError: if `texts` is a single string, which would be read as a list of characters.
        """
        require_texts(texts)
        rows = [torch.tensor(self.encode(text)) for text in texts]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that `from_dict` reads back."""
        return {"vocabulary": self.vocabulary, "max_length": self.max_length}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "CharacterTokenizer":
        """Rebuild a tokenizer from `to_dict`."""
        return cls(**state)
