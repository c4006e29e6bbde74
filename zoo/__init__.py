"""The techniques of Scientific Spaces (科学空间) as PyTorch Lightning models.

Importing `zoo` loads neither torch nor lightning; each name below is imported when first used.

Example:
    >>> import zoo
    >>> model = zoo.load("adversarial_fgm_poems")
    >>> model.predict(["床前明月光，疑是地上霜。举头望明月，低头思故乡。"])[0].label
    'Tang'
"""

from typing import TYPE_CHECKING

from zoo.lazy import attach
from zoo.version import __version__ as __version__

if TYPE_CHECKING:
    from zoo import adversarial as adversarial
    from zoo import decoding as decoding
    from zoo import gan as gan
    from zoo import infomap as infomap
    from zoo import linking as linking
    from zoo import masks as masks
    from zoo import nvae as nvae
    from zoo import pictures as pictures
    from zoo import words as words
    from zoo.hub import load as load
    from zoo.infomap.communities import find_communities as find_communities
    from zoo.registry import describe as describe
    from zoo.registry import list_models as list_models
    from zoo.words.discovery import discover_words as discover_words

attach(__name__, __file__)
