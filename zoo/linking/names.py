"""Names as they are compared: lower case, full width folded, with the offsets of the given text."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FULL_WIDTH = range(0xFF01, 0xFF5F)  # ！ to ～, which are ASCII 0xFEE0 further up
IDEOGRAPHIC_SPACE = 0x3000
_AROUND_NAMES = re.compile(r"^[\s《》]+|[\s《》]+$")
LAST_LETTER_OF_WORDS = 0x058F  # Latin, Greek, Cyrillic, Armenian: scripts that write word by word


class _Folding(dict[int, str]):
    """A table for `str.translate`, filled one character at a time, independent of its neighbours.

    `str.lower` of a whole text would write a Greek sigma by its place in the word, so that a name
    and its occurrence might differ.
    """

    def __missing__(self, code: int) -> str:
        plain = code
        if code in FULL_WIDTH:
            plain = code - 0xFEE0
        elif code == IDEOGRAPHIC_SPACE:
            plain = ord(" ")
        self[code] = chr(plain).lower()
        return self[code]


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return a text in lower case, with full-width ASCII and spaces made narrow.

    The result may be longer than the text: a capital İ becomes two characters. Folding twice
    changes nothing.

    Example:
        >>> fold("ＡＩ　Ｌａｂ")
        'ai lab'
    """
    return text.translate(_FOLDING)


def fold_name(name: str) -> str:
    """Fold a name; the marks of a title around it, 《》, and blanks at its ends are left out.

    Example:
        >>> fold_name("《紅樓夢》")
        '紅樓夢'
    """
    return _AROUND_NAMES.sub("", fold(name))


@dataclass(frozen=True)
class Folded:
    """A folded text that knows where its characters stood.

    Attributes:
        text: the folded text.
        origin: int64 (characters + 1,), the index in the given text of each folded character, and
            at the end the given text's length; None if the two texts have the same offsets.
    """

    text: str
    origin: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, text: str) -> Folded:
        """Fold a text."""
        folded = fold(text)
        if len(folded) == len(text):  # folding never shortens, so each character gave one
            return cls(folded)
        sizes = [len(_FOLDING[ord(character)]) for character in text]
        numbers = np.arange(len(text) + 1, dtype=np.int64)
        return cls(folded, np.repeat(numbers, [*sizes, 1]))

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the offsets in the given text of folded characters `start` to `end`.

        None if the two cut a character of the given text in half.
        """
        if self.origin is None:
            return start, end
        origin = self.origin
        cut = (start > 0 and origin[start - 1] == origin[start]) or origin[end - 1] == origin[end]
        return None if cut else (int(origin[start]), int(origin[end]))


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text, uint32 (characters,); lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def in_words(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Say which characters are letters or digits of a script that writes word by word.

    A name may not begin or end within a run of them: *art* is not found in *party*, but 蘇 is in
    蘇軾.
    """
    low = codes <= LAST_LETTER_OF_WORDS
    return low & _ALPHANUMERIC[np.where(low, codes, 0)]


_ALPHANUMERIC = np.array([chr(code).isalnum() for code in range(LAST_LETTER_OF_WORDS + 1)])
