"""Plain values: numbers, words, lists and mappings of them; nothing is made or called of them."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

Complaint = tuple[str, Any]  # the place in a recipe, and what stands there

_WORD = re.compile(r"[a-z0-9_-]*")
_KEY = re.compile(r"[^\W_][\w-]*")  # jsonargparse takes `net.class_path` apart
_ROOT = re.compile(r"[/\\~]|[A-Za-z]:")


def plain(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of what is no plain value: a class to call, a place elsewhere on this machine."""
    if isinstance(value, dict):
        for key, part in value.items():
            if not _KEY.fullmatch(str(key)) or key in ("class_path", "init_args", "dict_kwargs"):
                yield place, value
                return
            yield from plain(f"{place}.{key}", part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from plain(place, part)
    elif isinstance(value, str):
        if _leads_elsewhere(value) or not value.isprintable() or is_configuration(value):
            yield place, value
    elif not _is_number(value):
        yield place, value


def _leads_elsewhere(value: str) -> bool:
    """Say whether a string is an address, or a path that leads above the working folder."""
    return bool(_ROOT.match(value.strip())) or any(sign in value for sign in ("..", ":/", "::"))


def is_configuration(value: str) -> bool:
    """Say whether a string would be read as a mapping or a list, and so slip past `plain`."""
    try:
        return isinstance(yaml.safe_load(value), dict | list)
    except (yaml.YAMLError, ValueError, RecursionError):
        return "{" in value or "[" in value


def words(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of what is no number, single word or list of them: no dotted name, no path."""
    if isinstance(value, list):
        for part in value:
            yield from words(place, part)
    elif not (_is_word(value) if isinstance(value, str) else _is_number(value)):
        yield place, value


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _is_word(value: str) -> bool:
    """Say whether a string is a word or a number, such as `bf16-mixed` or `1e-3`."""
    if _WORD.fullmatch(value):
        return True
    try:
        float(value)
    except ValueError:
        return False
    return True
