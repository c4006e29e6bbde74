"""Networks on an encoder that classify texts and label tokens."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from zoo.layers.prediction import Prediction
from zoo.masks.algebra import padding
from zoo.masks.encoder import Encoder, initialise


class Headed(nn.Module):
    """An encoder, dropout and one linear layer.

    Args:
        vocabulary: number of token ids.
        classes: number of classes; default 2.
        width: channels of a token; default 128.
        depth: layers; default 2.
        heads: attention heads, which must divide `width`; default 4.
        dropout: dropout probability in training; default 0.1.
        padding: the id of padding; default 0.
        **shape: further arguments of `Encoder`, such as `positions`.
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int = 2,
        width: int = 128,
        depth: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        padding: int = 0,
        **shape: Any,
    ) -> None:
        super().__init__()
        self.padding = padding
        self.encoder = Encoder(vocabulary, width, depth, heads, dropout, padding=padding, **shape)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)
        initialise(self.head)


class TextClassifier(Headed):
    """A class for a text: the head reads the mean over the real tokens; arguments as of `Headed`.

    A loaded checkpoint sets `preprocess` (texts to token ids) and `labels` (names of the classes).
    """

    preprocess: Callable[[list[str]], Tensor]
    labels: list[str]

    def forward(self, tokens: Tensor) -> Tensor:
        """Classify a batch.

        Args:
            tokens: int64 (batch, time), padded at the ends of the rows.

        Returns:
            float (batch, classes): logits.
        """
        valid = tokens != self.padding
        x = self.encoder(tokens, padding(valid))  # (batch, time, width)
        weight = valid[..., None].to(x.dtype)
        mean = (x * weight).sum(1) / weight.sum(1)  # (batch, width)
        return self.head(self.dropout(mean))

    @torch.inference_mode()
    def predict(self, texts: list[str]) -> list[Prediction]:
        """Classify texts, in one batch.

        Args:
            texts: any number of texts, of any length.

        Returns:
            A prediction for each text.
        """
        if not texts:
            return []
        tokens = self.preprocess(texts).to(self.head.weight.device)
        probability, best = self(tokens).softmax(-1).max(-1)
        return [
            Prediction(self.labels[i], p)
            for i, p in zip(best.tolist(), probability.tolist(), strict=True)
        ]


class TokenClassifier(Headed):
    """A label for each token: sequence labelling; arguments as of `Headed`."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Label a batch.

        Args:
            tokens: int64 (batch, time), padded at the ends of the rows.

        Returns:
            float (batch, time, classes): logits.
        """
        states = self.encoder(tokens, padding(tokens != self.padding))
        return self.head(self.dropout(states))
