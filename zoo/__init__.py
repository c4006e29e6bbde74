"""The techniques of Scientific Spaces (科学空间) as PyTorch Lightning models.

Importing `zoo` loads neither torch nor lightning; each name below is imported when first used.

Example:
    >>> import zoo
    >>> model = zoo.load("adversarial_fgm_poems")
    >>> model.predict(["床前明月光，疑是地上霜。举头望明月，低头思故乡。"])[0].label
    'Tang'
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo import adversarial as adversarial
    from zoo import decoding as decoding
    from zoo import infomap as infomap
    from zoo import masks as masks
    from zoo import words as words
    from zoo.hub import load
    from zoo.infomap.communities import find_communities
    from zoo.registry import describe, list_models
    from zoo.words.discovery import discover_words

__version__ = "0.1.0"
__all__ = ["describe", "discover_words", "find_communities", "list_models", "load"]

_TECHNIQUES = ("adversarial", "decoding", "infomap", "masks", "words")
_HOME = {
    "load": "zoo.hub",
    "list_models": "zoo.registry",
    "describe": "zoo.registry",
    "discover_words": "zoo.words.discovery",
    "find_communities": "zoo.infomap.communities",
}


def __getattr__(name: str) -> Any:
    if name in _TECHNIQUES:
        return importlib.import_module(f"zoo.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_TECHNIQUES, *_HOME})
