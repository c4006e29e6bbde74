import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from zoo import masks
from zoo.adversarial import FGM
from zoo.adversarial.module import Classifier
from zoo.masks.classifiers import encoder_arguments, text_classifier, token_classifier


@pytest.fixture
def bert():
    torch.manual_seed(0)
    return masks.Transformer(40, 16, 2, 2, positions=12, padding=1, two_stream=True, targets=12)


TOKENS = torch.tensor([[5, 9, 4, 7], [8, 6, 1, 1]])


def test_a_text_is_the_mean_of_its_tokens(bert):
    net = text_classifier(bert, 3).eval()
    plain = masks.Transformer(**bert.arguments | {"targets": 0, "two_stream": False}).eval()
    plain.load_state_dict(bert.state_dict(), strict=False)
    means = torch.stack(
        [plain.encode(TOKENS[:1])[0].mean(0), plain.encode(TOKENS[1:, :2])[0].mean(0)]
    )
    torch.testing.assert_close(net(TOKENS), net.head(means), rtol=1e-4, atol=1e-5)


def test_a_token_is_labelled_by_its_state(bert):
    net = token_classifier(bert, 5).eval()
    assert net(TOKENS).shape == (2, 4, 5)
    alone = net(TOKENS[1:, :2])
    torch.testing.assert_close(net(TOKENS)[1:, :2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.train
def test_the_adversarial_module_trains_bert_weights(bert):
    torch.manual_seed(0)
    module = Classifier(vocabulary=40, classes=2, width=16, heads=2, lr=1e-2, warmup=1)
    module.net = text_classifier(bert, 2)
    labels = torch.arange(8) % 2
    tokens = torch.randint(10, 40, (8, 6))
    tokens[:, 2] = 5 + labels  # one token tells
    trainer = Trainer(
        max_epochs=12,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[FGM(0.05)],
    )
    trainer.fit(module, DataLoader([*zip(tokens, labels, strict=True)], batch_size=4))
    before = bert.encoder.blocks[0].perceptron[0].weight
    assert not torch.equal(module.net.encoder.blocks[0].perceptron[0].weight, before)
    assert torch.equal(module.net.eval()(tokens).argmax(-1), labels)


def test_arguments_rebuild_the_classifier(bert):
    net = text_classifier(bert, 3)
    assert net.arguments == {**encoder_arguments(bert), "targets": 0, "classes": 3}
    again = type(net)(**net.arguments)
    again.load_state_dict(net.state_dict())
