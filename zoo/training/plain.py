"""Plain values: numbers, words, lists and mappings of them; nothing is made or called of them."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

Complaint = tuple[str, Any]  # the place in a recipe, and what stands there

_WORD = re.compile(r"[a-z0-9_-]*")
_KEY = re.compile(r"[^\W_][\w-]*")
_HIDDEN = re.compile(r"(^|[/\\])\s*\.[^/\\]")
_ROOT = re.compile(r"[/\\~]|[A-Za-z]:")


def plain(place: str, value: Any) -> Iterator[Complaint]:
    """Complain of what is no plain value: a class to call, a place elsewhere on this machine."""
    if isinstance(value, dict):
        for key, part in value.items():
            if not is_key(key) or key in ("class_path", "init_args", "dict_kwargs"):
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


def is_key(key: Any) -> bool:
    """Say whether a key names one thing: jsonargparse takes `net.class_path` apart."""
    return bool(_KEY.fullmatch(str(key)))


def _leads_elsewhere(value: str) -> bool:
    """Say whether a string is an address, or a path to above the working folder or a hidden file.

    Who runs a recipe at home has keys and passwords in hidden files below it.
    """
    elsewhere = _ROOT.match(value.strip()) or _HIDDEN.search(value)
    return bool(elsewhere) or any(sign in value for sign in ("..", ":/", "::"))


def is_configuration(value: str) -> bool:
    """Say whether a string would be read as a mapping or a list, and so slip past `plain`."""
    try:  # nodes alone: PyYAML below 6.0.4 fills the memory when it makes values of merge keys
        return isinstance(yaml.compose(value, yaml.SafeLoader), yaml.CollectionNode)
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
