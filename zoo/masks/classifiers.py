"""Networks on an encoder that classify texts and label tokens."""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from zoo.layers.evaluation import require_evaluation
from zoo.layers.prediction import Prediction, most_probable
from zoo.layers.signature import Signature
from zoo.layers.sizes import require_sizes
from zoo.masks.attention.schemes import padding
from zoo.masks.encoder import Encoder, initialise
from zoo.masks.transformer import TokenTransformer


class EncoderClassifier(nn.Module):
    """An encoder, dropout and one linear layer.

    Args:
        vocabulary: number of token ids.
        classes: number of classes; default 2.
        width: channels of a token; default 128.
        depth: layers; default 2.
        shape: the other arguments of `Encoder`, such as `positions`.

    Attributes:
        arguments: what it was built with, defaults included, as a dict.

    Raises:
        ValueError: if a size is no whole number from 1 on, or as `Encoder`.
    """

    # what follows from the weights of a checkpoint, as `zoo fit --from` needs to know, and what a
    # checkpoint of masks has not learned
    SHAPE = tuple(name for name in TokenTransformer.SHAPE if name != "head")
    FRESH = ("head",)

    def __init__(
        self, vocabulary: int, classes: int = 2, *, width: int = 128, depth: int = 2, **shape: Any
    ) -> None:
        super().__init__()
        require_sizes(classes=classes)
        self.encoder = Encoder(vocabulary=vocabulary, width=width, depth=depth, **shape)
        self.arguments = {**self.encoder.arguments, "classes": classes}
        self.padding: int = self.arguments["padding"]
        self.dropout = nn.Dropout(self.arguments["dropout"])
        self.head = nn.Linear(width, classes)
        initialise(self.head)

    def signature(self) -> Signature:
        """Return what it takes and gives when it is exported; single texts, no pairs."""
        return Signature(
            self,
            inputs={"tokens": torch.full((2, 5), self.padding + 1)},
            axes={"tokens": ("batch", "time")},
            outputs=("logits",),
            longest=self.encoder.longest(),
        )


class TextClassifier(EncoderClassifier):
    """A classifier of texts, whose head reads the mean over the real tokens.

    The arguments are those of `EncoderClassifier`. A loaded checkpoint sets `preprocess` (texts to
    token ids) and `labels` (names of the classes).
    """

    preprocess: Any
    labels: list[str]

    def forward(self, tokens: Tensor, segment_ids: Tensor | None = None) -> Tensor:
        """Classify a batch.

        Args:
            tokens: int64 (batch, time), padded at the ends of the rows.
            segment_ids: int64 (batch, time), 1 in the second text of a pair; default all 0.

        Returns:
            float (batch, classes): logits.
        """
        valid = tokens != self.padding
        x = self.encoder(tokens, padding(valid), segment_ids)  # (batch, time, width)
        weight = valid[..., None].to(x.dtype)
        mean = (x * weight).sum(1) / weight.sum(1)  # (batch, width)
        return self.head(self.dropout(mean))

    @torch.inference_mode()
    def predict(self, texts: list[str], pairs: list[str] | None = None) -> list[Prediction]:
        """Classify texts, in one batch.

        Args:
            texts: any number of texts, of any length.
            pairs: the second text of each, of a classifier of pairs; default none.

        Returns:
            A prediction for each text.

        Raises:
            ValueError: in training mode, or if there is not a second text for each.
        """
        require_evaluation(self)
        if not texts:
            return []
        segments = None
        if pairs is None:
            tokens = self.preprocess(texts)
        elif len(pairs) == len(texts):
            tokens, segments = self.preprocess.pairs(texts, pairs)
            segments = segments.to(self.head.weight.device)
        else:
            raise ValueError(f"pairs has {len(pairs)} texts: expected {len(texts)}, one for each")
        logits = self(tokens.to(self.head.weight.device), segments)
        return most_probable(logits, self.labels)


class TokenClassifier(EncoderClassifier):
    """A classifier of tokens, for sequence labelling; arguments as of `EncoderClassifier`.

    A loaded checkpoint sets `preprocess` (a `Tokenizer`) and `labels` (names of the classes).
    """

    preprocess: Any
    labels: list[str]

    def forward(self, tokens: Tensor, segment_ids: Tensor | None = None) -> Tensor:
        """Label a batch.

        Args:
            tokens: int64 (batch, time), padded at the ends of the rows.
            segment_ids: int64 (batch, time); default all 0.

        Returns:
            float (batch, time, classes): logits.
        """
        states = self.encoder(tokens, padding(tokens != self.padding), segment_ids)
        return self.head(self.dropout(states))

    @torch.inference_mode()
    def predict(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Tag the words of sentences, one sentence at a time.

        Args:
            sentences: the words of each, or its characters (a string).

        Returns:
            A label for each word; fewer than there are words where a sentence is longer than the
            tokenizer's `max_length` tokens.
        """
        require_evaluation(self)
        tagged = []
        for words in sentences:
            ids, firsts = self.preprocess.encode_words(words)
            best = self(torch.tensor([ids], device=self.head.weight.device))[0].argmax(-1).tolist()
            tagged.append(
                [self.labels[i] for i, n in zip(best, firsts, strict=True) if n is not None]
            )
        return tagged


Classifier = TypeVar("Classifier", bound=EncoderClassifier)


def build_classifier(
    kind: Literal["text", "token"] = "text", **arguments: Any
) -> TextClassifier | TokenClassifier:
    """Build a classifier of texts or of tokens.

    Args:
        kind: which; default of texts.
        arguments: those of `EncoderClassifier`.
    """
    if kind == "token":
        return TokenClassifier(**arguments)
    return TextClassifier(**arguments)


def text_classifier(net: TokenTransformer, classes: int) -> TextClassifier:
    """Build a classifier of texts on a network's encoder; `zoo.adversarial` trains such ones.

    Args:
        net: from `from_bert` or `zoo.load`; its weights are copied, its tokenizer is taken over.
        classes: number of classes.

    Returns:
        In training mode, with a new head: the mean over the tokens, and one linear layer. BERT's
        pooler is not used, since many checkpoints have none.
    """
    return _on_encoder(TextClassifier(classes=classes, **encoder_arguments(net)), net)


def token_classifier(net: TokenTransformer, classes: int) -> TokenClassifier:
    """Build a classifier of tokens on a network's encoder; as `text_classifier`."""
    return _on_encoder(TokenClassifier(classes=classes, **encoder_arguments(net)), net)


def encoder_arguments(net: TokenTransformer) -> dict[str, Any]:
    """Return what the encoder of a network was built with, as arguments of a classifier."""
    return {n: value for n, value in net.encoder.arguments.items() if n != "targets"}


def _on_encoder(classifier: Classifier, net: TokenTransformer) -> Classifier:
    classifier.encoder.load_state_dict(net.encoder.state_dict(), strict=False)  # but its targets
    if "preprocess" in vars(net):
        vars(classifier)["preprocess"] = vars(net)["preprocess"]
    return classifier
