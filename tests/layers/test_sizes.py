"""No network is built of sizes that are none, whoever wrote its configuration."""

import inspect

import pytest
import torch

from zoo import registry

NETWORKS = {
    "masks_title_csl": {"vocabulary": 9, "width": 8, "depth": 1, "heads": 2, "hidden": 8},
    "masks_classifier_sentiment": {"vocabulary": 9, "classes": 3, "width": 8, "heads": 2},
    "decoding_lstm_poems": {"vocabulary": 9, "width": 8, "layers": 1},
    "linking_poets": {"vocabulary": 9, "width": 8, "heads": 2},
    "linking_wordnet": {"vocabulary": 9, "width": 8, "heads": 2},
    "gan_r3_colour": {"shape": [3, 8, 8], "classes": 2, "conditional": True, "base": 2},
    "nvae_tiny_digits": {"shape": [1, 8, 8], "groups": [1, 1], "width": 4, "latents": 2}
    | dict.fromkeys(("cells", "blocks", "block_cells", "expansion", "block_expansion"), 1)
    | {"flows": 0, "margin": 0, "mixtures": 2, "bits": 8},
    "pictures_digits": {"shape": [1, 8, 8]},
}


def sizes(name):
    """Return the arguments of a network by name, with the defaults that its constructor tells."""
    signature = inspect.signature(registry.describe(name).builder())
    bound = signature.bind(**NETWORKS[name])
    bound.apply_defaults()
    named = {k: v for k, v in bound.arguments.items() if isinstance(v, int | list)}
    return NETWORKS[name] | {k: v for k, v in named.items() if type(v) is not bool}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_no_size_is_refused_by_its_name(name):
    build = registry.describe(name).builder()
    with torch.device("meta"):
        build(**sizes(name))
        for argument, size in sizes(name).items():
            if type(size) is bool:
                continue
            for odd in (-1, 2.5, True, "3", float("nan"), None):
                if (argument, odd) == ("hidden", None):
                    continue
                wrong = [odd, *size[1:]] if isinstance(size, list) else odd
                told = "channels|groups" if isinstance(size, list) else argument
                with pytest.raises(ValueError, match=rf"({told}) is .*expected"):
                    build(**sizes(name) | {argument: wrong})


def test_every_technique_with_weights_is_tried():
    techniques = {registry.describe(name).build for name in registry.list_models()}
    tried = {registry.describe(name).build for name in NETWORKS}
    assert techniques - tried <= {"zoo.masks.classifiers:TextClassifier"}
