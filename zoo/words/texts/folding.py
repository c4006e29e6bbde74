"""Text to integer codes: which characters count, and how they are folded together.

A character is kept, folded to another one (digits to a class, full-width forms to half-width
ones) or a *break*: no n-gram and no word spans a break, and runs of breaks are one break.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Literal

import numpy as np

from zoo.words.kernels.folding import (
    BREAK,
    CODE_POINTS,
    DIGIT,
    UNSEEN,
    fold,
    look_up,
    present_in,
    unseen,
)

SPACE = ord(" ")
JOINERS = "\u200c\u200d"  # zero width, between letters of Persian and of Indian scripts
KANA_MARKS = "\u3099\u309a"  # voiced and semi-voiced, of decomposed kana
CONTINUATIONS = frozenset("ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶー々ゝゞヽヾ゛゜")
LARGEST_ALPHABET = 0xFFFF  # four 16-bit codes to a 64-bit key

Characters = Literal["unspaced", "letters", "post", "post+space"]


class Folding:
    """Maps code points to code points, one table look-up each.

    Args:
        characters: `"unspaced"` keeps the letters of scripts without case (Han, kana, Hangul,
            Thai, ...), with the marks that belong to them, and makes every number one symbol;
            `"letters"` keeps whatever `str.isalnum` keeps, and marks; `"post"` keeps
            `[一-龥0-9a-zA-Z]` (kexue.fm/archives/6920); `"post+space"` keeps the space as well.
        half_width: fold full-width forms (`１`, `Ａ`) to half-width ones first.

    Raises:
        ValueError: if `characters` is none of these.
    """

    def __init__(self, characters: Characters = "unspaced", *, half_width: bool = False) -> None:
        if characters not in ("unspaced", "letters", "post", "post+space"):
            raise ValueError(
                f"characters={characters!r}: expected 'unspaced', 'letters', 'post' or 'post+space'"
            )
        self.characters = characters
        self.half_width = half_width
        self.numbers_are_one = characters == "unspaced"
        self._table = np.full(CODE_POINTS, UNSEEN, np.uint32)

    def __call__(self, text: str) -> np.ndarray:
        """Return the folded code points of `text`: uint32 (length,), 0 at breaks."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        self._learn(points)
        return fold(points, self._table, self.numbers_are_one)

    def fold(self, character: str) -> int:
        """Return the code point that stands for `character`, or 0 if it is a break."""
        if self.half_width:
            character = half_width(character)
        if self.characters.startswith("post"):
            kept = "一" <= character <= "龥" or (character.isascii() and character.isalnum())
            kept = kept or (character == " " and self.characters == "post+space")
            return ord(character) if kept else BREAK
        if not (character.isalnum() or is_mark(character)):
            return BREAK
        if self.characters == "letters":
            return ord(character)
        if character.isdecimal():
            return DIGIT
        cased = character.lower() != character.upper() or is_common_mark(character)
        return BREAK if cased else ord(character)

    def _learn(self, points: np.ndarray) -> None:
        for point in unseen(points, self._table):
            self._table[point] = self.fold(chr(int(point)))


def alphabet_of(points: np.ndarray) -> np.ndarray:
    """Return the distinct code points of folded text, sorted: uint32 (alphabet,).

    Raises:
        ValueError: if there are more than 65,535 of them.
    """
    alphabet = np.flatnonzero(present_in(points)).astype(np.uint32)
    if alphabet.size > LARGEST_ALPHABET:
        raise ValueError(
            f"the text uses {alphabet.size:,} distinct characters, but codes have 16 bits "
            f"(65,535 characters): choose narrower characters= or clean the text"
        )
    return alphabet


def encode(points: np.ndarray, alphabet: np.ndarray) -> np.ndarray:
    """Return the codes of folded text: uint16 (length,), 0 at breaks, else 1 + alphabet index."""
    table = np.zeros(CODE_POINTS, np.uint16)
    table[alphabet] = np.arange(1, alphabet.size + 1, dtype=np.uint16)
    return look_up(table, points)


def translation(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the table from codes of alphabet `old` to codes of a larger alphabet `new`."""
    return np.append(0, np.searchsorted(new, old) + 1).astype(np.uint16)


@functools.cache
def is_mark(character: str) -> bool:
    """Say whether a character belongs to the letter before it: vowel and tone signs, accents."""
    return unicodedata.category(character)[0] == "M" or character in JOINERS


def is_common_mark(character: str) -> bool:
    """Say whether a character is an accent of scripts with case (Combining Diacritical Marks)."""
    if not is_mark(character) or character in KANA_MARKS:
        return False
    return unicodedata.name(character, "").startswith("COMBINING ")


def begins_no_word(character: str) -> bool:
    """Say whether no word begins with a character: marks, small kana, long and repeated sounds."""
    return character in CONTINUATIONS or is_mark(character)


def half_width(character: str) -> str:
    """Return the half-width form of a full-width character (U+FF01 to U+FF5E, U+3000)."""
    point = ord(character)
    if point == 0x3000:
        return " "
    return chr(point - 0xFEE0) if 0xFF01 <= point <= 0xFF5E else character
