"""One Transformer whose attention mask decides what it is."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.masks.attention.algebra import Mask as Mask
    from zoo.masks.attention.schemes import bidirectional as bidirectional
    from zoo.masks.attention.schemes import block as block
    from zoo.masks.attention.schemes import causal as causal
    from zoo.masks.attention.schemes import diagonal as diagonal
    from zoo.masks.attention.schemes import padding as padding
    from zoo.masks.attention.schemes import permutation as permutation
    from zoo.masks.attention.schemes import prefix as prefix
    from zoo.masks.attention.schemes import reverse as reverse
    from zoo.masks.attention.schemes import sliding_window as sliding_window
    from zoo.masks.attention.schemes import unilm as unilm
    from zoo.masks.bert import from_bert as from_bert
    from zoo.masks.classifiers import text_classifier as text_classifier
    from zoo.masks.classifiers import token_classifier as token_classifier
    from zoo.masks.net import Transformer as Transformer
    from zoo.masks.tokenizer import Tokenizer as Tokenizer

attach(__name__, __file__)
