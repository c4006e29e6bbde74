"""One Transformer whose attention mask decides what it is."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.masks.algebra import Mask as Mask
    from zoo.masks.algebra import bidirectional as bidirectional
    from zoo.masks.algebra import block as block
    from zoo.masks.algebra import causal as causal
    from zoo.masks.algebra import diagonal as diagonal
    from zoo.masks.algebra import padding as padding
    from zoo.masks.algebra import permutation as permutation
    from zoo.masks.algebra import prefix as prefix
    from zoo.masks.algebra import reverse as reverse
    from zoo.masks.algebra import sliding_window as sliding_window
    from zoo.masks.algebra import unilm as unilm
    from zoo.masks.bert import from_bert as from_bert
    from zoo.masks.classifiers import text_classifier as text_classifier
    from zoo.masks.classifiers import token_classifier as token_classifier
    from zoo.masks.net import Transformer as Transformer
    from zoo.masks.tokenizer import Tokenizer as Tokenizer

attach(__name__, __file__)
