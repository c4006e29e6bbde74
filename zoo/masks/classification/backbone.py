"""What a classifier can start from: a checkpoint of masks, or a BERT of `transformers`."""

from typing import cast

from zoo import checkpoint, hub, registry
from zoo.masks.bert import from_foreign
from zoo.masks.classifiers import TextClassifier, text_classifier
from zoo.masks.net import Transformer


def from_backbone(source: str) -> TextClassifier | None:
    """Read the network that `zoo fit --from` names as the encoder of a classifier.

    Args:
        source: a BERT of `transformers`, as for `zoo.masks.from_bert`; a registered model of
            `zoo.masks`, a folder, or a repository on the Hub.

    Returns:
        A classifier whose head has not been trained; None if the checkpoint is one of a classifier.

    Raises:
        FileNotFoundError: if there is no such model, folder or repository.
        ValueError: if it is a model of `transformers`, but no BERT, or is damaged.
    """
    net = from_foreign(source)
    if net is None:
        folder = hub.resolve(source)
        entry = registry.describe(checkpoint.read_config(folder)["model"])
        if entry.builder() is not Transformer:
            return None
        net = cast(Transformer, checkpoint.load(folder))
    return text_classifier(net, classes=2)
