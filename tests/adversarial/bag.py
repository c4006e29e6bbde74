"""A small module to attack, and what the tests of attacks share."""

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

EPSILON = 0.5
TOKENS = torch.tensor(
    [[3, 3, 1, 0], [2, 4, 0, 0], [5, 3, 6, 6], [1, 2, 3, 4]]  # repeated tokens and padding
)
LABELS = torch.tensor([0, 1, 1, 0])


def examples(repeat=1):
    return [(tokens, label) for tokens, label in zip(TOKENS, LABELS, strict=True)] * repeat


class Bag(LightningModule):
    """A mean of embeddings and a perceptron; the tests override what they are about."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.embed = nn.Embedding(7, 6, padding_idx=0)
        self.inner = nn.Linear(6, 6)
        self.head = nn.Linear(6, 2)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator))

    def forward(self, tokens):
        return self.head(torch.tanh(self.inner(self.embed(tokens).mean(1))))

    def loss(self, batch):
        tokens, labels = batch
        return F.cross_entropy(self(tokens), labels)

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD([p for p in self.parameters() if p.requires_grad], lr=0.1)


class Gradients(Callback):
    """Keep the gradients the optimizer is about to use."""

    def __init__(self):
        self.steps = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.steps.append(
            {n: p.grad.clone() for n, p in pl_module.named_parameters() if p.grad is not None}
        )


def loader(data=None, batch_size=4):
    return DataLoader(data or examples(), batch_size=batch_size, shuffle=False)


def fit(module, *callbacks, data=None, batch_size=4, validation=None, **options):
    defaults = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = Trainer(callbacks=list(callbacks), **(defaults | options))
    own = type(module).train_dataloader is not LightningModule.train_dataloader
    trainer.fit(module, None if own else loader(data, batch_size), validation)
    return trainer


def assert_same(ours, theirs, **tolerance):
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(
            ours[name], theirs[name], **(tolerance or {"rtol": 0, "atol": 1e-6}), msg=name
        )


def plain_gradients(module):
    kept = Gradients()
    fit(module, kept)
    return kept.steps[0]
