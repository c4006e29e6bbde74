"""What counts as a batch of texts."""

from typing import Any


def require_texts(texts: Any) -> None:
    """Refuse what is no batch of texts.

    Raises:
        TypeError: if it is one string, which would be read as a list of characters, no list at
            all, or a list with something else than strings.
    """
    if isinstance(texts, str):
        raise TypeError("expected a list of texts, got one string: write [text]")
    if not hasattr(texts, "__iter__"):
        raise TypeError(f"texts is {texts!r}: expected a list of strings")
    if isinstance(texts, list | tuple):
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"text {place} is {text!r}: expected a string")
