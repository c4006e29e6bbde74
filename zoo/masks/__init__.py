"""One Transformer whose attention mask decides what it is."""

from zoo.masks.algebra import (
    Mask,
    bidirectional,
    block,
    causal,
    diagonal,
    padding,
    permutation,
    prefix,
    reverse,
    sliding_window,
    unilm,
)
from zoo.masks.transformer import Transformer

__all__ = [
    "Mask",
    "Transformer",
    "bidirectional",
    "block",
    "causal",
    "diagonal",
    "padding",
    "permutation",
    "prefix",
    "reverse",
    "sliding_window",
    "unilm",
]
