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
from zoo.masks.bert import from_bert
from zoo.masks.heads import text_classifier, token_classifier
from zoo.masks.tokenizer import Tokenizer
from zoo.masks.transformer import Transformer

__all__ = [
    "Mask",
    "Tokenizer",
    "Transformer",
    "bidirectional",
    "block",
    "causal",
    "diagonal",
    "from_bert",
    "padding",
    "permutation",
    "prefix",
    "reverse",
    "sliding_window",
    "text_classifier",
    "token_classifier",
    "unilm",
]
