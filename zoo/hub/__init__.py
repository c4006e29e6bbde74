"""Checkpoints by name: from a folder, from the zoo itself, or from and to the Hugging Face Hub."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.hub.download import fetch as fetch
    from zoo.hub.download import pull as pull
    from zoo.hub.resolve import load as load
    from zoo.hub.resolve import resolve as resolve
    from zoo.hub.upload import push as push

attach(__name__, __file__)
