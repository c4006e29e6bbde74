"""A Transformer encoder whose attention mask is an argument, and a classifier on top of it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def padding_mask(valid: Tensor) -> Tensor:
    """Let every position look at every real token.

    Args:
        valid: bool (batch, time), true on real tokens and false on padding.

    Returns:
        bool (batch, 1, 1, time), true where a query may attend to a key.
    """
    return valid[:, None, None, :]


def rotate(x: Tensor) -> Tensor:
    """Turn each pair of channels by an angle proportional to its position.

    Rotary position embedding: Su et al., "RoFormer", arXiv 2104.09864, equation 34, with the
    channels paired as (i, i + half) and base 10,000.

    Args:
        x: float (batch, heads, time, channels), channels even.

    Returns:
        float (batch, heads, time, channels).
    """
    half = x.shape[-1] // 2
    position = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)
    speed = 10_000 ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = torch.outer(position, speed)  # (time, half)
    sin, cos = angle.sin().to(x.dtype), angle.cos().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Attention(nn.Module):
    """Multi-head self-attention with rotary positions.

    Args:
        width: channels of a token.
        heads: attention heads; must divide `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix the tokens that `mask` lets see each other; shapes as in `Encoder.forward`."""
        batch, time, width = x.shape
        qkv = self.query_key_value(x).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width / heads)
        # no dropout on attention weights: the fused kernels of the CPU have none
        mixed = F.scaled_dot_product_attention(rotate(q), rotate(k), v, mask)
        return self.output(mixed.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    """One pre-norm layer: attention, then a two-layer perceptron four times as wide."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.perceptron_norm = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU("tanh"),  # half the time of the exact form on a CPU
            nn.Linear(4 * width, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Shapes as in `Encoder.forward`."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        return x + self.dropout(self.perceptron(self.perceptron_norm(x)))


class Encoder(nn.Module):
    """Token embeddings and a stack of Transformer layers.

    Args:
        vocabulary: number of token ids.
        width: channels of a token; default 256.
        depth: layers; default 4.
        heads: attention heads, which must divide `width`; default 4.
        dropout: dropout probability in training; default 0.1.

    Raises:
        ValueError: if `heads` does not split `width` into an even number of channels each.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 256,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"width {width} must be a multiple of twice the heads, {2 * heads}")
        self.token_embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.apply(initialise)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Encode a batch of token sequences.

        Args:
            tokens: int64 (batch, time).
            mask: bool, broadcastable to (batch, heads, time, time); true where a query (row)
                may attend to a key (column).

        Returns:
            float (batch, time, width).
        """
        x = self.dropout(self.token_embedding(tokens))
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)


@dataclass(frozen=True)
class Prediction:
    """The most probable label of one text.

    Attributes:
        label: its name.
        probability: what the model gives it, from 0 to 1.
    """

    label: str
    probability: float


class TextClassifier(nn.Module):
    """An encoder, the mean over the real tokens, dropout and one linear layer.

    A loaded checkpoint sets `preprocess` (texts to token ids) and `labels` (names of the classes).

    Args:
        vocabulary: number of token ids; id 0 is padding.
        classes: number of classes; default 2.
        width: channels of a token; default 128.
        depth: layers; default 2.
        heads: attention heads, which must divide `width`; default 4.
        dropout: dropout probability in training; default 0.1.
    """

    preprocess: Callable[[list[str]], Tensor]
    labels: list[str]

    def __init__(
        self,
        vocabulary: int,
        classes: int = 2,
        width: int = 128,
        depth: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(vocabulary, width, depth, heads, dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)
        initialise(self.head)

    def forward(self, tokens: Tensor) -> Tensor:
        """Classify a batch.

        Args:
            tokens: int64 (batch, time), padded with 0.

        Returns:
            float (batch, classes): logits.
        """
        valid = tokens != 0
        x = self.encoder(tokens, padding_mask(valid))  # (batch, time, width)
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


def initialise(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02²), set biases to zero: as BERT (arXiv 1810.04805) does."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        nn.init.zeros_(module.weight[module.padding_idx])
