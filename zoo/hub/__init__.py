"""Checkpoints by name: from a folder, from the zoo itself, or from and to the Hugging Face Hub."""

from zoo.hub.download import fetch, load, pull, push, resolve

__all__ = ["fetch", "load", "pull", "push", "resolve"]
