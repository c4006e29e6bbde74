"""Checks of what a user gives, made once, where it is given."""

from numbers import Real
from operator import index


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
