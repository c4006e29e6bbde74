"""What characters are: marks that belong to a letter, and those that begin no word."""

from __future__ import annotations

import functools
import unicodedata

JOINERS = "\u200c\u200d"  # zero width, between letters of Persian and of Indian scripts
KANA_MARKS = "\u3099\u309a"  # voiced and semi-voiced, of decomposed kana
CONTINUATIONS = frozenset("ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶー々ゝゞヽヾ゛゜")


@functools.cache
def is_mark(character: str) -> bool:
    """Say whether a character belongs to the letter before it: vowel and tone signs, accents."""
    return unicodedata.category(character)[0] == "M" or character in JOINERS


def is_common_mark(character: str) -> bool:
    """Say whether a character is an accent of scripts with case (Combining Diacritical Marks)."""
    return unicodedata.name(character, "").startswith("COMBINING ") and character not in KANA_MARKS


def begins_no_word(character: str) -> bool:
    """Say whether no word begins with a character: marks, small kana, long and repeated sounds."""
    return character in CONTINUATIONS or is_mark(character)


def half_width(character: str) -> str:
    """Return the half-width form of a full-width character (U+FF01 to U+FF5E, U+3000)."""
    point = ord(character)
    if point == 0x3000:
        return " "
    return chr(point - 0xFEE0) if 0xFF01 <= point <= 0xFF5E else character
