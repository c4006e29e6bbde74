"""What an error says, on one line; the checks of numbers that users give."""

from numbers import Real
from operator import index
from pathlib import Path
from unicodedata import category

LARGEST_COUNT = 1 << 53  # below it floats are exact


def one_line(error: BaseException) -> str:
    """Return an error's message on one line; its class's name if it has none.

    Of an error of the system: the file's name and the system's words, without its number.
    """
    if isinstance(error, OSError) and error.strerror and isinstance(error.filename, str | Path):
        return f"{error.filename or repr('')}: {reason(error)}"
    return printable(" ".join(str(error).split())) or type(error).__name__


def printable(text: str) -> str:
    """Return a text without what would act on the terminal: it may be a stranger's."""
    return "".join("\ufffd" if category(c) == "Cc" and c not in "\t\n" else c for c in text)


def reason(error: OSError) -> str:
    """Return the system's words for an error, without its number and path."""
    return (error.strerror or one_line(error)).lower()


def require_whole(name: str, number: int, least: int = 1) -> int:
    """Return a whole number.

    Args:
        name: what the user calls it.
        number: what the user gave.
        least: the smallest that is allowed; default 1.

    Raises:
        ValueError: if it is no whole number, or below `least`.
    """
    try:
        whole = least - 1 if isinstance(number, bool) else index(number)
    except TypeError:
        whole = least - 1
    if whole < least:
        raise ValueError(f"{name} is {number!r}: expected a whole number, at least {least}")
    return whole


def require_number(name: str, number: float) -> None:
    """Refuse what is no number.

    Raises:
        ValueError: with its name and what was given.
    """
    if not isinstance(number, Real):
        raise ValueError(f"{name} is {number!r}: expected a number")
