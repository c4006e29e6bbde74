"""Adversarial training on embeddings (Su 7234), and text classification to use it on."""

from zoo.adversarial.fgm import FGM

__all__ = ["FGM"]
