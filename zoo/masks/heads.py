"""Classifiers and labellers of texts that begin with the weights of a BERT."""

from typing import Any, TypeVar

from zoo.masks.classifiers import Headed, TextClassifier, TokenClassifier
from zoo.masks.transformer import Transformer

Classifier = TypeVar("Classifier", bound=Headed)

# what a `Transformer` has beyond its encoder
_OWN = ("head", "two_stream", "targets")


def text_classifier(net: Transformer, classes: int) -> TextClassifier:
    """Build a classifier of texts on a network's encoder; `zoo.adversarial` trains such ones.

    Args:
        net: from `from_bert` or `zoo.load`; its weights are copied, its tokenizer is taken over.
        classes: number of classes.

    Returns:
        In training mode, with a new head: the mean over the tokens, and one linear layer. BERT's
        pooler is not used, since many checkpoints have none.
    """
    return _on_encoder(TextClassifier(classes=classes, **encoder_arguments(net)), net)


def token_classifier(net: Transformer, classes: int) -> TokenClassifier:
    """Build a labeller of tokens on a network's encoder; as `text_classifier`."""
    return _on_encoder(TokenClassifier(classes=classes, **encoder_arguments(net)), net)


def encoder_arguments(net: Transformer) -> dict[str, Any]:
    """Return what the encoder of a network was built with, as arguments of a classifier."""
    return {name: value for name, value in net.arguments.items() if name not in _OWN}


def _on_encoder(classifier: Classifier, net: Transformer) -> Classifier:
    classifier.encoder.load_state_dict(net.encoder.state_dict(), strict=False)  # but its targets
    if "preprocess" in vars(net):
        vars(classifier)["preprocess"] = net.preprocess
    return classifier
