"""Edits of Chinese text that a reader hardly notices: swapped, dropped and misheard characters."""

import functools
import random
from collections.abc import Callable

Edit = Callable[[str, float, random.Random], str]


def swap(text: str, share: float, draw: random.Random) -> str:
    """Exchange neighbouring characters.

    Args:
        text: the text.
        share: of the characters that begin a pair to exchange, from 0 to 1.
        draw: where the choice comes from.

    Example:
        >>> swap("春眠不觉晓", 0.3, random.Random(0))
        '春眠不晓觉'
    """
    characters = list(text)
    for i in _chosen(len(characters) - 1, share, draw):
        characters[i], characters[i + 1] = characters[i + 1], characters[i]
    return "".join(characters)


def drop(text: str, share: float, draw: random.Random) -> str:
    """Leave characters out, but never all; arguments as of `swap`."""
    gone = set(_chosen(len(text), share, draw)) if len(text) > 1 else set()
    return "".join(c for i, c in enumerate(text) if i not in gone) or text[:1]


def homophone(text: str, share: float, draw: random.Random) -> str:
    """Write characters as others of the same sound and tone; arguments as of `swap`.

    Needs `pypinyin` (`pip install kexue-zoo[pinyin]`).

    Raises:
        ValueError: if it is not installed.
    """
    characters = list(text)
    for i in _chosen(len(characters), share, draw):
        others = [c for c in homophones().get(sound_of(characters[i]), "") if c != characters[i]]
        if others:
            characters[i] = draw.choice(others)
    return "".join(characters)


EDITS: dict[str, Edit] = {"swap": swap, "drop": drop, "homophone": homophone}


def sound_of(character: str) -> str:
    """Return the commonest reading of a character with its tone, such as `ma3`; "" without."""
    found = _pypinyin().pinyin(
        character, style=_pypinyin().Style.TONE3, errors="ignore", neutral_tone_with_five=True
    )
    return found[0][0] if found else ""


@functools.cache
def homophones() -> dict[str, str]:
    """Return the characters of each sound, of the 3,755 of GB 2312's first level."""
    by_sound: dict[str, str] = {}
    for first in range(0xB0, 0xD8):
        for second in range(0xA1, 0xFF):
            try:
                character = bytes((first, second)).decode("gb2312")
            except UnicodeDecodeError:  # the level ends at D7F9
                continue
            sound = sound_of(character)
            by_sound[sound] = by_sound.get(sound, "") + character
    return by_sound


def _chosen(places: int, share: float, draw: random.Random) -> list[int]:
    """Return sorted places: a share of them, at least one if the share is not 0."""
    if places < 1 or share == 0:
        return []
    return sorted(draw.sample(range(places), max(1, round(share * places))))


@functools.cache
def _pypinyin():  # noqa: ANN202
    try:
        import pypinyin
    except ImportError as error:
        raise ValueError(
            "homophones need the package pypinyin: pip install kexue-zoo[pinyin]"
        ) from error
    return pypinyin
