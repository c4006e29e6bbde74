"""What a user asks a network is refused in training mode: it would be random, and change it."""

import pytest
import torch

from zoo.gan.net import Gan
from zoo.linking.net import TransformerLinker
from zoo.masks.classifiers import TextClassifier, TokenClassifier
from zoo.nvae.net import NVAE
from zoo.pictures import PictureClassifier

PICTURE = torch.zeros(1, 1, 8, 8)
KNOWN = torch.ones(1, 1, 8, 8, dtype=torch.bool)
SMALL = {"width": 8, "depth": 1, "heads": 2}


def nvae():
    return NVAE(shape=[1, 8, 8], groups=[1, 1], width=4, latents=2)


@pytest.mark.parametrize(
    ("build", "ask"),
    [
        (lambda: PictureClassifier([1, 8, 8], base=4), lambda net: net.predict([PICTURE[0]])),
        (lambda: TextClassifier(9, **SMALL), lambda net: net.predict(["a"])),
        (lambda: TokenClassifier(9, **SMALL), lambda net: net.predict(["a"])),
        (lambda: TransformerLinker(5, **SMALL), lambda net: net.link("a")),
        (lambda: Gan([1, 8, 8], base=4), lambda net: net.sample(2)),
        (nvae, lambda net: net.sample(2)),
        (nvae, lambda net: net.encode(PICTURE)),
        (nvae, lambda net: net.decode(net.plan.latent_shapes)),
        (nvae, lambda net: net.reconstruct(PICTURE)),
        (nvae, lambda net: net.interpolate(PICTURE, PICTURE)),
        (nvae, lambda net: net.complete(PICTURE, KNOWN)),
        (nvae, lambda net: net.traverse(PICTURE, group=0)),
        (nvae, lambda net: net.nelbo(PICTURE)),
        (nvae, lambda net: net.score(PICTURE)),
        (nvae, lambda net: net.log_likelihood(PICTURE)),
    ],
)
def test_answers_are_refused_in_training_mode(build, ask):
    net = build().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ValueError, match="is in training mode: call model"):
        ask(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
